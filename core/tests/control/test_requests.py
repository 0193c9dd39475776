"""Stop, hold and release in each state, and what that means for what comes after."""

from collections.abc import Callable

import pytest
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.testing.fakes import Bench, settle


def test_stopping_what_waits_ends_it_now(bench: Bench) -> None:
    bench.run()
    assert bench.site.stop(1) == "cancelled"
    assert bench.state(1) == "cancelled/stopped"
    assert bench.site.stop(1) == "cancelled", "again changes nothing"
    assert bench.types().count("workload.stopped") == 1


def test_stopping_what_runs(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        assert bench.site.stop(1) == "stopping"
        assert bench.site.stop(1) == "stopping"
        settle(controller)
        assert bench.state(1) == "cancelled/stopped"
        assert controller.idle()
    assert ("stop", (bench.engine().starts[0],)) in bench.engine().calls
    assert bench.site.account()["units"]["cpu-second"]["held"] == 0


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda e, t: e.finish(t), "done/ok"),
        (lambda e, t: e.finish(t, exit_code=2), "failed/exit"),
        (lambda e, t: e.finish(t, cause="stopped", signal=9), "cancelled/stopped"),
        (lambda e, t: e.finish(t, cause="node", fenced=True), "cancelled/stopped"),
        (lambda e, t: e.vanish(t, fenced=False), "cancelled/stopped"),
    ],
)
def test_what_ended_first_wins_over_a_stop(bench: Bench, end: Callable[..., None], state: str) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        end(bench.engine(), bench.engine().starts[0])
        bench.site.stop(1)
        settle(controller)
    assert bench.state(1) == state
    assert len(bench.engine().starts) == 1, "what a person stopped is never tried again"


def test_a_stop_that_the_controller_has_not_seen_still_counts(bench: Bench) -> None:
    """It comes between the controller's look at the journal and its record of a lost node."""
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        engine, observe = bench.engine(), bench.engine().observe

        def stop_and_observe(tokens: tuple[str, ...]) -> object:
            bench.site.stop(1)
            return observe(tokens)

        engine.finish(engine.starts[0], cause="node", fenced=True)
        engine.observe = stop_and_observe  # type: ignore[method-assign, assignment]
        settle(controller)
        bench.clock.advance(600_000)
        settle(controller)
    assert bench.state(1) == "cancelled/stopped"
    assert len(engine.starts) == 1


def test_a_stop_between_intent_and_launch_never_launches(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        bench.engine().fail("launch", RuntimeError("away"))
        settle(controller)
        assert bench.state(1) == "starting/pending"
        bench.site.stop(1)
        bench.engine().mend()
        settle(controller)
        assert bench.state(1) == "cancelled/stopped"
    assert bench.engine().starts == []


def test_held_work_does_not_start_until_released(bench: Bench) -> None:
    bench.run()
    assert bench.site.hold(1) == "queued"
    bench.site.hold(1)
    with bench.controller() as controller:
        settle(controller)
        assert bench.engine().starts == [] and controller.idle()
        bench.site.release(1)
        settle(controller)
        assert bench.state(1) == "running/running"
        bench.site.hold(1)
        settle(controller)
        assert bench.state(1) == "running/running", "what runs goes on"
    assert bench.types().count("workload.held") == 3


def test_ended_and_unknown_work_cannot_be_held(bench: Bench) -> None:
    bench.run()
    bench.site.stop(1)
    with pytest.raises(UsageProblem, match=r"workload 1: it has ended \(cancelled\)"):
        bench.site.hold(1)
    for request in (bench.site.hold, bench.site.release, bench.site.stop):
        with pytest.raises(UsageProblem, match="workload 9: it does not exist"):
            request(9)


def test_others_work_takes_an_operator(bench: Bench) -> None:
    bench.run()
    bench.site.actor = "somebody"
    for request in (bench.site.stop, bench.site.hold, bench.site.release):
        with pytest.raises(RefusedProblem, match="somebody may not do this: it takes one of the operators"):
            request(1)
    with pytest.raises(RefusedProblem, match="officers"):
        bench.site.add_project("x", "startup", "o")
    mine = bench.run()
    assert bench.site.stop(mine.id) == "cancelled"


def test_a_chain_is_freed_one_by_one(bench: Bench) -> None:
    bench.run()
    bench.run(after=[1])
    bench.run(after=[1, 2])
    with bench.controller() as controller:
        for number in range(3):
            settle(controller)
            assert len(bench.engine().starts) == number + 1
            bench.engine().finish(bench.engine().starts[number])
        settle(controller)
    assert [bench.state(id_) for id_ in (1, 2, 3)] == ["done/ok"] * 3


def test_what_comes_after_a_failure_is_cancelled_to_the_end_of_the_chain(bench: Bench) -> None:
    for after in ([], [1], [2], [1, 3], []):
        bench.run(after=after)
    bench.run(after=[5, 2])
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], exit_code=1)
        settle(controller)
    assert [bench.state(id_) for id_ in (2, 3, 4, 6)] == ["cancelled/after-failed"] * 4
    assert bench.state(5) == "running/running"
    with bench.site.journal.read() as rows:
        assert rows.one("SELECT words FROM workload WHERE id = 3") == ("workload 2, which it came after, is cancelled",)


def test_a_long_chain_is_no_recursion(bench: Bench) -> None:
    bench.run()
    bench.site.submit_many([{"project": "p", "command": ["x"], "after": [n]} for n in range(1, 1500)])
    bench.site.stop(1)
    assert bench.state(1500) == "cancelled/after-failed"
