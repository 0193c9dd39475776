"""Compiled and interpreted orders write the same numbers, to the last bit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, json, random, sys
sys.path.insert(0, sys.argv[1])
from conftest import DAY, HOUR, Bench
from shanyrak.api import COMPILED

hashes = {}
for seed in range(60):
    rng = random.Random(seed)
    b = Bench(nodes=8)
    for a in range(40):
        b.account(a, a % 4 if a >= 4 else -1, rng.randint(0, 9), floor=rng.choice([0, 8, 16]) if a < 4 else 0,
                  cap=rng.choice([-1, 40]), used=rng.choice([0, rng.randrange(1 << rng.randint(1, 62))]),
                  since=b.now - rng.randrange(40 * DAY))
    for _ in range(rng.randrange(40)):
        b.run(rng.randrange(40), [rng.randrange(8)], rng.randint(1, 8), rng.randrange(3 * DAY), rng.randrange(3),
              rng.choice([0, 0, 0, rng.randint(1, 80)]))
    for job in range(1, 80):
        b.job(job, rng.randrange(40), rng.randint(1, 4), rng.randint(1, 8), rng.randint(1, 3), ago=rng.randrange(9 * DAY),
              limit=rng.randint(1, HOUR), class_=rng.randrange(3), block=rng.choice([0, 0, 1]))
    for policy in ("shortest", "fairshare", "lanes", "public_first", "weighted"):
        out = b.order(policy, half_life=rng.randint(HOUR, 30 * DAY))
        text = json.dumps([out.keys, out.claim, out.guard, out.cost])
        hashes.setdefault(policy, []).append(hashlib.sha256(text.encode()).hexdigest())
print(json.dumps([COMPILED, hashes]))
"""


def outcome(compiled: str) -> list:
    env = {**os.environ, "SHANYRAK_COMPILED": compiled}
    told = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    return json.loads(subprocess.run(told, env=env, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed: nothing to compare")
def test_compiled_orders_equal_interpreted_ones() -> None:
    compiled, interpreted = outcome("1"), outcome("0")
    assert (compiled[0], interpreted[0]) == (True, False)
    for policy, hashes in interpreted[1].items():
        assert compiled[1][policy] == hashes, policy
        assert len(set(hashes)) == 60, "the boards are not all alike"
