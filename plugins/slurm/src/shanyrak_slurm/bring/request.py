"""What `shanyrak slurm import` was asked for, done."""

from __future__ import annotations

from pathlib import Path

from shanyrak.api import Frame, UsageProblem, instant_ms, opened, parsed

from shanyrak_slurm.bring import sacct
from shanyrak_slurm.bring.bring import Told, bring
from shanyrak_slurm.bring.owners import Owners
from shanyrak_slurm.bring.places import places
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.config import configured
from shanyrak_slurm.settings import Settings

MARGIN_MS = 7 * 86_400_000
"""A job may reach slurmdbd days after it has ended, when that was down."""


def brought(frame: Frame, since: str | None, until: str | None, map_: Path | None, charge: bool, dry_run: bool) -> Told:
    """Bring in what ended between the two times. Raises a Problem in one line; what was handed over before stays in."""
    with opened(frame) as site:
        settings: Settings = frame.plugins.settings("slurm")
        slurm = Slurm(settings)
        source = f"slurm/{configured(slurm)['ClusterName']}"
        now = site.journal.now()
        last = site.brought_until(source)
        if not since and not last:
            raise UsageProblem(
                "--since", "nothing was brought in before, so it cannot be known", "give --since 2026-01-01"
            )
        begin = parsed("--since", instant_ms, since) if since else last - MARGIN_MS
        end = min(now, parsed("--until", instant_ms, until)) if until else now
        if begin >= end:
            raise UsageProblem("--since", "it is not before --until and now")
        owners = Owners.read(map_, {row["project"] for row in site.projects()})
        pools = [pool.model_dump() for pool in site.commons.pools]
        there = places(pools, {pool["name"]: settings.of_pool(pool["name"]).partition for pool in pools})
        jobs = sacct.jobs(slurm, begin, end)
        return bring(site, source, jobs, end, owners, there, charge, dry_run)
