"""What the order of each policy costs a round: 468 accounts, 144 running, 100 or 5,000 pending.

    python plugins/policies/tests/benchmarks/bench_orders.py

Prints the best processor time of a call, in us, and the ratio to `shortest`, which only multiplies three columns, in the same
run; compiled where numba is installed, and interpreted. `flat`: one sector has all projects; else there are five.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from importlib import import_module

from shanyrak.api import COMPILED, MANY, Mirror, Params, desk
from shanyrak.policy.memory import face

NOW, HALF_LIFE = 10**12, 7 * 86_400_000
PARAMS: Params = {"half_life": HALF_LIFE}


def machine(pending: int, sectors: int) -> Mirror:
    """64 nodes of 8 units, all accounts with past use."""
    rng, mirror = random.Random(1), Mirror(half_life=HALF_LIFE)
    mirror.pool(0, 0)
    for node in range(64):
        mirror.node(node, 0, 8, True)
    for account in range(468):
        if account < sectors:
            mirror.account(account, -1, account + 1, floor=320 // sectors, cap=400)
        else:
            mirror.account(account, account % sectors, 1 + account % 3)
            mirror.usage(account, rng.randrange(10**12), NOW - rng.randrange(10**9))
        mirror.left(account, 0, MANY)
    for run in range(144):
        start, end = NOW - rng.randrange(10**8), NOW + rng.randrange(1, 10**8)
        mirror.adopt(run + 1, 10**6 + run, rng.randrange(sectors, 468), 1, [rng.randrange(64)], start, end)
    for job in range(pending):
        width, units, limit = rng.randint(1, 4), rng.randint(1, 8), rng.randrange(1, 10**8)
        account, class_ = rng.randrange(sectors, 468), rng.randrange(2)
        mirror.submit(job + 1, account, 0, width, units, 1, MANY, limit, NOW - pending + job, class_)
    return mirror


def cost(policy: str, mirror: Mirror, pending: int) -> float:
    """us of processor time of one call, the best of many."""
    stages = import_module(f"shanyrak_policies.{policy}").stages(mirror.view(1, NOW), PARAMS)
    made = desk.new_desk(mirror.memory, desk.Sizes(1, 1, 1, 1, 1, 1, 1, rows=pending, runs=144, depth=1))
    given = mirror.board, NOW, face(stages.numbers), face(made)
    calls, best = (50 if COMPILED else 1), float("inf")
    stages.order(*given)
    for _ in range(40 if COMPILED else 5):
        begun = time.process_time()
        for _ in range(calls):
            for column in (desk.D_CLAIM, desk.D_GUARD, desk.D_MOST):
                made[made[column] : made[column] + pending] = 0
            stages.order(*given)
        best = min(best, (time.process_time() - begun) / calls * 1e6)
    return best


def main() -> None:
    print(f"\n{'compiled' if COMPILED else 'interpreted'}, us a call (ratio to shortest)")
    for sectors in (5, 1):
        for pending in (100, 5000):
            mirror, base = machine(pending, sectors), 0.0
            print(f"{'flat' if sectors == 1 else 'five sectors'}, {pending:,} pending:", end="")
            for policy in ("shortest", "fairshare", "weighted", "lanes", "public_first"):
                took = cost(policy, mirror, pending)
                base = base or took
                print(f"  {policy} {took:,.1f} ({took / base:.1f})", end="", flush=True)
            print()


if __name__ == "__main__":
    main()
    if COMPILED:
        subprocess.run([sys.executable, __file__], env={**os.environ, "SHANYRAK_COMPILED": "0"}, check=True)
