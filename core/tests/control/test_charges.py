"""What is held, charged and given back: by grant, by its end, over the hold, once each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shanyrak.control.intents import Purse
from shanyrak.errors import RefusedProblem
from shanyrak.testing.fakes import Bench, settle

C = "cpu-second"


def grant(bench: Bench, number: int) -> tuple[int, int, int, int]:
    row = next(row for row in bench.site.grants() if row["grant"] == number)
    return row["issued"], row["held"], row["used"], row["left"]


def test_a_hold_is_width_by_units_by_walltime(bench: Bench) -> None:
    bench.run(cpus=3, width=2, walltime="10.5s")
    with bench.controller() as controller:
        settle(controller)
        assert grant(bench, 1)[1] == 2 * 3 * 11
        bench.clock.advance(1_001)
        for token in bench.engine().live():
            bench.engine().finish(token)
        settle(controller)
    assert grant(bench, 1) == (10**6, 0, 7, 10**6 - 7), "ceil(6 x 1.001)"


@pytest.mark.parametrize(("ran", "used"), [(0, 0), (1, 1), (1_000, 4), (1_001, 5), (60_000, 240)])
def test_a_charge_is_units_by_time_rounded_up(bench: Bench, ran: int, used: int) -> None:
    bench.run(cpus=4)
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], ran_ms=ran)
        settle(controller)
    assert grant(bench, 1) == (10**6, 0, used, 10**6 - used)


def test_the_grant_that_ends_first_pays_and_a_hold_may_span_two(bench: Bench) -> None:
    now = bench.clock.wall
    bench.fund("q", 1_000)
    bench.fund("q", 40, until=now + 10_000_000)
    bench.fund("q", 10, until=now + 5_000_000)
    bench.run("q", walltime=60)
    with bench.controller() as controller:
        settle(controller)
        assert [grant(bench, n)[1] for n in (4, 3, 2)] == [10, 40, 10]
        bench.clock.advance(15_000)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
    assert [grant(bench, n)[2] for n in (4, 3, 2)] == [10, 5, 0], "paid in the same order"
    assert [grant(bench, n)[3] for n in (4, 3, 2)] == [0, 35, 1_000]


def test_what_runs_over_its_hold_is_taken_from_left_which_may_go_below_nought(bench: Bench) -> None:
    bench.fund("q", 60)
    bench.run("q")
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], cause="walltime", ran_ms=75_000)
        settle(controller)
        assert grant(bench, 2) == (60, 0, 75, -15)
        assert bench.site.account()["balanced"]
        bench.fund("q", 70)
        assert bench.run("q").state == "refused", "the debt counts against other grants of the project"
        assert bench.run("q", walltime=55).state == "queued"
        settle(controller)
        assert bench.state(3) == "running/running"


def test_an_overrun_of_one_keeps_another_from_starting(bench: Bench) -> None:
    bench.fund("q", 130)
    bench.run("q", cpus=4)
    bench.site.stop(1)
    bench.run("q", walltime=100)
    with bench.controller() as controller:
        settle(controller)
        waits = bench.run("q", walltime=60)
        settle(controller)
        assert bench.state(waits.id) == "queued/waiting"
        reason = bench.site.why(waits.id)["reasons"][0]
        assert (reason["rule"], reason["need"], reason["have"]) == ("grant", 60, 30)
        bench.clock.advance(50_000)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
        assert bench.state(waits.id) == "running/running"


def test_starts_of_one_round_never_spend_the_same_twice(bench: Bench) -> None:
    bench.fund("q", 150)
    bench.run("q", array="0-7", cpus=1)
    with bench.controller() as controller:
        settle(controller)
        assert len(bench.engine().starts) == 2, "150 is enough for two holds of 60"
        assert grant(bench, 2) == (150, 120, 0, 30)


def test_what_comes_back_to_an_expired_grant_goes_on_to_the_pool(bench: Bench) -> None:
    bench.fund("q", 500, until=bench.clock.wall + 20_000)
    bench.run("q")
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(20_000)
        settle(controller)
        assert grant(bench, 2) == (60, 60, 0, 0), "what was left went at its end, what is held stays"
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
    assert grant(bench, 2) == (20, 0, 20, 0)
    assert [g["state"] for g in bench.site.grants("q")] == ["expired"]


def test_a_grant_that_was_pulled_gives_its_holds_back_at_their_end(bench: Bench) -> None:
    number = bench.fund("q", 500)
    bench.run("q")
    with bench.controller() as controller:
        settle(controller)
        assert bench.site.pull_grant(number) == 440
        with pytest.raises(Exception, match="pulled already"):
            bench.site.pull_grant(number)
        bench.engine().finish(bench.engine().starts[0], ran_ms=1_000)
        settle(controller)
    assert grant(bench, number) == (1, 0, 1, 0)


def test_a_part_of_a_grant_is_pulled(bench: Bench) -> None:
    number = bench.fund("q", 500)
    assert bench.site.pull_grant(number, 100) == 100
    assert grant(bench, number) == (400, 0, 0, 400)
    with pytest.raises(RefusedProblem, match="400 cpu-seconds are left of it"):
        bench.site.pull_grant(number, 401)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-50, 200), min_size=1, max_size=5),
    st.lists(st.integers(1, 120), min_size=1, max_size=12),
)
def test_a_purse_gives_exactly_what_is_asked_or_nothing(left: list[int], needs: list[int]) -> None:
    class Rows:
        def all(self, sql: str, params: object) -> list[tuple[int, int]]:
            return list(enumerate(left))

    purse = Purse(Rows(), {})  # type: ignore[arg-type]
    spent = 0
    for need in needs:
        drawn = purse.draw("p", C, need)
        if drawn is None:
            assert sum(left) - spent < need or sum(left) < 0
        else:
            assert sum(amount for _, amount in drawn) == need and all(amount > 0 for _, amount in drawn)
            spent += need
        assert spent <= max(0, sum(left)), "never more than the project has on the whole"
