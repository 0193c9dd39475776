"""Compiled and interpreted kernels give the same plans, and plans survive their plain form."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from shanyrak.policy.plan import Plan

SCRIPT = """
import random, sys, json
import numpy as np
from shanyrak.policy.arrays import MANY
from shanyrak.policy.compiled import COMPILED
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.stages import Stages, as_decide

hashes = []
for seed in range(40):
    rng = random.Random(seed)
    m = Mirror()
    for pool in range(2):
        m.pool(pool, 0)
    for node in range(10):
        m.node(node, node % 2, rng.choice([4, 8]), rng.random() < 0.9)
    for account in range(4):
        m.account(account, account - 1 if account < 3 else 0, cap=rng.choice([-1, 8, 20]))
        m.left(account, 0, rng.choice([500, MANY]))
    m.window(1, [rng.randrange(10)], rng.randrange(30_000), 60_000)
    for job in range(120):
        m.submit(job, rng.randrange(4), rng.randrange(2), rng.randint(1, 4), rng.randint(1, 8), rng.randint(1, 3),
                 rng.choice([1, MANY]), rng.randint(1, 40) * 1000, rng.randrange(50))
    keys = lambda view: (view.job_width * view.job_units,) if seed % 2 else ()
    stages = lambda view, params: Stages(keys(view), rng.choice(["strict", "easy", "easy"]), depth=seed % 4)
    carry, now, run = np.zeros(0, np.int64), 0, 0
    for _ in range(6):
        plan, carry = as_decide(stages)(m.view(1, now), {"margin": 0}, carry)
        hashes.append(plan.hash())
        for job, tasks in plan.starts():
            for nodes in tasks:
                run += 1
                m.start(job, run, nodes, now, now + rng.randint(1, 40) * 1000)
        for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist()):
            m.promise(job, at)
        now += 5000
        view = m.view(1, now)
        for ended in view.run_id[view.run_end <= now].tolist():
            m.end(ended)
print(json.dumps([COMPILED, hashes]))
"""


def outcome(compiled: str) -> list:
    env = {**os.environ, "SHANYRAK_COMPILED": compiled}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed: nothing to compare")
def test_compiled_plans_equal_interpreted_ones():
    compiled, interpreted = outcome("1"), outcome("0")
    assert (compiled[0], interpreted[0]) == (True, False)
    assert compiled[1] == interpreted[1]
    assert len(set(compiled[1])) > 100, "the plans are not all alike"


def test_a_plan_survives_its_plain_form(machine):
    m = machine(2, 2)
    m.run(1, [0], 1, end=10)
    m.job(10, width=2, units=2)
    m.job(11, tasks=4, limit=5)
    plan = m.plan()
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.hash() == plan.hash()
    assert again.starts() == plan.starts() == [(11, [[0], [1], [1]])]
    assert not plan.empty
    assert Plan().empty
    assert Plan(wake=5).hash() != Plan().hash()
    with pytest.raises(TypeError):
        Plan.from_dict({"begin_job": [1]})


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (lambda v: None, "must be a Stages, not NoneType"),
        (lambda v: {"pack": "loose"}, "pack must be 'strict' or 'easy', not 'loose'"),
        (lambda v: {"depth": -1}, "depth must be a whole number from 0"),
        (lambda v: {"keys": (v.job_id / 2,)}, "key 0 must be int64 (1,), not float64 (1,)"),
        (lambda v: {"keys": ([1],)}, "key 0 must be int64 (1,), not list"),
        (lambda v: {"cap": v.job_id[:0]}, "cap must be int64 (1,), not int64 (0,)"),
    ],
)
def test_bad_stages_are_refused_in_words(machine, stages, words):
    import numpy as np
    from shanyrak.policy.stages import Stages, as_decide

    m = machine(1)
    m.job(10)

    def function(view, params):
        made = stages(view)
        return Stages(**made) if isinstance(made, dict) else made

    with pytest.raises(ValueError) as error:
        as_decide(function)(m.mirror.view(1, 0), {}, np.zeros(0, np.int64))
    assert words in str(error.value)
