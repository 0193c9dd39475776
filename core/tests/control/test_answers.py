"""Answers at the edges of what `why` and `eta` know: caps too low, starts of the same round, slow clocks, arrays."""

import time
from typing import Any

import pytest
from shanyrak.control import eta as eta_module
from shanyrak.control import now as now_module
from shanyrak.testing.fakes import Bench, settle


def rule(bench: Bench, id_: int, name: str) -> dict[str, Any]:
    return next(one for one in bench.site.why(id_)["reasons"] if one["rule"] == name)


def test_a_cap_below_the_request_is_not_waited_for(bench: Bench) -> None:
    bench.site.add_project("small", "startup", "o", cap=2)
    bench.site.add_grant("small", 10_000, "cpu-second")
    bench.run("small", cpus=3)
    assert rule(bench, 1, "cap")["change"] == "a cap of at least 3, or to ask for less"
    assert bench.site.eta(1)["kind"] == "none"


def test_what_starts_in_the_same_round_is_not_free(bench: Bench) -> None:
    bench.run(cpus=4), bench.run(cpus=3)
    bench.run(cpus=2)
    fit = rule(bench, 3, "fit")
    assert (fit["need"], fit["have"]) == (1, 0) and "the most free on one is 1" in fit["words"]


def test_a_grant_that_is_still_to_begin_is_told(bench: Bench) -> None:
    begins = bench.clock.wall + 3_600_000
    number = bench.fund("q", 1_000, start=begins)
    bench.run("q")
    assert f"or grant {number}, which begins at " in rule(bench, 1, "grant")["change"]


def test_a_promise_to_work_that_was_held_says_so(bench: Bench) -> None:
    bench.run(width=2, cpus=4), bench.run(width=2, cpus=4)
    with bench.controller() as controller:
        settle(controller)
        assert bench.site.eta(2)["words"].endswith("at the latest")
        bench.site.hold(2)
        answer = bench.site.eta(2)
    assert answer["kind"] == "promise" and answer["estimate"] is None
    assert answer["words"].endswith("but as things stand it does not start: see `shanyrak why 2`")


def test_a_clock_that_comes_no_further_gives_a_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        bench.run(width=2, cpus=4)
    patient = now_module.moment(bench.site)

    def slow(view: Any, params: Any, carry: Any) -> Any:
        if view.now > bench.clock.wall:
            time.sleep(30)
        return patient.decide(view, params, carry)

    one = now_module.Moment(patient.feed, patient.view, patient.plan, slow, "slow")
    monkeypatch.setattr(eta_module, "moment", lambda site: one)
    monkeypatch.setattr(eta_module, "PATIENCE_S", 0.1)
    answer = bench.site.eta(4)
    assert (answer["kind"], answer["start"]) == ("bound", bench.clock.wall)
    assert answer["words"].startswith("not before ")


def test_a_failed_array_names_the_task_whose_log_to_read(bench: Bench) -> None:
    bench.run(array="5,9-10")
    with bench.controller() as controller:
        settle(controller)
        for at, token in enumerate(bench.engine().starts):
            bench.engine().finish(token, exit_code=int(at == 1))
        settle(controller)
    assert rule(bench, 1, "exit")["change"] == "see `shanyrak logs 1 --task 9`"


def test_only_windows_that_are_in_the_way_are_told(bench: Bench) -> None:
    now = bench.clock.wall
    bench.site.add_window(["cpu-0"], now, now + 600_000)
    bench.site.add_window(["cpu"], now + 3_600_000, now + 7_200_000)
    bench.run(width=2)
    bench.run(width=1, walltime="2h")
    wide, long = rule(bench, 1, "window"), rule(bench, 2, "window")
    assert "window 1 from" in wide["words"] and "window 2" not in wide["words"]
    assert wide["change"].startswith("the end of window 1 at ") and wide["have"] == 0
    assert "window 1 from" in long["words"] and "window 2 from" in long["words"]
    assert (long["change"], long["have"]) == ("a walltime of at most 1h", 3_600_000)
