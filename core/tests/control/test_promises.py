"""A promise is state: given once a spell, moved only earlier, kept, broken with a cause, or void."""

from collections.abc import Callable
from typing import Any

import pytest
from shanyrak.config.commons import Commons
from shanyrak.control import facility
from shanyrak.control.promises import WORTH_MS, give
from shanyrak.testing.fakes import CPU, Bench, settle

ROW = "SELECT given, at, first, state, cause FROM promise ORDER BY workload, spell"


def promises(bench: Bench) -> list[tuple[Any, ...]]:
    with bench.site.journal.read() as rows:
        return rows.all(ROW)


def queue(bench: Bench) -> int:
    """One that fills the machine for a minute and one that must wait for it: it is promised that minute's end."""
    bench.run(cpus=4, width=2)
    bench.run(cpus=4, width=2)
    return bench.clock.wall + 60_000


def test_the_first_that_waits_is_promised_the_end_of_what_runs(bench: Bench) -> None:
    at = queue(bench)
    with bench.controller() as controller:
        settle(controller)
        ((given, now, first, state, cause),) = promises(bench)
        assert (now, first, state, cause) == (at, at, "given", "") and given <= at
        assert bench.site.eta(2)["kind"] == "promise" and bench.site.eta(2)["start"] == at


def test_kept_when_it_starts_in_time(bench: Bench) -> None:
    at = queue(bench)
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(60_000)
        settle(controller)
        assert bench.state(2) == "running/running"
    assert promises(bench)[0][1:] == (at, at, "kept", "")


def test_moved_only_earlier_and_only_when_it_is_worth_it(bench: Bench) -> None:
    bench.run()
    now = bench.clock.wall

    def say(at: int) -> tuple[int, str]:
        with bench.site.journal.write("me") as writer:
            give(writer, [1], [at], 500)
        return promises(bench)[0][1], bench.types()[-1]

    assert say(now + 50_000) == (now + 50_500, "promise.given")
    assert say(now + 60_000)[0] == now + 50_500, "never later"
    assert say(now + 50_000 - WORTH_MS + 1)[0] == now + 50_500, "not for less than a second"
    assert say(now + 50_000 - WORTH_MS) == (now + 50_500 - WORTH_MS, "promise.moved")
    assert promises(bench)[0][2] == now + 50_500, "what was promised first is kept"
    with bench.site.journal.write("me") as writer:
        give(writer, [99], [now], 0)
    assert len(promises(bench)) == 1


BREACHES: dict[str, tuple[Callable[[Bench], object], str]] = {
    "nothing": (lambda b: None, "work before it ran over its time at "),
    "held": (lambda b: b.site.hold(2), "the work was held by a person"),
    "node": (lambda b: b.engine().down("cpu-1"), "a node was lost"),
    "drain": (lambda b: b.site.drain(["cpu-0"]), "an operator drained a node (cpu-0)"),
    "window": (lambda b: b.site.add_window(["cpu"], b.clock.wall, 0), "an operator's window"),
    "paused": (lambda b: b.site.pause("p"), "the project was paused (p)"),
    "site": (lambda b: b.site.pause(), "the site was paused"),
    "grant": (lambda b: b.site.pull_grant(1), "a grant was changed"),
    "clock": (lambda b: b.clock.step(7_200_000), "the clock was stepped"),
    "facility": (
        lambda b: facility.declare(
            b.site.journal,
            "me",
            Commons.model_validate({"pools": [{**CPU, "nodes": 1}], "policy": {"active": "kernel"}}),
        ),
        "the facility or a cap was changed",
    ),
}


@pytest.mark.parametrize("case", BREACHES)
def test_broken_with_its_cause(bench: Bench, case: str) -> None:
    act, cause = BREACHES[case]
    queue(bench)
    with bench.controller() as controller:
        settle(controller)
        run = bench.engine().runs[bench.engine().starts[0]]
        act(bench)
        settle(controller)
        object.__setattr__(run.launch, "walltime_ms", 10**9)  # the engine does not end it in time
        bench.clock.advance(61_000)
        settle(controller)
    assert [state for *_, state, _ in promises(bench)] == ["broken"]
    assert promises(bench)[0][4].startswith(cause)


def test_broken_when_the_controller_was_down(bench: Bench) -> None:
    queue(bench)
    with bench.controller() as controller:
        settle(controller)
    bench.clock.advance(300_000)
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(2) == "running/running"
    assert promises(bench)[0][3:] == ("broken", "the controller was down (controller)")


@pytest.mark.parametrize("end", ["stopped", "expired", "cancelled"])
def test_void_when_its_work_is_gone(bench: Bench, end: str) -> None:
    bench.run(cpus=4, width=2)
    bench.run(cpus=4, width=2, term="20s")
    with bench.controller() as controller:
        settle(controller)
        assert promises(bench)[0][3] == "given"
        if end == "expired":
            bench.clock.advance(20_000)
        else:
            bench.site.stop(2)
        settle(controller)
    assert promises(bench)[0][3] == "void"


def test_a_new_spell_may_have_a_promise_of_its_own(bench: Bench) -> None:
    queue(bench)
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        engine.finish(engine.starts[0])
        settle(controller)
        assert bench.state(2) == "running/running"
        bench.run(cpus=4, width=2)
        engine.finish(engine.starts[1], cause="node", fenced=True)
        settle(controller)
        bench.clock.advance(2_000)
        settle(controller)
    found = promises(bench)
    assert [state for *_, state, _ in found][:2] == ["kept", "given"]
