"""The figures against their definitions, computed again in plain Python."""

from __future__ import annotations

import statistics

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.api import Mirror
from shanyrak_rehearse.choosing import Chosen
from shanyrak_rehearse.figures import groups, sizes, slowdowns, waits
from shanyrak_rehearse.gains import gains
from shanyrak_rehearse.machine import Machine
from shanyrak_rehearse.outcome import outcome
from shanyrak_rehearse.past import Past
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.tenants import Rule, tenants
from shanyrak_rehearse.work import Work, work

jobs = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1000, 10**9)), min_size=1, max_size=40)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@given(jobs)
def test_waits_are_what_their_names_say(rows):
    found = waits(ints(*(wait for wait, _ in rows)))
    seconds = sorted(wait / 1000 for wait, _ in rows)
    assert found["mean_s"] == round(sum(wait for wait, _ in rows) / len(rows) / 1000, 3)
    assert found["median_s"] == round(statistics.median(wait for wait, _ in rows) / 1000, 3)
    assert found["max_s"] == seconds[-1]
    assert sum(second <= found["p95_s"] for second in seconds) >= 0.95 * len(rows)
    assert sum(second < found["p95_s"] for second in seconds) < 0.95 * len(rows)


@given(jobs)
def test_the_bounded_slowdown(rows):
    wait, run = ints(*(w for w, _ in rows)), ints(*(r for _, r in rows))
    expected = [max(1.0, (w + r) / max(r, 10_000)) for w, r in rows]
    assert slowdowns(wait, run).tolist() == expected


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 10**6)), min_size=1, max_size=30))
def test_groups_are_the_whole_in_parts(rows):
    index, wait = ints(*(i for i, _ in rows)), ints(*(w for _, w in rows))
    run, use = np.full(len(rows), 1000), np.full(len(rows), 3_600_000)
    found = groups(index, ("a", "b", "c"), wait, run, use)
    assert sum(one["jobs"] for one in found) == len(rows)
    for one in found:
        mine = [w for i, w in rows if {"unknown": -1, "a": 0, "b": 1, "c": 2}[one["name"]] == i]
        assert one["wait"] == waits(ints(*mine))
        assert one["unit_hours"] == len(mine)


def test_sizes_by_powers_of_two():
    index, names = sizes(ints(1, 2, 3, 4, 7, 8, 512))
    assert [names[i] for i in index] == ["1", "2-3", "2-3", "4-7", "4-7", "8-15", "512-1023"]


def test_winners_and_losers():
    before, after = ints(100_000, 500_000, 0, 0), ints(0, 0, 200_000, 30_000)
    found = gains(before, after, {"account": (ints(0, 0, 1, 2), ("ada", "bek", "kim"))})
    assert (found["jobs_sooner"], found["jobs_later"]) == (2, 1)
    account = found["by"]["account"]
    assert [row["name"] for row in account["winners"]] == ["ada"]
    assert [row["name"] for row in account["losers"]] == ["bek", "kim"]
    assert account["winners"][0]["mean_before_s"] == 300.0


# ---- what was stopped, and who paid ----------------------------------------------------------------------------


def stopped() -> tuple[Work, Played]:
    """Job 0 (8 units of `startup`) runs from 0, is stopped at 100 s for job 1 (`public`, submitted at 90 s),
    and runs again from 200 s."""
    past = Past(
        submit=ints(0, 90_000), run=ints(300_000, 100_000), limit=ints(300_000, 100_000), processors=ints(8, 8),
        wait=ints(-1, -1), job=ints(1, 2), job_names=(), groups={"sector": ints(0, 1)},
        names={"account": (), "sector": ("startup", "public"), "class": ()}, extra={}, rows=2, dropped={}, changed={},
        facts={}, origin=None,
    )  # fmt: skip
    asked = work(past, Machine(1, 8), tenants(past, {}), "given", {})
    played = Played(
        Chosen("p", "1", "", lambda view, params, carry: None), job=ints(0, 1, 0), at=ints(0, 100_000, 200_000),
        end=ints(100_000, 200_000, 500_000), promise=ints(0, 150_000, 0), stopped_for=ints(1, -1, -1),
        start=ints(200_000, 100_000), over=ints(500_000, 200_000), given=1, rounds=0, skipped=0, seconds=0.0,
    )  # fmt: skip
    return asked, played


def test_who_pays_for_a_stop():
    entry = outcome(*stopped(), stopped()[1], timing=False)
    lost = round(8 * 100 / 3600, 3)
    assert entry["preemptions"] == {
        "stops": 1, "unit_hours_lost": lost,
        "reclaim": {"jobs": 1, "mean_s": 10.0, "median_s": 10.0, "p95_s": 10.0, "max_s": 10.0},
        "paid_by_sector": [{"name": "startup", "stops": 1, "unit_hours": lost}],
        "paid_for_sector": [{"name": "public", "stops": 1, "unit_hours": lost}],
    }  # fmt: skip
    assert entry["wait"]["max_s"] == 200.0, "to the start of the attempt that ran to its end"
    assert entry["utilisation"] == 0.8, "what was lost was no use"
    assert entry["promises"] == {
        "given": 1, "kept": 1, "broken": 0, "causes": {}, "early": {"median_s": 50.0, "p95_s": 50.0}
    }  # fmt: skip


# ---- the tree of accounts --------------------------------------------------------------------------------------


def test_each_pair_of_sector_and_account_is_an_account_below_its_sector():
    past = Past(
        submit=ints(0, 0, 0, 0), run=ints(1, 1, 1, 1), limit=ints(1, 1, 1, 1), processors=ints(1, 1, 1, 1),
        wait=ints(-1, -1, -1, -1), job=ints(1, 2, 3, 4), job_names=(),
        groups={"sector": ints(0, 1, 1, -1), "account": ints(0, 0, 1, 0)},
        names={"account": ("ada", "bek"), "sector": ("startup", "public"), "class": ()}, extra={}, rows=4, dropped={},
        changed={}, facts={}, origin=None,
    )  # fmt: skip
    made = tenants(past, {"public": Rule(3, 64, 128)})
    assert made.parents == [-1, -1, -1, 0, 1, 2, 2]
    assert made.rules[:3] == [Rule(), Rule(), Rule(3, 64, 128)], "unknown, startup, public"
    assert made.account.tolist() == [4, 5, 6, 3]
    mirror = Mirror()
    mirror.pool(0, 0)
    made.put(mirror)
    view = mirror.view(0, 0)
    assert view.acc_weight.tolist() == [1, 1, 3, 1, 1, 1, 1]
    assert view.acc_cap.tolist() == [-1, -1, 128, -1, -1, -1, -1]
