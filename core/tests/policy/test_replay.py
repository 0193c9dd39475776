"""Rehearsals: calls that are left out would have changed nothing, the loops decide what `decide` does, compiled or not."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shanyrak.policy.arrays import MANY
from shanyrak.policy.board import J_CLASS, J_LIMIT, JOBS
from shanyrak.policy.compiled import jit
from shanyrak.policy.desk import C_ROWS, D_CLAIM, D_GUARD, KEYS
from shanyrak.policy.drive import Log, replay
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.stages import Stages, as_decide
from shanyrak.policy.works import Arrivals

SETTINGS = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def world(seed: int, pool: bool) -> tuple[Mirror, Arrivals]:
    """A pool of 8 units or three nodes of 4, two accounts of which one may have a cap, 30 jobs."""
    rng = np.random.default_rng(seed)
    mirror = Mirror(half_life=20_000)
    mirror.pool(0, 0)
    for node in range(1 if pool else 3):
        mirror.node(node, 0, 8 if pool else 4, True)
    mirror.account(0, cap=int(rng.choice([-1, 6])))
    mirror.account(1, 0)
    for account in range(2):
        mirror.left(account, 0, int(rng.choice([400, MANY])))
    if rng.random() < 0.3:
        mirror.window(1, [0], 20_000, 30_000)
    n = 30
    at = np.sort(rng.integers(0, 60, n) * 1000)
    width = np.ones(n, np.int64) if pool else rng.integers(1, 4, n)
    limit = 1000 * rng.integers(1, 20, n)
    return mirror, Arrivals(
        at, np.arange(1, n + 1), rng.integers(0, 2, n), np.zeros(n, np.int64), width,
        rng.integers(1, 9 if pool else 5, n), limit, rng.integers(1, limit + 1), class_=rng.integers(0, 3, n),
    )  # fmt: skip


def said(log: Log) -> list[list[int]]:
    return [getattr(log, name).tolist() for name in ("job", "run", "at", "end", "promise", "stopped_for", "nodes")]


def asked(decide, params, kept=lambda view, plan: None):
    """The same decisions through `decide` alone, as a live controller makes them: no loop knows the stages."""

    def plain(view, given_params, carry):
        plan, carry = decide(view, given_params, carry)
        kept(view, plan)
        return plan, carry

    return plain


@SETTINGS
@given(
    st.integers(0, 2**31), st.booleans(), st.sampled_from(["strict", "easy"]), st.integers(0, 3), st.sampled_from([0, 1]),
    st.booleans(),
)  # fmt: skip
def test_the_loops_decide_what_decide_does(seed, pool, pack, depth, promises, single):
    decide = as_decide(lambda view, params: Stages(pack=pack, depth=depth))
    params = {"promises": promises, "margin": 0, "promise_units": 0}
    inside = replay(*_first(seed, pool, decide, params), single=single)
    outside = replay(*_first(seed, pool, asked(decide, params), params), single=single)
    assert said(inside) == said(outside)


def _first(seed, pool, decide, params):
    mirror, work = world(seed, pool)
    return mirror, decide, params, 0, work


@SETTINGS
@given(st.integers(0, 2**31), st.booleans(), st.sampled_from(["strict", "easy"]), st.integers(0, 3))
def test_calls_left_out_as_quiet_would_have_been_empty(seed, pool, pack, depth):
    decide = as_decide(lambda view, params: Stages(pack=pack, depth=depth))
    loud = asked(decide, {}, kept=lambda view, plan: setattr(plan, "quiet", 0))
    params = {"promises": 0}
    quiet, all_of_them = (replay(*_first(seed, pool, one, params)) for one in (asked(decide, {}), loud))
    assert said(quiet) == said(all_of_them)
    assert quiet.rounds <= all_of_them.rounds


@jit
def by_class(b, now, numbers, d):
    """Higher classes first, then short work; claims and guards by class where `numbers[0]` says so."""
    for row in range(b[JOBS]):
        d[d[KEYS] + row] = -b[b[J_CLASS] + row]
        d[d[KEYS] + d[C_ROWS] + row] = b[b[J_LIMIT] + row]
        if numbers[0]:
            d[d[D_CLAIM] + row] = d[d[D_GUARD] + row] = b[b[J_CLASS] + row]


def with_arrays(view, params):
    claim = view.job_class.copy() if params["claims"] else None
    return Stages(keys=(-view.job_class, view.job_limit.copy()), claim=claim, guard=claim)


def with_order(view, params):
    numbers = np.array([params["claims"]], np.int64)
    return Stages(order=by_class, levels=2, numbers=numbers, reclaims=bool(params["claims"]))


@SETTINGS
@given(st.integers(0, 2**31), st.booleans(), st.booleans(), st.sampled_from([0, 1]))
def test_an_order_function_is_as_good_as_arrays(seed, pool, claims, promises):
    params = {"claims": int(claims), "promises": promises, "promise_units": 0}
    one = replay(*_first(seed, pool, as_decide(with_arrays), params))
    other = replay(*_first(seed, pool, as_decide(with_order), params))
    live = replay(*_first(seed, pool, asked(as_decide(with_order), params), params))
    assert said(one) == said(other) == said(live)


def test_only_the_work_that_the_dial_names_gets_a_promise(machine, promises):
    m = machine(4)
    m.run(1, [0], 4, end=10)
    m.mirror.submit(10, 0, 0, 1, 2, 1, MANY, 1000, 0)
    m.mirror.submit(11, 0, 0, 1, 1, 1, MANY, 1000, 0, class_=1)
    m.mirror.submit(12, 0, 0, 1, 4, 1, MANY, 1000, 0)
    decide = as_decide(lambda view, params: Stages(depth=3))
    for units, classes, who in ((0, 0, [10, 11, 12]), (4, 0, [12]), (-1, 2, [11]), (4, 2, [11, 12]), (-1, 0, [])):
        params = {"margin": 0, "promise_units": units, "promise_classes": classes}
        plan, _ = decide(m.mirror.view(1, 0), params, np.zeros(0, np.int64))
        assert sorted(promises(plan)) == who


def test_the_log_of_more_starts_than_work_has_room(machine):
    """One long piece of work, stopped again and again: starts are many more than jobs."""
    m = Mirror()
    m.pool(0, 0)
    m.node(0, 0, 1, True)
    m.account(0)
    m.left(0, 0, MANY)
    n = 300
    at = np.arange(n, dtype=np.int64) * 100_000
    one = np.ones(n, np.int64)
    class_ = np.array([0] + [1] * (n - 1))
    limit = np.where(class_ == 0, 10**9, 5_000)
    work = Arrivals(at, np.arange(1, n + 1), one * 0, one * 0, one, one, limit, limit, class_=class_)
    decide = as_decide(lambda view, params: Stages(keys=(-view.job_class,), claim=view.job_class.copy()))
    log = replay(m, decide, {"promises": 0}, 0, work)
    assert (log.job == 1).sum() == n
    assert (log.stopped_for > 0).sum() == n - 1


SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import test_replay as t
from shanyrak.policy.compiled import COMPILED
logs = []
for seed in range(30):
    for pool in (False, True):
        for decide, params in (
            (t.as_decide(lambda v, p: t.Stages(pack=["strict", "easy"][seed % 2], depth=seed % 4)), {{"promises": seed % 2}}),
            (t.as_decide(t.with_order), {{"claims": seed % 3 > 0, "promises": 0}}),
        ):
            logs.append(t.said(t.replay(*t._first(seed, pool, decide, params))))
print(json.dumps([COMPILED, logs]))
"""


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed: nothing to compare")
def test_compiled_rehearsals_equal_interpreted_ones():
    from pathlib import Path

    script = SCRIPT.format(folder=str(Path(__file__).parent))
    answers = []
    for compiled in ("1", "0"):
        env = {**os.environ, "SHANYRAK_COMPILED": compiled}
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
        answers.append(json.loads(done.stdout))
    assert [one[0] for one in answers] == [True, False]
    assert answers[0][1] == answers[1][1]
