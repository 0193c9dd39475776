"""Past work of another scheduler: in the journal once, charged to the grants of its time, followed by every view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from shanyrak.control.feed import Feed
from shanyrak.control.imported import PART
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.exchange import PastWork
from shanyrak.testing.fakes import EPOCH, Bench, settle

Make = Callable[..., Bench]
HOUR = 3_600_000


def work(job: str = "1", start: int = -10 * HOUR, ran: int = HOUR, **more: Any) -> PastWork:
    """Two nodes of two CPUs each; `start` counts from the beginning of the virtual clock."""
    began = EPOCH + start
    made = PastWork(
        job, job, "p", "cpu", 2, 4, began - 1000, began, began + ran, ran, 2 * ran, "ada", "train", "COMPLETED"
    )
    return replace(made, **more)


def left(bench: Bench) -> dict[int, tuple[int, int]]:
    return {row["grant"]: (row["used"], row["left"]) for row in bench.site.grants()}


def test_it_is_in_once_and_rehearsed_beside_what_ran_here(bench: Bench) -> None:
    looked = bench.site.bring_work("slurm/a", [work("1")], charge=True, look=True)
    assert looked.new == 1 and "work.imported" not in bench.types()
    one = bench.site.bring_work("slurm/a", [work("1"), work("2", -5 * HOUR, label="2_7"), work("1")])
    assert (one.new, one.known, one.own) == (2, 1, 0)
    again = bench.site.bring_work("slurm/a", [work("2"), work("3")])
    assert (again.new, again.known) == (1, 1)
    assert bench.site.bring_work("slurm/b", [work("1")]).new == 1, "another cluster counts its jobs by itself"
    assert bench.site.brought_until("slurm/a") == EPOCH - 4 * HOUR
    assert bench.site.brought_until("slurm/c") == 0
    rows = bench.site.past()
    assert [row.label for row in rows] == ["1", "3", "1", "2_7"], "by submission"
    assert {(row.project, row.sector, row.width, row.units, row.ran) for row in rows} == {("p", "startup", 2, 2, HOUR)}
    assert bench.site.usage() == [], "nothing was charged"
    assert bench.types().count("work.imported") == 3


def test_grants_of_its_time_pay_for_it(make: Make) -> None:
    bench = make()
    bench.fund("p", 100_000, start=EPOCH - 20 * HOUR, until=EPOCH + HOUR)  # ends first
    bench.fund("p", 100_000, start=EPOCH - 9 * HOUR)
    bench.fund("q", 7)
    # Half an hour before the second grant began, then half an hour within both: all of it fits into the first.
    bench.site.bring_work("s", [work("1", -9 * HOUR - HOUR // 2)], charge=True)
    assert left(bench) == {1: (14_400, 85_600), 2: (0, 100_000), 3: (0, 7)}
    # Eleven hours before any grant: only the hours since are paid for.
    bench.site.bring_work("s", [work("2", -31 * HOUR, 12 * HOUR)], charge=True)
    assert left(bench)[1] == (14_400 + 14_400, 100_000 - 28_800)
    # More than the first has left: the second pays the rest, and may go below zero.
    bench.site.bring_work("s", [work("3", -8 * HOUR, 8 * HOUR, units=8)], charge=True)
    used = 8 * 8 * 3600
    assert left(bench) == {1: (100_000, 0), 2: (used - 71_200, 100_000 - used + 71_200), 3: (0, 7)}
    usage = bench.site.usage("p")
    assert [(row["meter"], row["method"], row["amount"]) for row in usage] == [("s", "measured", 28_800 + used)]
    assert usage[0]["ran_ms"] == 10 * HOUR
    assert bench.site.check_account()["faults"] == []


def test_a_charge_beyond_what_it_ran_is_noticed(make: Make) -> None:
    bench = make()
    bench.fund("p", 100_000, start=EPOCH - 20 * HOUR)
    bench.site.bring_work("s", [work("1")], charge=True)
    with bench.site.journal.store.write() as rows:
        rows.run("UPDATE charge SET ms = ms + 1000, amount = amount + 4")
    assert [fault for fault in bench.faults() if "imported work s:1" in fault]
    with bench.site.journal.store.write() as rows:
        rows.run("UPDATE charge SET ms = ms - 1000, amount = amount - 4")


def test_suspended_time_is_not_charged(make: Make) -> None:
    bench = make()
    bench.fund("p", 100_000, start=EPOCH - 20 * HOUR)
    bench.site.bring_work("s", [work("1", ran=HOUR, ended_ms=EPOCH - 2 * HOUR)], charge=True)
    assert left(bench)[1][0] == 4 * 3600


def test_what_this_site_started_itself_is_not_counted_twice(bench: Bench) -> None:
    bench.run(cpus=2)
    with bench.controller() as controller:
        settle(controller)
        token = bench.engine().starts[0]
    with bench.site.journal.read() as rows:
        ((handle,),) = rows.all("SELECT handle FROM attempt")
    ours = work("1", title=token, label=f"{handle}_1")
    done = bench.site.bring_work("s", [ours, work("2"), work("3", title=token)])
    assert (done.new, done.own, done.known) == (2, 1, 0), "who only gives its job that name is charged for it"
    assert sorted(row.label for row in bench.site.past()) == ["2", "3"]


@pytest.mark.parametrize(
    "wrong",
    [{"project": "nobody"}, {"pool": "none"}, {"ran_ms": 2 * HOUR}, {"ended_ms": EPOCH + HOUR}, {"started_ms": 0},
     {"width": 0}, {"units": 0}, {"units": 1 << 60}],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_of_it_is_in(bench: Bench, wrong: dict[str, Any]) -> None:
    before = bench.types()
    with pytest.raises(UsageProblem):
        bench.site.bring_work("s", [work("1"), replace(work("2"), **wrong)])
    assert bench.types() == before
    with pytest.raises(UsageProblem, match="source"):
        bench.site.bring_work("", [work("1")])


def test_only_officers_may(bench: Bench) -> None:
    bench.site.actor = "somebody"
    with pytest.raises(RefusedProblem, match="officers"):
        bench.site.bring_work("s", [work("1")])


def test_many_go_in_parts_and_a_view_that_follows_equals_one_that_is_loaded(make: Make) -> None:
    bench = make(tables={"accounts": {"half_life": "1h"}, "policy": {"active": "kernel"}})
    bench.fund("p", 10_000_000, start=EPOCH - 9000 * HOUR)
    with bench.site.journal.read() as rows:
        followed = Feed(rows)
    works = [work(str(n), -n * HOUR, HOUR + n) for n in range(2, PART + 20)]
    assert bench.site.bring_work("s", works, charge=True).new == PART + 18
    assert bench.types().count("work.imported") == 2
    with bench.site.journal.read() as rows:
        followed.catch_up(rows)
        one, other = followed.mirror.view(0, 0), Feed(rows).mirror.view(0, 0)
    assert one.acc_settled.tolist() == other.acc_settled.tolist() and max(one.acc_settled.tolist()) > 0
    assert one.acc_left.tolist() == other.acc_left.tolist()
