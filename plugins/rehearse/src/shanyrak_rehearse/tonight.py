"""What happens from now on if a policy decides: the live site, run forward until all that waits has started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from shanyrak.api import Arrivals, Ints, Live, Params

from shanyrak_rehearse.choosing import Chosen
from shanyrak_rehearse.figures import HOUR, waits
from shanyrak_rehearse.play import forward

MOST_LISTED = 1000


def tonight(live: Live, chosen: Sequence[Chosen], params: Params, single: bool) -> dict[str, Any]:
    """One entry a policy. Nothing new comes, what runs and what starts takes its whole walltime."""
    view = live.mirror.view(0, live.now)
    waiting = {int(job): int(tasks) for job, tasks in zip(view.job_id, view.job_tasks, strict=True) if tasks}
    promised = {int(job): int(at) for job, at in zip(view.job_id, view.job_promise, strict=True) if at}
    entries = [_entry(live, policy, params, single, waiting, promised) for policy in chosen]
    first = {row["job"]: row["start_s"] for row in entries[0]["starts"]}
    for entry in entries[1:]:
        entry["against"] = {"name": entries[0]["name"], "projects": _against(first, entry["starts"])}
    return {
        "now": live.now,
        "running": len(view.run_id),
        "waiting": sum(waiting.values()),
        "promised": len(promised),
        "words": "nothing new comes, and all work takes its whole walltime: times are the latest to be expected",
        "policies": entries,
    }


def _entry(
    live: Live, policy: Chosen, params: Params, single: bool, waiting: Mapping[int, int], promised: Mapping[int, int]
) -> dict[str, Any]:  # fmt: skip
    log = forward(live.mirror.copy(), policy, params, live.now, _nothing(), single, None)
    wait: Ints = log.at - live.now
    first = _first(log.job, log.at)
    late = [job for job, at in promised.items() if first.get(job, at + 1) > at]
    stopped = log.stopped_for > 0
    lost = int((log.end - log.at)[stopped].sum()) if stopped.any() else 0
    return {
        "name": policy.name,
        "version": policy.version,
        "started": len(wait),
        "never_started": sum(waiting.values()) - len(wait),
        "at_once": int(np.count_nonzero(wait == 0)),
        "wait": waits(wait),
        "promises": {"held": len(promised), "kept": len(promised) - len(late), "late": late[:MOST_LISTED]},
        "stops": int(np.count_nonzero(stopped)),
        "hours_lost": round(lost / HOUR, 3),
        "starts": [
            {"job": job, "project": live.projects.get(job, ""), "start_s": round((at - live.now) / 1000, 3)}
            for job, at in sorted(first.items(), key=lambda pair: (pair[1], pair[0]))[:MOST_LISTED]
        ],
    }


def _first(job: Ints, at: Ints) -> dict[int, int]:
    """The first start of each job; rows are in order of time."""
    out: dict[int, int] = {}
    for one, when in zip(job.tolist(), at.tolist(), strict=True):
        out.setdefault(one, when)
    return out


def _against(first: Mapping[int, float], starts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each project: how many of its works start sooner and later than under the first policy, and by how much in all."""
    out: dict[str, dict[str, Any]] = {}
    for row in starts:
        before = first.get(row["job"])
        if before is None:
            continue
        mine = out.setdefault(row["project"], {"project": row["project"], "sooner": 0, "later": 0, "hours": 0.0})
        change = row["start_s"] - before
        mine["sooner"] += change < 0
        mine["later"] += change > 0
        mine["hours"] += change / 3600
    rows = [{**row, "hours": round(row["hours"], 3)} for row in out.values()]
    return sorted(rows, key=lambda row: (row["hours"], row["project"]))


def _nothing() -> Arrivals:
    return Arrivals(*(np.zeros(0, np.int64) for _ in range(8)))
