"""One decision with 10,000 pending jobs on 64 nodes x 8 units, compiled and interpreted.

    python core/tests/policy/benchmarks/bench_decide.py [JOBS]

Prints, for each policy and state of the machine, the best and the median CPU time of a decision, and the ratio to a
bare loop that only looks once at the size of each row, compiled or interpreted alike, in the same run. `full`: a
day in the life, an end every minute; `burst`: an eighth of the nodes comes free at once; `empty`: nothing runs.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from shanyrak.policy.arrays import MANY, Ints
from shanyrak.policy.compiled import COMPILED, jit
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.plan import Plan
from shanyrak.policy.stages import Stages, as_decide

PARAMS = {"margin": 0, "depth": 1}
POLICIES: dict[str, Callable[..., Stages]] = {
    "fifo": lambda view, params: Stages(pack="strict"),
    "easy": lambda view, params: Stages(),
    "shortest": lambda view, params: Stages((view.job_width * view.job_units * view.job_predicted,)),
}


@jit
def bare(width: Ints, units: Ints, free: int) -> int:
    """How many rows are no larger than what is free: the least a scheduler's loop can do."""
    small = 0
    for row in range(len(width)):
        if width[row] * units[row] <= free:
            small += 1
    return small


def facility(jobs: int) -> Mirror:
    """64 nodes x 8 units, 20 projects in 5 sectors, some capped; jobs as an AI cluster sees them: most are small."""
    rng, mirror = random.Random(1), Mirror()
    mirror.pool(0, 0)
    for node in range(64):
        mirror.node(node, 0, 8, True)
    for sector in range(5):
        mirror.account(sector)
    for project in range(5, 25):
        mirror.account(project, project % 5, cap=rng.choice([-1, -1, 64]))
        mirror.left(project, 0, MANY)
    for job in range(jobs):
        width = rng.choice([1] * 8 + [2, 4, 8])
        units = 8 if width > 1 else rng.choice([1, 1, 2, 4, 8])
        mirror.submit(job, rng.randrange(5, 25), 0, width, units, 1, MANY, rng.randint(1, 96) * 1_800_000, job)
    return mirror


def apply(mirror: Mirror, plan: Plan, now: int) -> None:
    for job, tasks in plan.starts():
        for nodes in tasks:
            view = mirror.view(0, now)
            mirror.start(job, job, nodes, now, now + int(view.job_limit[view.row(job)]))
    for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
        mirror.promise(job, at)


def rounds(name: str, state: str, jobs: int, count: int) -> list[float]:
    """Seconds of each decision."""
    mirror, decide, carry = facility(jobs), as_decide(POLICIES[name]), np.zeros(0, np.int64)
    rng, now, out = random.Random(2), 0, []
    while state != "empty":
        plan, carry = decide(mirror.view(0, now), PARAMS, carry)
        apply(mirror, plan, now)
        if plan.empty:
            break
    for _ in range(count):
        now += 60_000
        view = mirror.view(0, now)
        if state == "full":
            late = view.run_id[view.run_end <= now].tolist()
            for run in late or [rng.choice(view.run_id.tolist())]:
                mirror.end(run)
        trial = mirror.copy() if state == "burst" else mirror
        if state == "burst":
            held = np.flatnonzero(np.isin(view.run_nodes, rng.sample(range(64), 8)))
            for row in set((np.searchsorted(view.run_ptr, held, "right") - 1).tolist()):
                trial.end(int(view.run_id[row]))
        view = trial.view(0, now)
        begin = time.process_time()
        plan, after = decide(view, PARAMS, carry)
        out.append(time.process_time() - begin)
        if state == "full":
            carry = after
            apply(mirror, plan, now)
    return out


def main(jobs: int) -> None:
    mode, count = ("compiled", 200) if COMPILED else ("interpreted", 30)
    view = facility(jobs).view(0, 0)
    bare(view.job_width, view.job_units, 8)
    loops = []
    for _ in range(count):
        begin = time.process_time()
        bare(view.job_width, view.job_units, 8)
        loops.append(time.process_time() - begin)
    floor = min(loops)
    print(f"{mode}: {jobs} pending, 64 nodes x 8; bare loop over the rows {floor * 1e3:.3f} ms")
    for name in POLICIES:
        rounds(name, "empty", jobs, 1)
        for state in ("full", "burst", "empty"):
            took = rounds(name, state, jobs, count)
            best, median = min(took), statistics.median(took)
            print(
                f"  {name:9s} {state:6s} best {best * 1e3:7.3f} ms  median {median * 1e3:7.3f} ms"
                f"  {median / floor:6.1f} x the bare loop"
            )


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    main(size)
    if COMPILED and os.environ.get("SHANYRAK_COMPILED") != "1":
        subprocess.run([sys.executable, __file__, str(size)], env={**os.environ, "SHANYRAK_COMPILED": "0"}, check=True)
    elif not COMPILED and os.environ.get("SHANYRAK_COMPILED") != "0":
        print("compiled: not measured, numba is not installed")
