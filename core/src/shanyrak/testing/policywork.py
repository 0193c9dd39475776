"""A digest of what one policy plans on fixed machines: `python -m shanyrak.testing.policywork PLUGIN POLICY`.

Two processes that print the same have planned the same, whatever their hash seed and whether loops are compiled there.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from shanyrak.policy.arrays import MANY, ints
from shanyrak.policy.mirror import Mirror
from shanyrak.records import Policy
from shanyrak.testing.machine import PARAMS, decide_of

ROUNDS = 20


def digest(record: Policy, plugin: str) -> str:
    """sha256 over the plans of random machines of middle size."""
    decide = decide_of(record, plugin)
    total = hashlib.sha256()
    for seed in range(ROUNDS):
        draw = np.random.default_rng(seed)
        mirror, now = Mirror(), 1_000_000_000
        mirror.pool(0, 0)
        for node in range(16):
            mirror.node(node, 0, 4, bool(draw.integers(0, 10)))
        for account in range(5):
            mirror.account(account, -1 if account == 0 else 0, weight=int(draw.integers(1, 5)))
            mirror.left(account, 0, MANY)
        for run in range(8):
            mirror.adopt(run + 1, 9_000 + run, 1 + run % 4, 2, [run], now - 60_000 * run, now + 30_000 * run)
        for job in range(60):
            mirror.submit(
                100 + job, int(draw.integers(1, 5)), 0, int(draw.integers(1, 5)), int(draw.integers(1, 5)), 1, MANY,
                60_000 * int(draw.integers(1, 99)), now - int(draw.integers(0, 10**6)),
            )  # fmt: skip
        plan, carry = decide(mirror.view(1, now), PARAMS, ints())
        total.update(plan.hash().encode() + repr(carry.tolist()).encode())
    return total.hexdigest()


if __name__ == "__main__":
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.switches import Switches

    found = PluginManager(Switches(), warn=lambda line: None).policy(sys.argv[2]).record
    sys.stdout.write(digest(found, sys.argv[1]) + "\n")
