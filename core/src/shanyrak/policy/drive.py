"""The virtual clock: a policy run forward over a mirror, each piece of work ending when it may or did."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shanyrak.policy.arrays import MANY, Ints, ints
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.plan import Plan
from shanyrak.policy.stages import Decide, Params
from shanyrak.policy.view import View


@dataclass(frozen=True, slots=True)
class Arrival:
    """Work that comes in at `at`. `runtime` (ms): how long a task really runs, 0 for its whole walltime."""

    at: int
    job: int
    account: int
    pool: int
    width: int
    units: int
    limit: int
    tasks: int = 1
    room: int = MANY
    runtime: int = 0
    class_: int = 0
    predicted: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """One task that started. `promise` is what it was promised, 0 for nothing."""

    at: int
    job: int
    run: int
    nodes: tuple[int, ...]
    end: int
    promise: int


def drive(
    mirror: Mirror, decide: Decide, params: Params, now: int, arrivals: Iterable[Arrival] = (),
    until: int | None = None, carry: Ints | None = None, runtimes: dict[int, int] | None = None,
) -> Iterator[Start]:  # fmt: skip
    """The starts in order of time; `mirror` is used up: give a copy.

    What runs ends at its limit (overdue: 1 ms from now); what starts, after `runtimes[job]` or
    `Arrival.runtime` if that is sooner. All that happens at one instant is a batch, ends before arrivals; then
    rounds are made until one starts nothing. Holds are taken from what is left of grants at a start, what is
    not used comes back at the end. It stops when nothing more can happen, or after `until`.
    """
    known = dict(runtimes or {})
    coming = sorted(arrivals, key=lambda a: (a.at, a.job))
    margin, carry = int(params.get("margin", 0)), ints() if carry is None else carry
    view = mirror.view(0, now)
    running = zip(view.run_id.tolist(), view.run_end.tolist(), strict=True)
    ends = [(max(end, now + 1), run) for run, end in running]
    heapq.heapify(ends)
    holds: dict[int, tuple[int, int, int]] = {}
    run, taken, wake = max(view.run_id.tolist(), default=0), 0, 0
    while until is None or now <= until:
        while ends and ends[0][0] <= now:
            ended = heapq.heappop(ends)[1]
            mirror.end(ended)
            if ended in holds:
                _give_back(mirror, *holds.pop(ended))
        while taken < len(coming) and coming[taken].at <= now:
            work = coming[taken]
            mirror.submit(
                work.job, work.account, work.pool, work.width, work.units, work.tasks, work.room, work.limit,
                work.at, class_=work.class_, predicted=work.predicted,
            )  # fmt: skip
            known[work.job] = work.runtime
            taken += 1
        while True:
            view = mirror.view(0, now)
            plan, carry = decide(view, params, carry)
            for start in _started(view, plan, run, known):
                run = start.run
                holds[run] = _take(mirror, start, now)
                heapq.heappush(ends, (start.end, run))
                yield start
            for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
                mirror.promise(job, at + margin)
            wake = plan.wake
            if not len(plan.start_job):
                break
        later = [when for when in (ends[0][0] if ends else 0, wake) if when > now]
        later += [coming[taken].at] if taken < len(coming) else []
        if not later:
            return
        now = min(later)


def _started(view: View, plan: Plan, run: int, known: dict[int, int]) -> list[Start]:
    """The starts of a plan, numbered on from `run`."""
    out = []
    for job, tasks in plan.starts():
        row = view.row(job)
        limit, promise = int(view.job_limit[row]), int(view.job_promise[row])
        length = min(known.get(job) or limit, limit)
        for nodes in tasks:
            run += 1
            out.append(Start(view.now, job, run, tuple(nodes), view.now + length, promise))
            promise = 0
    return out


def _take(mirror: Mirror, start: Start, now: int) -> tuple[int, int, int]:
    """Start it on the mirror; (account, unit kind, unit-seconds of its hold that come back at its end)."""
    view = mirror.view(0, now)
    row = view.row(start.job)
    account, unit = int(view.job_account[row]), int(view.pool_unit[view.job_pool[row]])
    limit, wide = int(view.job_limit[row]), len(start.nodes) * int(view.job_units[row])
    hold, used = wide * -(-limit // 1000), -(-wide * (start.end - now) // 1000)
    mirror.left(account, unit, int(view.acc_left[account, unit]) - hold)
    mirror.start(start.job, start.run, start.nodes, now, now + limit)
    return account, unit, max(hold - used, 0)


def _give_back(mirror: Mirror, account: int, unit: int, amount: int) -> None:
    view = mirror.view(0, 0)
    mirror.left(account, unit, int(view.acc_left[account, unit]) + amount)


def estimate(
    mirror: Mirror, decide: Decide, params: Params, now: int, job: int, until: int | None = None,
    carry: Ints | None = None,
) -> int | None:  # fmt: skip
    """When the next task of a pending job would start if nothing more came in and all ran to its limit.

    None when it would not by `until`, or ever. `mirror` is used up: give a copy.
    """
    for start in drive(mirror, decide, params, now, until=until, carry=carry):
        if start.job == job:
            return start.at
    return None
