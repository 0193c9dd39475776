"""What holds for every machine and queue: tried on random ones, the starts checked by a plain sweep over time."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shanyrak.policy.arrays import MANY
from shanyrak.policy.drive import drive
from shanyrak.policy.fallback import fallback
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.referee import check
from shanyrak.policy.stages import Stages, as_decide
from shanyrak.policy.works import Arrival

NOW = 1_000_000
SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def worlds(draw):
    """Plain data: pools of nodes, accounts, running work, windows, pending work, how the policy packs."""
    few = st.integers(1, 3)
    nodes = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.booleans()), min_size=1, max_size=5))
    nodes = [(pool, units, open_ or i == 0) for i, (pool, units, open_) in enumerate(nodes)]
    caps = draw(st.lists(st.integers(-1, 6), min_size=3, max_size=3))
    grants = draw(st.lists(st.sampled_from([0, 20, 100, MANY]), min_size=3, max_size=3))
    job = st.tuples(
        st.integers(0, 2), st.integers(0, 1), few, st.integers(1, 4), st.integers(1, 12), few,
        st.sampled_from([0, 1, 2, MANY]), st.integers(0, 3), st.sampled_from([0, 0, 0, 1 << 16]),
    )  # fmt: skip
    return {
        "nodes": nodes,
        "caps": caps,
        "grants": grants,
        "jobs": draw(st.lists(job, max_size=10)),
        "running": draw(st.lists(st.tuples(st.integers(0, 4), few, st.integers(-2, 9)), max_size=4)),
        "windows": draw(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 15), st.integers(1, 9)), max_size=2)),
        "pack": draw(st.sampled_from(["strict", "easy", "easy"])),
        "depth": draw(st.integers(0, 3)),
        "seed": draw(st.integers(0, 3)),
    }


def build(world, shift: int = 0, order=None, caps=None, dead: int = 0) -> Mirror:
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.pool(1, 0)
    for i, (pool, units, open_) in enumerate(world["nodes"]):
        mirror.node(i, pool, units, open_)
    mirror.account(0, cap=world["caps"][0] if caps is None else caps)
    for i in (1, 2):
        mirror.account(i, 0, cap=world["caps"][i] if caps is None else caps)
    for i, amount in enumerate(world["grants"]):
        mirror.left(i, 0, amount)
    for i, (node, units, end) in enumerate(world["running"]):
        view = mirror.view(0, 0)
        if node < len(world["nodes"]) and view.node_free[node] >= units:
            mirror.adopt(500 + i, 900 + i, 1, units, [node], shift, NOW + shift + end * 1000)
    for i, (node, from_, length) in enumerate(world["windows"]):
        if node < len(world["nodes"]):
            start = NOW + shift + from_ * 1000
            mirror.window(i, [node], start, start + length * 1000)
    jobs = list(enumerate(world["jobs"]))
    for i, (account, pool, width, units, limit, tasks, room, submit, block) in order(jobs) if order else jobs:
        mirror.submit(10 + i, account, pool, width, units, tasks, room, limit * 1000, NOW + shift + submit, block=block)
    for i in range(dead):
        mirror.submit(100 + i, 0, 0, 1, 1, 1, MANY, 1000, NOW)
        mirror.unqueue(100 + i)
    return mirror


def policy(world):
    def stages(view, params):
        # A key that depends on the job alone, not on its row.
        keys = (view.job_id * (7 * world["seed"] + 1) % 5,) if world["seed"] else ()
        return Stages(keys=keys, pack=world["pack"], depth=world["depth"])

    return as_decide(stages)


def refereed(decide, params):
    def wrapped(view, given_params, carry):
        plan, carry = decide(view, given_params, carry)
        assert check(view, plan, params) is None
        assert (plan.wait_why > 0).all(), "what waits has a reason"
        return plan, carry

    return wrapped


PARAMS = {"margin": 0, "depth": 1}
NONE = np.zeros(0, np.int64)


@SETTINGS
@given(worlds())
def test_the_referee_accepts_every_plan_and_all_that_waits_has_a_reason(world):
    view = build(world).view(1, NOW)
    plan, carry = refereed(policy(world), PARAMS)(view, PARAMS, NONE)
    assert check(view, fallback(view, PARAMS, carry)[0], PARAMS) is None


@SETTINGS
@given(worlds(), st.integers(0, 2**31))
def test_driven_work_never_shares_a_unit_and_no_promise_is_broken(world, seed):
    mirror = build(world)
    view = mirror.view(0, NOW)
    units = view.node_units.copy()
    spans = [
        (NOW, max(int(end), NOW + 1), [int(view.run_nodes[view.run_ptr[i]])], int(view.run_units[i]))
        for i, end in enumerate(view.run_end)
    ]
    rng = np.random.default_rng(seed)
    arrivals = [
        Arrival(NOW + int(rng.integers(0, 20_000)), 200 + i, int(rng.integers(0, 3)), int(rng.integers(0, 2)),
                int(rng.integers(1, 3)), int(rng.integers(1, 4)), 1000 * int(rng.integers(1, 9)),
                runtime=int(rng.integers(0, 9000)))
        for i in range(6)
    ]  # fmt: skip
    runtimes = {10 + i: int(rng.integers(1, 12_001)) for i in range(len(world["jobs"]))}
    sizes = {10 + i: job[3] for i, job in enumerate(world["jobs"])} | {a.job: a.units for a in arrivals}
    seen: dict[int, int] = {}

    def watching(view, params, carry):
        for row in np.flatnonzero((view.job_promise > 0) & (view.job_tasks > 0)).tolist():
            job, promise = int(view.job_id[row]), int(view.job_promise[row])
            assert view.now <= promise, "a promise has passed"
            assert promise <= seen.get(job, promise), "a promise was made later"
            seen[job] = promise
        plan, carry = refereed(policy(world), params)(view, params, carry)
        for job in plan.start_job.tolist():
            seen.pop(job, None)
        return plan, carry

    for start in drive(mirror, watching, PARAMS, NOW, arrivals, runtimes=runtimes):
        assert start.promise == 0 or start.at <= start.promise
        spans.append((start.at, start.end, list(start.nodes), sizes[start.job]))
    for when in sorted({span[0] for span in spans}):
        used = Counter[int]()
        for from_, until, nodes, size in spans:
            if from_ <= when < until:
                used.update(dict.fromkeys(nodes, size))
        assert all(units[node] >= total for node, total in used.items())


@SETTINGS
@given(worlds(), st.integers(1, 10**12), st.randoms(use_true_random=False))
def test_neither_order_of_rows_nor_dead_rows_nor_the_hour_changes_a_plan(world, shift, random):
    def shuffled(jobs):
        random.shuffle(jobs)
        return jobs

    plan, _ = policy(world)(build(world).view(1, NOW), PARAMS, NONE)
    again, _ = policy(world)(build(world, order=shuffled, dead=5).view(1, NOW), PARAMS, NONE)
    assert again.hash() == plan.hash()
    later, _ = policy(world)(build(world, shift).view(1, NOW + shift), PARAMS, NONE)
    later.promise_at -= shift
    later.hold_at -= shift
    later.wake -= shift if later.wake else 0
    assert later.hash() == plan.hash()


@SETTINGS
@given(worlds())
def test_a_cap_equal_to_the_machine_changes_nothing(world):
    total = sum(units for _, units, _ in world["nodes"])
    with_cap, _ = policy(world)(build(world, caps=total).view(1, NOW), PARAMS, NONE)
    without, _ = policy(world)(build(world, caps=-1).view(1, NOW), PARAMS, NONE)
    assert with_cap.starts() == without.starts()
    assert with_cap.promise_at.tolist() == without.promise_at.tolist()


@SETTINGS
@given(worlds())
def test_the_same_view_gives_the_same_plan_and_deciding_changes_no_view(world):
    mirror = build(world)
    view = mirror.view(1, NOW)
    before = {name: np.array(getattr(view, name)) for name in view.names()}
    first, carry = policy(world)(view, PARAMS, NONE)
    second, again = policy(world)(view, PARAMS, NONE)
    assert first.hash() == second.hash()
    assert carry.tolist() == again.tolist()
    assert all((np.asarray(getattr(view, name)) == value).all() for name, value in before.items())
