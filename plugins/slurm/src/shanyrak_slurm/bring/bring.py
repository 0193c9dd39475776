"""From sacct to the journal: what goes in, and what is left out and why, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shanyrak.api import PastWork, Site

from shanyrak_slurm.bring.owners import Owners
from shanyrak_slurm.bring.places import Place, put
from shanyrak_slurm.bring.sacct import Past

PART = 5_000
"""Works that are handed over at once: what a killed import has handed over, the next one knows."""


@dataclass(slots=True)
class Told:
    """What became of the jobs that sacct showed."""

    source: str
    new: int = 0
    known: int = 0
    own: int = 0
    running: int = 0
    """A later import brings them."""
    never: int = 0
    """Cancelled before they were given nodes."""
    nowhere: int = 0
    """They had GPUs, and no pool here has."""
    projects: dict[str, dict[str, int]] = field(default_factory=dict)
    """By project: `jobs`, and unit-seconds by unit, of all that sacct showed."""
    charged: dict[str, int] = field(default_factory=dict)
    strangers: dict[str, dict[str, int]] = field(default_factory=dict)
    """Accounts that are no project: `jobs`, and GPU- and CPU-seconds."""


def bring(
    site: Site,
    source: str,
    jobs: Iterable[Past],
    until_ms: int,
    owners: Owners,
    there: Sequence[Place],
    charge: bool,
    look: bool,
) -> Told:
    """Hand over what has ended by `until_ms`, by the site's own clock; with `look` only tell what would be."""
    told, works = Told(source), list[PastWork]()
    for job in jobs:
        if not job.ended_ms or job.ended_ms > until_ms:
            told.running += 1
            continue
        work = _work(job, owners, there, told)
        if work is not None:
            works.append(work)
        if len(works) >= PART:
            _hand_over(site, told, works, charge, look)
            works = []
    _hand_over(site, told, works, charge, look)
    return told


def _work(job: Past, owners: Owners, there: Sequence[Place], told: Told) -> PastWork | None:
    if not job.ran:
        told.never += 1
        return None
    project = owners.of(job)
    if not project:
        line = told.strangers.setdefault(
            job.account or f"(none, user {job.user})", {"jobs": 0, "gpu-second": 0, "cpu-second": 0}
        )
        line["jobs"] += 1
        line["gpu-second"] += job.gpus * job.ran_ms // 1000
        line["cpu-second"] += job.cpus * job.ran_ms // 1000
        return None
    place = put(job, there)
    if place is None:
        told.nowhere += 1
        return None
    pool, units = place
    unit = next(one.unit for one in there if one.pool == pool)
    line = told.projects.setdefault(project, {"jobs": 0})
    line["jobs"] += 1
    line[f"{unit}-second"] = line.get(f"{unit}-second", 0) + units * job.ran_ms // 1000
    # A job may have begun in the same second in which it was submitted by another clock.
    return PastWork(
        job=job.job, label=job.label, project=project, pool=pool, width=job.nodes, units=units,
        submitted_ms=min(job.submitted_ms, job.started_ms), started_ms=job.started_ms, ended_ms=job.ended_ms,
        ran_ms=min(job.ran_ms, job.ended_ms - job.started_ms), walltime_ms=job.limit_ms, user=job.user, title=job.token,
        state=job.state,
    )  # fmt: skip


def _hand_over(site: Site, told: Told, works: Sequence[PastWork], charge: bool, look: bool) -> None:
    brought = site.bring_work(told.source, works, charge, look)
    told.new += brought.new
    told.known += brought.known
    told.own += brought.own
    for unit, amount in brought.charged.items():
        told.charged[unit] = told.charged.get(unit, 0) + amount


def as_data(told: Told) -> dict[str, Any]:
    """For --json."""
    return {
        "source": told.source, "new": told.new, "known": told.known, "own": told.own, "running": told.running,
        "never_started": told.never, "no_pool": told.nowhere, "projects": told.projects, "charged": told.charged,
        "not_mapped": told.strangers,
    }  # fmt: skip
