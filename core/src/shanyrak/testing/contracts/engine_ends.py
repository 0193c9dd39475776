"""How work ended: each way is told from the others, and for how long it ran."""

from __future__ import annotations

import pytest

from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import eventually

FIRST, SECOND = "s1.3.0.1", "s1.3.1.1"
MEBI = 1 << 20


@pytest.mark.claim("signals")
def test_a_signal_is_told_from_an_exit_code(harness: EngineHarness) -> None:
    engine = harness.make()
    engine.launch([harness.launch(FIRST), harness.launch(SECOND)])
    for token, end in ((FIRST, -9), (SECOND, 9)):
        harness.begun(engine, token)
        harness.let(engine, token, end)
    killed, left = harness.ended(engine, FIRST), harness.ended(engine, SECOND)
    assert (killed.state, killed.cause, killed.exit_code, killed.signal) == ("ended", "", None, 9)
    assert (left.state, left.cause, left.exit_code, left.signal) == ("ended", "", 9, 0)


@pytest.mark.claim("memory")
def test_work_that_takes_too_much_memory_is_ended_and_told(harness: EngineHarness) -> None:
    """What stays within its memory goes on beside it."""
    engine = harness.make()
    engine.launch([harness.launch(FIRST, memory=256 * MEBI), harness.launch(SECOND, memory=512 * MEBI)])
    for token, size in ((SECOND, 64 * MEBI), (FIRST, 512 * MEBI)):
        harness.begun(engine, token)
        harness.eat(engine, token, size)
    seen = harness.ended(engine, FIRST)
    assert (seen.state, seen.cause) == ("ended", "memory")
    assert seen.exit_code != 0
    assert engine.observe([SECOND])[0].state == "running"
    harness.let(engine, SECOND)
    assert harness.ended(engine, SECOND).cause == ""


@pytest.mark.claim("nodes")
def test_the_death_of_a_node_is_told(harness: EngineHarness) -> None:
    """It is no end of the work's own; `fenced` only where nothing of it lives. The node takes work again when it is back."""
    engine = harness.make()
    engine.launch([harness.launch(FIRST)])
    harness.begun(engine, FIRST)
    name = harness.kill_node(engine, FIRST)
    try:
        seen = harness.ended(engine, FIRST)
        assert (seen.state, seen.cause) == ("ended", "node") and seen.exit_code != 0
        assert not seen.fenced or harness.processes(FIRST) == 0
        if name:
            (node,) = (node for node in engine.nodes() if node.name == name)
            assert not node.up and node.reason
    finally:
        if name:
            harness.begin_node(engine, name)
    eventually(lambda: all(node.up for node in engine.nodes() if node.name == name), "the node is back")
    engine.launch([harness.launch(SECOND)])
    assert harness.begun(engine, SECOND) == 1
    assert engine.observe([FIRST])[0] == seen, "what has ended does not change when the node is back"


@pytest.mark.claim("accounting")
def test_its_durations_are_those_of_its_own_account(harness: EngineHarness) -> None:
    """GPU-seconds here and there are the same, but for a second."""
    engine = harness.make(unit="gpu")
    node = next(node for node in engine.nodes() if node.up and node.units >= 2)
    engine.launch([harness.launch(FIRST, unit="gpu", nodes=((node.name, 2),))])
    harness.begun(engine, FIRST)
    harness.pass_time(3.0)
    harness.let(engine, FIRST)
    seen = harness.ended(engine, FIRST)
    units, ms = harness.accounted(engine, FIRST)
    assert units == 2
    assert abs(ms - seen.ran_ms) <= 1_000 and seen.ran_ms >= 3_000
