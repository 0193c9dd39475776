"""Room for work: what never fits, what has to wait, and who has which GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shanyrak.api import Engine
from shanyrak.exchange import Node, Seen
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import eventually

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"s1.4.{task}.1" for task in range(5))


def widest(engine: Engine) -> Node:
    """The node with the most units."""
    return max((node for node in engine.nodes() if node.up), key=lambda node: node.units)


@pytest.mark.claim("sizes")
@pytest.mark.parametrize("what", ["units", "cpus", "memory"])
def test_what_can_never_fit_is_refused_at_once(harness: EngineHarness, what: str) -> None:
    """In words, as the request's fault; what comes with it is launched."""
    engine = harness.make()
    node = widest(engine)
    impossible: dict[str, dict[str, Any]] = {
        "units": {"nodes": ((node.name, node.units + 1),)},
        "cpus": {"cpus": 100 * node.cpus},
        "memory": {"memory": 100 * node.memory},
    }
    replies = engine.launch([harness.launch(FIRST, **impossible[what]), harness.launch(SECOND)])
    said = {reply.token: reply for reply in replies}
    assert said[FIRST].refused and said[FIRST].user_fault
    assert said[SECOND].refused == "" and harness.begun(engine, SECOND) == 1
    assert harness.never_begun(engine, FIRST)
    assert engine.observe([FIRST])[0].state in ("absent", "unknown")


# ---- pending --------------------------------------------------------------------------------------------------


@contextmanager
def full(harness: EngineHarness, engine: Engine) -> Iterator[None]:
    """No room while the block runs."""
    make_room = harness.fill(engine)
    try:
        yield
    finally:
        make_room()


def pending(engine: Engine, token: str) -> Seen:
    """What is seen of it once it waits."""

    def waits() -> bool:
        return engine.observe([token])[0].state == "pending"

    eventually(waits, f"{token} waits")
    return engine.observe([token])[0]


@pytest.mark.claim("pending")
def test_what_waits_says_so_and_is_found_again(harness: EngineHarness) -> None:
    """Also by another controller; it starts once, when there is room, and has not run before."""
    engine = harness.make()
    launch = harness.launch(FIRST)
    with full(harness, engine):
        (reply,) = engine.launch([launch])
        assert reply.refused == ""
        seen = pending(engine, FIRST)
        assert seen.words and (seen.started_ms, seen.ended_ms, seen.ran_ms) == (0, 0, 0)
        engine.close()
        engine = harness.make()
        (again,) = engine.launch([launch])
        assert (again.refused, again.handle) == ("", reply.handle)
        assert pending(engine, FIRST).state == "pending"
        assert harness.never_begun(engine, FIRST)
    assert harness.begun(engine, FIRST) == 1
    eventually(lambda: engine.observe([FIRST])[0].state == "running", "it is seen to run")
    harness.let(engine, FIRST, 5)
    seen = harness.ended(engine, FIRST)
    assert (seen.exit_code, seen.cause) == (5, "") and seen.started_ms > 0
    assert harness.begun(engine, FIRST) == 1


@pytest.mark.claim("pending")
def test_what_waits_can_be_stopped_and_never_starts(harness: EngineHarness) -> None:
    engine = harness.make()
    with full(harness, engine):
        engine.launch([harness.launch(FIRST), harness.launch(SECOND)])
        pending(engine, FIRST), pending(engine, SECOND)
        engine.stop([FIRST])
        engine.stop([FIRST])
        seen = harness.ended(engine, FIRST)
        assert seen.fenced and seen.ran_ms == 0
        assert seen.state == "absent" or (seen.state, seen.cause) == ("ended", "stopped")
        assert engine.observe([SECOND])[0].state == "pending"
    assert harness.begun(engine, SECOND) == 1, "the other takes the room"
    engine.launch([harness.launch(FIRST)])
    harness.pass_time(0.5)
    assert harness.never_begun(engine, FIRST), "asked for again it does not start either"


# ---- GPUs -----------------------------------------------------------------------------------------------------


@pytest.mark.claim("gpus")
def test_each_has_gpus_of_its_own_and_they_are_free_afterwards(harness: EngineHarness) -> None:
    """Whether it ends by itself or is stopped; while all are taken nothing more starts on the node, also by another controller."""
    engine = harness.make(unit="gpu")
    node = widest(engine)
    half = node.units // 2
    assert half, "`gpus` is tried on a node with two at least"

    def launch(token: str, units: int) -> bool:
        (reply,) = engine.launch([harness.launch(token, unit="gpu", nodes=((node.name, units),))])
        assert not reply.user_fault
        return reply.refused == ""

    def taken(token: str) -> set[str]:
        assert harness.begun(engine, token) == 1
        return harness.devices(engine, token)

    assert launch(FIRST, half) and launch(SECOND, node.units - half)
    first, second = taken(FIRST), taken(SECOND)
    assert (len(first), len(second)) == (half, node.units - half) and first.isdisjoint(second)
    engine.close()
    engine = harness.make(unit="gpu")
    waits = launch(THIRD, half)
    harness.pass_time(0.5)
    assert harness.never_begun(engine, THIRD), "there is no room for a third"
    harness.let(engine, FIRST, 3)
    harness.ended(engine, FIRST)
    if not waits:
        assert launch(FOURTH, half)
    third = taken(THIRD if waits else FOURTH)
    assert len(third) == half and third.isdisjoint(second)
    engine.stop([SECOND, THIRD, FOURTH])
    for token in (SECOND, THIRD if waits else FOURTH):
        harness.ended(engine, token)
    assert launch(FIFTH, node.units) and len(taken(FIFTH)) == node.units
