"""The end of an attempt: its fate by what its engine saw, tries, backoff, late results."""

from collections.abc import Callable
from typing import Any

import pytest
from shanyrak.control.settle import BACKOFF_MS
from shanyrak.testing.fakes import Bench, FakeEngine, settle

Act = Callable[[FakeEngine, str], None]

FATES: dict[str, tuple[Act, str, str]] = {
    "done": (lambda e, t: e.finish(t), "done/ok", "done"),
    "exit": (lambda e, t: e.finish(t, exit_code=3), "failed/exit", "exit code 3"),
    "signal": (lambda e, t: e.finish(t, signal=11), "failed/signal", "ended by signal 11"),
    "walltime": (
        lambda e, t: e.finish(t, cause="walltime", signal=9),
        "failed/walltime",
        "it ran past its walltime of 1m",
    ),
    "memory": (
        lambda e, t: e.finish(t, cause="memory", peak_memory=1 << 30),
        "failed/memory",
        "it took more memory than it asked for (it had 1 GiB)",
    ),
    "launch": (
        lambda e, t: e.finish(t, cause="launch", words="no such command: x"),
        "failed/launch",
        "no such command: x",
    ),
    "stopped elsewhere": (
        lambda e, t: e.finish(t, cause="stopped", signal=15),
        "failed/stopped",
        "stopped on the engine, not through Shanyrak",
    ),
    "absent unfenced": (
        lambda e, t: e.vanish(t),
        "lost/unfenced",
        "the engine knows nothing of it any more, and nobody can say that it is dead, so it is not run again",
    ),
    "node unfenced": (
        lambda e, t: e.finish(t, cause="node", fenced=False),
        "lost/unfenced",
        "its node failed, and nobody can say that it is dead, so it is not run again",
    ),
    "node fenced": (
        lambda e, t: e.finish(t, cause="node", fenced=True),
        "queued/retry",
        "its node failed; try 2 of 3 follows",
    ),
    "absent fenced": (
        lambda e, t: e.vanish(t, fenced=True),
        "queued/retry",
        "the engine knows nothing of it any more; try 2 of 3 follows",
    ),
}


@pytest.mark.parametrize("case", FATES)
def test_each_fate(bench: Bench, case: str) -> None:
    act, state, words = FATES[case]
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(2_000)
        act(bench.engine(), bench.engine().starts[0])
        settle(controller)
        assert bench.state(1) == state
        with bench.site.journal.read() as rows:
            assert rows.one("SELECT words FROM workload WHERE id = 1") == (words,)
        assert controller.idle() == (not state.startswith("queued"))
    assert len(bench.engine().starts) == 1
    assert bench.site.account()["units"]["cpu-second"]["held"] == 0


def test_the_engines_own_times_and_exit_code_are_kept(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        begun = bench.clock.wall
        settle(controller)
        bench.clock.advance(9_000)
        bench.engine().finish(bench.engine().starts[0], exit_code=7, ran_ms=2_345)
        bench.clock.advance(60_000)
        settle(controller)
    (attempt,) = bench.site.workload(1)["attempts"]
    assert (attempt["started"], attempt["ended"], attempt["ran_ms"]) == (begun, begun + 2_345, 2_345)
    assert (attempt["exit_code"], attempt["isolation"]) == (7, "memory")
    row = bench.site.ps(True)[0]
    assert (row["started"], row["ended"], row["exit_code"]) == (begun, begun + 2_345, 7)


def test_infrastructure_is_tried_again_up_to_the_stated_number(bench: Bench) -> None:
    bench.run(retry={"tries": 3})
    engine = bench.engine()
    with bench.controller() as controller:
        for number in range(3):
            settle(controller)
            assert len(engine.starts) == number + 1
            engine.finish(engine.starts[number], cause="node", fenced=True, words="node died")
            settle(controller)
            bench.clock.advance(BACKOFF_MS[number] - 1)
            settle(controller)
            assert len(engine.starts) == number + 1, "not before its pause is over"
            bench.clock.advance(1)
        settle(controller)
    assert bench.state(1) == "failed/tries"
    assert len(set(engine.starts)) == 3, "each try has a token of its own"


def test_a_users_failure_is_not_tried_again(bench: Bench) -> None:
    bench.run(retry={"tries": 5})
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], exit_code=1)
        settle(controller)
        bench.clock.advance(600_000)
        settle(controller)
    assert len(bench.engine().starts) == 1


def test_unfenced_work_is_tried_again_when_its_spec_says_so(bench: Bench) -> None:
    bench.run(retry={"unfenced": True})
    with bench.controller() as controller:
        settle(controller)
        bench.engine().vanish(bench.engine().starts[0])
        settle(controller)
        bench.clock.advance(BACKOFF_MS[0])
        settle(controller)
        assert bench.state(1) == "running/running"
    assert len(bench.engine().starts) == 2


def test_a_launch_refused_for_the_users_fault_is_final(bench: Bench) -> None:
    bench.run()
    bench.engine().refuse("no such folder: /x", user_fault=True)
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(1) == "failed/launch" and controller.idle()
    assert bench.site.account()["units"]["cpu-second"] == {"issued": 10**6, "held": 0, "used": 0, "left": 10**6}


def test_a_launch_refused_for_the_engines_trouble_goes_back_and_costs_no_try(bench: Bench) -> None:
    bench.run(retry={"tries": 1})
    bench.engine().refuse("no room on the disk", times=3)
    with bench.controller() as controller:
        for pause in BACKOFF_MS[:3]:
            settle(controller)
            assert bench.state(1) == "queued/refused"
            bench.clock.advance(pause - 1)
            settle(controller)
            assert bench.state(1) == "queued/refused", "it waits longer each time"
            bench.clock.advance(1)
        settle(controller)
        assert bench.state(1) == "running/running"
    assert len(bench.engine().starts) == 1


def test_a_late_result_is_charged_once_and_changes_no_state(bench: Bench) -> None:
    bench.run()
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        token = engine.starts[0]
        run = engine.runs[token]
        lost, run.seen = run.seen, type(run.seen)(token, "absent")
        settle(controller)
        assert bench.state(1) == "lost/unfenced"
        run.seen = lost
        settle(controller)
        bench.clock.advance(5_500)
        engine.finish(token)
        settle(controller)
        settle(controller)
    assert bench.state(1) == "lost/unfenced"
    assert bench.site.account()["units"]["cpu-second"]["used"] == 6
    assert bench.types().count("attempt.late") == 1


@pytest.mark.parametrize("spec", [{}, {"array": "0-1"}, {"retry": {"unfenced": True}}])
def test_a_late_result_is_charged_by_the_next_controller_too(bench: Bench, spec: Any) -> None:
    bench.run(**spec)
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        token = engine.starts[0]
        begun = engine.runs[token].seen
        engine.vanish(token)
        settle(controller)
    engine.runs[token].seen = begun
    bench.clock.advance(3_000)
    engine.finish(token)
    for _ in range(2):
        with bench.controller() as controller:
            settle(controller)
    assert bench.types().count("attempt.late") == 1
    assert bench.site.account()["units"]["cpu-second"]["used"] == 3


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_failed_array_says_why_whichever_task_ends_last(bench: Bench, order: tuple[int, ...]) -> None:
    bench.run(array="0-2")
    with bench.controller() as controller:
        settle(controller)
        for task in order:
            bench.clock.advance(1_000)
            bench.engine().finish(bench.engine().starts[task], exit_code=7 if task == 1 else 0)
            settle(controller)
    assert bench.state(1) == "failed/exit"
    assert bench.site.ps(True)[0]["words"] == "of 3 tasks 1 failed; the first: exit code 7"


def test_a_task_that_was_tried_again_and_done_is_not_why_an_array_failed(bench: Bench) -> None:
    bench.run(array="0-1")
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        engine.finish(engine.starts[0], cause="node", fenced=True, words="node died")
        engine.finish(engine.starts[1], signal=11, exit_code=None)
        settle(controller)
        bench.clock.advance(BACKOFF_MS[0])
        settle(controller)
        engine.finish(engine.starts[2])
        settle(controller)
    assert bench.state(1) == "failed/signal"
    assert bench.site.ps(True)[0]["words"] == "of 2 tasks 1 failed; the first: ended by signal 11"
