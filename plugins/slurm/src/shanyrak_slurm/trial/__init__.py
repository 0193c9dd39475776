"""A whole throw-away Slurm on loopback: to try the engine, and for its tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shanyrak_slurm.trial.cluster import Cluster, lacking

if TYPE_CHECKING:
    from shanyrak.api import Trial

__all__ = ["Cluster", "lacking", "trial"]


@contextmanager
def trial(folder: Path) -> Iterator[Trial]:
    """Two nodes of 8 GPUs that are none, and what a workspace must say to use them; gone at the end.

    Work without GPUs has the processors that are really here: more at once would outlast its walltime.
    """
    from shanyrak.api import Trial

    with Cluster(folder) as cluster:
        gpus = {
            "name": "gpu", "engine": "slurm", "unit": "gpu", "nodes": len(cluster.nodes), "units": cluster.units,
            "cpus": cluster.cpus, "memory": f"{cluster.memory}M",
        }  # fmt: skip
        real = min(len(os.sched_getaffinity(0)), cluster.cpus)
        cpus = {**gpus, "name": "cpu", "unit": "cpu", "nodes": 1, "units": real, "cpus": real}
        yield Trial((gpus, cpus), {"conf": str(cluster.conf), "spool": str(cluster.shared)})
