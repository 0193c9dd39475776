"""Where a past job would run here, and how much that is in units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shanyrak_slurm.bring.sacct import Past


@dataclass(frozen=True, slots=True)
class Place:
    """A pool as far as past work is concerned; `partition` is the one its work goes to, empty: any."""

    pool: str
    unit: str
    partition: str
    cpus: int
    """Of one unit."""


def places(pools: Sequence[Mapping[str, object]], partitions: Mapping[str, str]) -> list[Place]:
    """From the pools of the site: `name`, `unit`, `units` and `cpus` of a node."""
    return [
        Place(
            str(pool["name"]), str(pool["unit"]), partitions.get(str(pool["name"]), ""),
            max(1, int(str(pool["cpus"])) // max(1, int(str(pool["units"])))),
        )
        for pool in pools
    ]  # fmt: skip


def put(job: Past, those: Sequence[Place]) -> tuple[str, int] | None:
    """(pool, units of all nodes together); None when no pool has such units.

    Of the pools with its kind of unit the one with its partition, else the first. GPUs are counted as they were
    allocated; a job without any takes CPUs, and where only GPUs are counted those that it kept from others by its share.
    """
    wanted = "gpu" if job.gpus else "cpu"
    for unit in (wanted, "gpu") if wanted == "cpu" else (wanted,):
        fitting = [one for one in those if one.unit == unit]
        fitting.sort(key=lambda one: one.partition != job.partition)
        if fitting:
            if unit == "gpu":
                return fitting[0].pool, job.gpus or max(1, -(-job.cpus // fitting[0].cpus))
            return fitting[0].pool, max(1, job.cpus)
    return None
