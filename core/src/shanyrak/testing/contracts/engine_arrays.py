"""Tasks of one array, which an engine may launch as one: told apart by token all the same, whatever becomes of the call."""

from __future__ import annotations

from typing import Any

import pytest

from shanyrak.exchange import Launch
from shanyrak.testing.engine_harness import EngineHarness

BUNDLE = "s1.2.0.1"

alike = pytest.mark.parametrize(
    "alike", [pytest.param(False, id="each"), pytest.param(True, id="alike", marks=pytest.mark.claim("arrays"))]
)
"""Each with a command of its own, and all with the very same one."""


def token(task: int, number: int = 1) -> str:
    """The token of a try of a task."""
    return f"s1.2.{task}.{number}"


def tasks(harness: EngineHarness, alike: bool, *indices: int, number: int = 1, bundle: str = BUNDLE) -> list[Launch]:
    """Launches of these tasks as one bundle."""
    made = []
    for task in indices:
        changes: dict[str, Any] = {"argv": harness.command(f"s1.2.{{task}}.{number}")} if alike else {}
        made.append(harness.launch(token(task, number), workload=2, task=task, bundle=bundle, **changes))
    return made


@alike
def test_tasks_launched_together_are_told_apart(harness: EngineHarness, alike: bool) -> None:
    """Each has a handle, an exit code and words of its own; one that is stopped leaves the others."""
    engine = harness.make()
    replies = engine.launch(tasks(harness, alike, 0, 1, 2, 5))
    assert sorted(reply.token for reply in replies) == [token(task) for task in (0, 1, 2, 5)]
    assert [reply.refused for reply in replies] == [""] * 4
    assert len({reply.handle for reply in replies}) == 4
    for task in (0, 1, 2, 5):
        assert harness.begun(engine, token(task)) == 1
    engine.stop([token(1)])
    stopped = harness.ended(engine, token(1))
    assert stopped.state == "ended" and (stopped.cause, stopped.exit_code) != ("", 0)
    assert [seen.state for seen in engine.observe([token(task) for task in (0, 2, 5)])] == ["running"] * 3
    for task, code in ((5, 7), (0, 3), (2, 0)):
        harness.let(engine, token(task), code)
        seen = harness.ended(engine, token(task))
        assert (seen.state, seen.cause, seen.exit_code) == ("ended", "", code)
    assert engine.observe([token(1)])[0] == stopped
    assert [harness.begun(engine, token(task)) for task in (0, 1, 2, 5)] == [1] * 4


@alike
def test_a_bundle_that_comes_in_parts_starts_each_task_once(harness: EngineHarness, alike: bool) -> None:
    """The controller died between two calls, or before it heard: the next asks for some again, with others of the bundle."""
    engine = harness.make()
    first = {reply.token: reply for reply in engine.launch(tasks(harness, alike, 0, 1))}
    again = {reply.token: reply for reply in engine.launch(tasks(harness, alike, 1, 2))}
    assert again[token(1)].handle == first[token(1)].handle
    engine.close()
    engine = harness.make()
    last = {reply.token: reply for reply in engine.launch(tasks(harness, alike, 0, 1, 2, 3))}
    assert {name: last[name].handle for name in (*first, *again)} == {
        name: reply.handle for name, reply in (first | again).items()
    }
    for task in range(4):
        assert harness.begun(engine, token(task)) == 1
    for task in range(4):
        harness.let(engine, token(task), task)
    assert [harness.ended(engine, token(task)).exit_code for task in range(4)] == [0, 1, 2, 3]
    assert [harness.begun(engine, token(task)) for task in range(4)] == [1] * 4, "and none has begun again"


@alike
def test_a_task_that_is_tried_again_is_another_attempt(harness: EngineHarness, alike: bool) -> None:
    """Its first try has ended, the others of its bundle go on; the next comes in a bundle of its own."""
    engine = harness.make()
    engine.launch(tasks(harness, alike, 0, 1))
    for task in (0, 1):
        harness.begun(engine, token(task))
    engine.stop([token(1)])
    stopped = harness.ended(engine, token(1))
    engine.launch(tasks(harness, alike, 1, number=2, bundle=token(1, 2)))
    assert harness.begun(engine, token(1, 2)) == 1
    harness.let(engine, token(1, 2), 4)
    assert harness.ended(engine, token(1, 2)).exit_code == 4
    assert engine.observe([token(1)])[0] == stopped
    assert engine.observe([token(0)])[0].state == "running"
