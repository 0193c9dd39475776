"""All work of a run on the virtual clock: what comes, and one table of that, what waits and what runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shanyrak.policy import clock as k
from shanyrak.policy.arrays import MANY, Ints, ints
from shanyrak.policy.memory import memory, part
from shanyrak.policy.mirror import Mirror


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
class Arrivals:
    """Work that comes in, as int64 arrays with a row for each job, sorted by (at, job); see `Arrival`."""

    at: Ints
    job: Ints
    account: Ints
    pool: Ints
    width: Ints
    units: Ints
    limit: Ints
    runtime: Ints
    class_: Ints | None = None
    predicted: Ints | None = None
    tasks: Ints | None = None
    room: Ints | None = None

    @classmethod
    def of(cls, arrivals: Iterable[Arrival]) -> Arrivals:
        """The same as arrays."""
        rows = sorted(arrivals, key=lambda a: (a.at, a.job))
        names = ("at", "job", "account", "pool", "width", "units", "limit", "runtime", "class_", "tasks", "room")
        predicted = ints(a.limit if a.predicted is None else a.predicted for a in rows)
        return cls(predicted=predicted, **{name: ints(getattr(a, name) for a in rows) for name in names})


def all_work(mirror: Mirror, arrivals: Arrivals, runtimes: dict[int, int]) -> Ints:
    """All work there is, sorted by job: what waits, what runs, what comes."""
    view, count = mirror.view(0, 0), len(arrivals.at)
    coming: dict[int, Any] = {
        k.Q_JOB: arrivals.job, k.Q_ACCOUNT: arrivals.account, k.Q_POOL: arrivals.pool, k.Q_WIDTH: arrivals.width,
        k.Q_UNITS: arrivals.units, k.Q_LIMIT: arrivals.limit, k.Q_SUBMIT: arrivals.at, k.Q_RUNTIME: arrivals.runtime,
        k.Q_CLASS: 0 if arrivals.class_ is None else arrivals.class_,
        k.Q_PREDICTED: arrivals.limit if arrivals.predicted is None else arrivals.predicted,
        k.Q_TASKS: 1 if arrivals.tasks is None else arrivals.tasks,
        k.Q_ROOM: MANY if arrivals.room is None else arrivals.room,
    }  # fmt: skip
    waits = np.flatnonzero(view.job_tasks)
    waiting: dict[int, Any] = {
        k.Q_JOB: view.job_id[waits], k.Q_ACCOUNT: view.job_account[waits], k.Q_POOL: view.job_pool[waits],
        k.Q_WIDTH: view.job_width[waits], k.Q_UNITS: view.job_units[waits], k.Q_LIMIT: view.job_limit[waits],
        k.Q_PREDICTED: view.job_predicted[waits], k.Q_SUBMIT: view.job_submit[waits], k.Q_CLASS: view.job_class[waits],
        k.Q_TASKS: view.job_tasks[waits], k.Q_ROOM: view.job_room[waits], k.Q_ATTAINED: view.job_attained[waits],
        k.Q_TRIES: view.job_tries[waits],
    }  # fmt: skip
    _, only = np.unique(view.run_job, return_index=True)
    runs = only[~np.isin(view.run_job[only], np.concatenate([coming[k.Q_JOB], waiting[k.Q_JOB]]))]
    limits = np.maximum(view.run_end[runs] - view.run_start[runs], 1)
    running: dict[int, Any] = {
        k.Q_JOB: view.run_job[runs], k.Q_ACCOUNT: view.run_account[runs],
        k.Q_POOL: view.node_pool[view.run_nodes[view.run_ptr[runs]]], k.Q_WIDTH: view.run_width[runs],
        k.Q_UNITS: view.run_units[runs], k.Q_LIMIT: limits, k.Q_PREDICTED: limits, k.Q_SUBMIT: view.run_start[runs],
        k.Q_CLASS: view.run_class[runs], k.Q_TASKS: 1, k.Q_ROOM: MANY,
    }  # fmt: skip
    parts = (coming, waiting, running)
    jobs = np.concatenate([one[k.Q_JOB] for one in parts])
    by_job = np.argsort(jobs, kind="stable")
    made = memory(k.WORK_HEADER, dict.fromkeys(range(k.Q_JOB, k.Q_TRIES + 1), len(jobs)) | {k.COMING: count})
    made[k.WORKS], made[k.COMING_WORKS] = len(jobs), count
    for name in range(k.Q_JOB, k.Q_TRIES + 1):
        values = [np.broadcast_to(np.asarray(one.get(name, 0), np.int64), one[k.Q_JOB].shape) for one in parts]
        np.concatenate(values).take(by_job, out=part(made, name, len(jobs)))
    place = np.empty(len(jobs), np.int64)
    place[by_job] = np.arange(len(jobs))
    part(made, k.COMING, count)[:] = place[:count]
    known = part(made, k.Q_JOB, len(jobs))
    for job, runtime in runtimes.items():
        at = int(known.searchsorted(job))
        if at < len(known) and known[at] == job:
            part(made, k.Q_RUNTIME, len(jobs))[at] = runtime
    return made
