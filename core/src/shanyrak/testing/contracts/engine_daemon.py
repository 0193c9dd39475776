"""What stands behind an engine dies or hangs: attempts keep their identity, and silence means nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from shanyrak.api import Engine, EngineProblem
from shanyrak.exchange import Launch, Launched, Seen
from shanyrak.testing import harness as patience
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import deadline

FIRST, SECOND, THIRD = (f"s1.5.{task}.1" for task in range(3))


@contextmanager
def soon() -> Iterator[None]:
    """What is called within ends in time. AssertionError where it does not."""

    def late(*_: Any) -> None:
        raise AssertionError(f"a call did not end within {patience.PATIENCE_S:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, patience.PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def at_last(call: Callable[[], Any]) -> Any:
    """What it gives once the engine can be reached."""
    until = deadline()
    while True:
        try:
            return call()
        except EngineProblem:
            assert time.monotonic() < until, "the engine is never reached again"
            time.sleep(0.1)


def launched(engine: Engine, launches: Sequence[Launch]) -> dict[str, Launched]:
    """The answers, by token, once it can be reached and can say so of each."""
    until, answers = deadline(), dict[str, Launched]()
    while len(answers) < len(launches):
        assert time.monotonic() < until, f"it never answers for all: {answers}"
        replies: Sequence[Launched] = at_last(lambda: engine.launch(launches))
        answers |= {reply.token: reply for reply in replies}
    return answers


def known(engine: Engine, token: str) -> Seen:
    """What is seen once it can tell."""
    until = deadline()
    while (seen := at_last(lambda: engine.observe([token])[0])).state == "unknown":
        assert time.monotonic() < until, f"it can never tell what is with {token}"
        time.sleep(0.1)
    found: Seen = seen
    return found


@pytest.mark.claim("daemon")
@pytest.mark.parametrize("after", [0, 3, 6], ids="{} s".format)
def test_it_is_killed_after_it_accepted_work(harness: EngineHarness, after: int) -> None:
    """It may have lost the work, and give its number to the next: neither is taken for the other, and none runs twice.

    The controller too is begun anew, and has not heard of the first launch: it asks again, with another one beside.
    """
    engine = harness.make()
    first, second = harness.launch(FIRST), harness.launch(SECOND)
    engine.launch([first])
    harness.pass_time(after)
    harness.kill_daemon(engine)
    harness.begin_daemon(engine)
    engine.close()
    engine = harness.make()
    replies = launched(engine, [second, first])
    assert replies[SECOND].refused == "" and not replies[FIRST].user_fault
    assert harness.begun(engine, SECOND) == 1
    seen = known(engine, FIRST)
    for _ in range(10):
        assert harness.lives(engine, FIRST) <= 1, "it runs twice at a time"
        harness.pass_time(0.1)
    if seen.state in ("pending", "running"):
        harness.let(engine, FIRST, 5)
    harness.let(engine, SECOND, 9)
    other, seen = harness.ended(engine, SECOND), harness.ended(engine, FIRST)
    assert (other.state, other.cause, other.exit_code) == ("ended", "", 9)
    if seen.state == "ended" and seen.cause == "":
        assert seen.exit_code == 5, "it was taken for the other"
    else:
        assert seen.state == "absent" or seen.cause == "node", f"nobody ended it: {seen}"
    assert not seen.fenced or harness.processes(FIRST) == 0
    assert known(engine, FIRST) == seen


@pytest.mark.claim("survives")
def test_work_goes_on_while_it_is_dead(harness: EngineHarness) -> None:
    """Nothing is concluded meanwhile, what is asked for is not lost, and the end is known afterwards."""
    engine = harness.make()
    engine.launch([harness.launch(FIRST), harness.launch(SECOND)])
    harness.begun(engine, FIRST), harness.begun(engine, SECOND)
    asked = harness.launch(THIRD)
    harness.safe(engine)
    harness.kill_daemon(engine)
    try:
        with soon():
            nothing_concluded(engine)
        harness.let(engine, SECOND, 5)
        harness.over_ms(engine, SECOND)
        with soon(), suppress(EngineProblem):
            assert not any(reply.user_fault for reply in engine.launch([asked]))
    finally:
        harness.begin_daemon(engine)
    assert launched(engine, [asked])[THIRD].refused == ""
    assert harness.begun(engine, THIRD) == 1
    assert known(engine, SECOND).state in ("running", "ended")
    ended = harness.ended(engine, SECOND)
    assert (ended.state, ended.exit_code, ended.cause) == ("ended", 5, "")
    assert known(engine, FIRST).state == "running"
    assert [harness.begun(engine, token) for token in (FIRST, SECOND, THIRD)] == [1, 1, 1]


@pytest.mark.claim("hang")
def test_it_hangs_and_nothing_is_concluded(harness: EngineHarness) -> None:
    """Each call ends with an answer or an `EngineProblem`; what was asked for meanwhile is done once when it is asked again."""
    engine = harness.make()
    engine.launch([harness.launch(FIRST)])
    harness.begun(engine, FIRST)
    launch = harness.launch(SECOND)
    harness.hang_daemon(engine)
    try:
        with soon():
            nothing_concluded(engine)
        with soon(), suppress(EngineProblem):
            assert not any(reply.user_fault for reply in engine.launch([launch]))
        for call in (engine.nodes, lambda: engine.wait(0.1), lambda: engine.forget([THIRD])):
            with soon(), suppress(EngineProblem):
                call()
    finally:
        harness.resume_daemon(engine)
    assert launched(engine, [launch])[SECOND].refused == ""
    assert harness.begun(engine, SECOND) == 1
    assert known(engine, FIRST).state == "running"
    harness.let(engine, FIRST, 5)
    assert harness.ended(engine, FIRST).exit_code == 5
    assert [harness.begun(engine, token) for token in (FIRST, SECOND)] == [1, 1]


@pytest.mark.claim("hang")
def test_a_stop_that_was_asked_of_it_while_it_hung_is_not_lost(harness: EngineHarness) -> None:
    """Asked again, as a controller does, it ends the work once."""
    engine = harness.make()
    engine.launch([harness.launch(FIRST), harness.launch(SECOND)])
    harness.begun(engine, FIRST), harness.begun(engine, SECOND)
    harness.hang_daemon(engine)
    try:
        with soon(), suppress(EngineProblem):
            engine.stop([FIRST])
    finally:
        harness.resume_daemon(engine)
    at_last(lambda: engine.stop([FIRST]))
    seen = harness.ended(engine, FIRST)
    assert (seen.state, seen.cause) == ("ended", "stopped")
    assert known(engine, SECOND).state == "running"


def nothing_concluded(engine: Engine) -> None:
    """Asked for what runs, it says so or that it cannot tell."""
    with suppress(EngineProblem):
        assert engine.observe([FIRST])[0].state in ("running", "unknown")
