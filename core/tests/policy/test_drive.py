"""The virtual clock beside a simulator that shares no code with it: a grid of whole seconds, every cell looked at."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
from shanyrak.policy.drive import drive, estimate
from shanyrak.policy.stages import Stages, as_decide
from shanyrak.policy.works import Arrival

HORIZON = 400


class Grid:
    """used[node][second]; jobs are (id, submit, width, units, limit, runtime) in seconds."""

    def __init__(self, units):
        self.units = units
        self.used = [[0] * HORIZON for _ in units]

    def fits(self, node, at, limit, units):
        return all(self.used[node][t] + units <= self.units[node] for t in range(at, at + limit))

    def mark(self, nodes, at, until, units):
        for node in nodes:
            for t in range(at, until):
                self.used[node][t] += units

    def now(self, at, job):
        """Best fit at `at`, or None."""
        _, _, width, units, limit, _ = job
        good = [n for n in range(len(self.units)) if self.fits(n, at, limit, units)]
        good.sort(key=lambda n: (self.units[n] - self.used[n][at], n))
        return good[:width] if len(good) >= width else None

    def reservation(self, now, job):
        """The first second at which enough nodes fit, those that are free the longest."""
        _, _, width, units, limit, _ = job
        for at in range(now, HORIZON - limit):
            good = [n for n in range(len(self.units)) if self.fits(n, at, limit, units)]
            if len(good) >= width:

                def since(n, at=at):
                    first = at
                    while first > now and self.used[n][first - 1] + units <= self.units[n]:
                        first -= 1
                    return first

                return at, sorted(good, key=lambda n: (since(n), n))[:width]
        raise AssertionError("the horizon is too near")


def simulate(units, jobs, strict):
    """[(job, second, nodes)] by looking at every second."""
    running, waiting, starts, coming = [], [], [], sorted(jobs, key=lambda j: (j[1], j[0]))
    for now in range(HORIZON // 2):
        running = [r for r in running if r[3] > now]
        waiting += [j for j in coming if j[1] == now]
        grid = Grid(units)
        for nodes, size, limit_end, _ in running:
            grid.mark(nodes, now, limit_end, size)
        blocked = False
        for job in list(waiting):
            nodes = grid.now(now, job)
            if nodes is not None and not (strict and blocked):
                grid.mark(nodes, now, now + job[4], job[3])
                running.append((nodes, job[3], now + job[4], now + min(job[4], job[5])))
                starts.append((job[0], now, tuple(nodes)))
                waiting.remove(job)
            elif not blocked:
                blocked = True
                if not strict:
                    at, nodes = grid.reservation(now, job)
                    grid.mark(nodes, at, at + job[4], job[3])
    return starts


@pytest.mark.parametrize("pack", ["strict", "easy"])
@pytest.mark.parametrize("seed", range(15))
def test_starts_equal_those_of_the_grid(machine, pack, seed):
    rng = random.Random(seed)
    units = [rng.choice([2, 4]) for _ in range(4)]
    jobs = []
    for i in range(25):
        limit = rng.randint(1, 9)
        jobs.append((10 + i, rng.randint(0, 12), rng.randint(1, 3), rng.randint(1, 2), limit, rng.randint(1, limit)))
    m = machine(*units)
    arrivals = [Arrival(j[1] * 1000, j[0], 0, 0, j[2], j[3], j[4] * 1000, runtime=j[5] * 1000) for j in jobs]
    decide = as_decide(lambda view, params: Stages(pack=pack))
    got = [(s.job, s.at // 1000, s.nodes) for s in drive(m.mirror, decide, {"margin": 0}, 0, arrivals)]
    want = simulate(units, jobs, pack == "strict")
    assert len(want) == 25
    assert got == want


def test_what_is_not_used_of_a_grant_comes_back_at_the_end(machine):
    m = machine(1)
    m.mirror.account(1)
    m.mirror.left(1, 0, 10)
    m.job(10, account=1)
    m.job(11, account=1, limit=6)
    decide = as_decide(lambda view, params: Stages())
    starts = list(drive(m.mirror, decide, {}, 0, runtimes={10: 4000}))
    assert [(s.job, s.at) for s in starts] == [(10, 0), (11, 4000)]
    m = machine(1)
    m.mirror.account(1)
    m.mirror.left(1, 0, 10)
    m.job(10, account=1)
    m.job(11, account=1, limit=6)
    assert [s.job for s in drive(m.mirror, decide, {}, 0, runtimes={10: 5000})] == [10]


def test_windows_wake_the_clock_and_until_ends_it(machine):
    decide = as_decide(lambda view, params: Stages())
    m = machine(1)
    m.window(1, [0], 0, 30)
    m.job(10, limit=5, tasks=3)
    assert [s.at for s in drive(m.mirror.copy(), decide, {}, 0)] == [30_000, 35_000, 40_000]
    assert [s.at for s in drive(m.mirror, decide, {}, 0, until=36_000)] == [30_000, 35_000]


def test_an_estimate_says_when_or_that_it_cannot(machine):
    decide = as_decide(lambda view, params: Stages())
    m = machine(1)
    m.run(1, [0], 1, end=10)
    m.job(10, limit=5)
    m.job(11)
    m.job(12, block=1 << 16)
    m.job(13, units=9)
    left = [estimate(m.mirror.copy(), decide, {}, 0, job) for job in (10, 11, 12, 13)]
    assert left == [10_000, 15_000, None, None]
    assert estimate(m.mirror.copy(), decide, {}, 0, 11, until=12_000) is None
    assert m.mirror.view(1, 0).job_tasks.tolist() == [1, 1, 1, 1], "copies were driven"


def trace() -> Path | None:
    """The KTH log of the Parallel Workloads Archive, where a checkout has it in `shared/traces` beside it."""
    for folder in Path(__file__).resolve().parents:
        for found in (folder / "shared" / "traces", folder.parent / "shared" / "traces"):
            if (found / "KTH-SP2-1996-2.1-cln.swf.gz").exists():
                return found / "KTH-SP2-1996-2.1-cln.swf.gz"
    return None


@pytest.mark.skipif(trace() is None, reason="no shared/traces with the KTH log beside this checkout")
def test_easy_beats_fifo_on_the_first_jobs_of_the_kth_log(machine):
    jobs = []
    with gzip.open(str(trace()), "rt") as lines:
        for line in lines:
            field = line.split()
            if line.startswith(";") or len(jobs) == 600:
                continue
            run, size, limit = int(field[3]), max(int(field[4]), int(field[7])), int(field[8])
            if run > 0 and 0 < size <= 100 and limit > 0:
                jobs.append((int(field[0]), int(field[1]), size, max(limit, run), run))
    waits = {}
    for pack in ("strict", "easy"):
        m = machine(*[1] * 100)
        arrivals = [Arrival(s * 1000, j, 0, 0, n, 1, limit * 1000, runtime=run * 1000) for j, s, n, limit, run in jobs]
        decide = as_decide(lambda view, params, pack=pack: Stages(pack=pack))
        starts = list(drive(m.mirror, decide, {"margin": 0}, 0, arrivals))
        assert len(starts) == len(jobs)
        assert all(s.at <= s.promise for s in starts if s.promise)
        submitted = {j: s * 1000 for j, s, *_ in jobs}
        waits[pack] = float(np.mean([s.at - submitted[s.job] for s in starts]))
    assert waits["easy"] < waits["strict"]
