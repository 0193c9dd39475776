"""What holds of every rehearsal, whatever the work: drawn by hypothesis, on the core's own clock."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearselab.traces import swf
from shanyrak.api import PluginManager, Trace, UsageProblem
from shanyrak_rehearse.choosing import Chosen, choose, refuse_lacking
from shanyrak_rehearse.house import PARAMS
from shanyrak_rehearse.machine import Machine
from shanyrak_rehearse.past import archive
from shanyrak_rehearse.play import Played, play
from shanyrak_rehearse.tenants import Rule, tenants
from shanyrak_rehearse.work import Work, work

UNITS = 8
POLICIES = choose(PluginManager(), ["fifo", "easy", "shortest"])

requests = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(1, 120), st.integers(1, UNITS), st.integers(0, 100), st.integers(0, 2), st.integers(0, 1)
    ),
    min_size=1, max_size=25,
)  # fmt: skip
"""Submission, run time, processors, what was asked for beyond the run time, account, sector."""


def asked(rows: list[tuple[int, ...]], cap: int = -1, shift: int = 0) -> Work:
    columns = np.array(rows, np.int64).T
    submit, run, processors, beyond, account, sector = columns
    trace = Trace(
        {"submit": (submit + shift) * 1000, "run": run * 1000, "limit": (run + beyond) * 1000, "processors": processors,
         "account": account, "sector": sector, "job": np.arange(1, len(rows) + 1)},
        {"account": ("ada", "bek", "kim"), "sector": ("startup", "public")},
    )  # fmt: skip
    past = archive(trace)
    rules = {name: Rule(1, 0, cap) for name in ("startup", "public")}
    return work(past, Machine(2, UNITS // 2), tenants(past, rules), "given", {})


def played(made: Work, policy: Chosen, **params: int) -> Played:
    return play(made, policy, {**PARAMS, **params}, single=False)


@settings(deadline=None, max_examples=30)
@given(requests, st.sampled_from(POLICIES), st.sampled_from([0, 1]))
def test_all_work_runs_whole_on_the_units_there_are_and_promises_are_kept(rows, policy, promises):
    made = asked(rows)
    done = played(made, policy, promises=promises)
    assert (done.start >= made.past.submit).all()
    assert (done.over - done.start == made.past.run).all()
    for moment in done.at.tolist():
        now = (done.at <= moment) & (moment < done.end)
        assert (made.width * made.units)[done.job[now]].sum() <= UNITS
    assert (done.at <= np.where(done.promise > 0, done.promise, done.at)).all(), "nothing here could break a promise"
    assert promises or done.given == 0


@settings(deadline=None, max_examples=20)
@given(requests, st.sampled_from(POLICIES), st.integers(1, 10**6))
def test_another_clock_and_a_cap_as_large_as_the_machine_change_nothing(rows, policy, shift):
    plain = played(asked(rows), policy)
    for other in (asked(rows, shift=shift), asked(rows, cap=UNITS)):
        again = played(other, policy)
        assert again.start.tolist() == plain.start.tolist()


def test_a_policy_is_refused_by_the_column_that_it_needs():
    made = asked([(0, 1, 1, 0, 0, 0)])
    fair = Chosen("fair", "1", "other", POLICIES[0].decide, needs=("sector", "class"))
    with pytest.raises(
        UsageProblem, match="--policy fair: it decides by the class of work, and no job of this trace has one"
    ):
        refuse_lacking([*POLICIES, fair], made.past)
    refuse_lacking(POLICIES, made.past)


@pytest.mark.parametrize(
    ("policy", "lacks"),
    [("lanes", "sector"), ("public-first", "sector and the class"), ("fairshare", "account"), ("weighted", "account")],
)
def test_policies_say_what_they_need_of_a_trace(write, report, policy, lacks):
    with pytest.raises(UsageProblem, match=f"--policy {policy}: it decides by the {lacks} of work"):
        report(write(swf(1, 0, 1, 1)), "--pool", 1, "--policy", policy)
    known = swf(1, 0, 1, 1, user=1, group=1, queue=1)
    assert report(write(known), "--pool", 1, "--policy", policy)["policies"][0]["jobs"] == 1


@pytest.mark.slow
@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed: nothing is compiled")
@pytest.mark.parametrize("policy", ["fifo", "easy", "shortest", "fairshare", "lanes", "public-first", "weighted"])
def test_compiled_and_interpreted_give_the_same_bytes(tmp_path, policy):
    trace = tmp_path / "a.swf"
    draw = np.random.default_rng(5)
    trace.write_text("".join(
        f"{swf(i + 1, int(at), int(run), int(units), limit=int(run) + 60, user=i % 7, group=i % 3, queue=i % 2)}\n"
        for i, (at, run, units) in enumerate(zip(
            np.sort(draw.integers(0, 200_000, 1500)), draw.integers(1, 9000, 1500), draw.integers(1, 33, 1500), strict=True,
        ))
    ))  # fmt: skip
    assert rehearsed(trace, policy, "1") == rehearsed(trace, policy, "0")


def rehearsed(trace: Path, policy: str, compiled: str) -> str:
    words = [sys.executable, "-P", "-m", "shanyrak", "rehearse", str(trace), "--nodes", "8x8", "--promises", "site"]
    env = {"PATH": os.environ["PATH"], "HOME": str(trace.parent), "SHANYRAK_COMPILED": compiled}
    done = subprocess.run(
        [*words, "--policy", policy, "--json"], env=env, cwd=trace.parent, capture_output=True, text=True, check=True
    )
    return done.stdout
