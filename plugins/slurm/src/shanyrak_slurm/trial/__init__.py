"""A whole throw-away Slurm on loopback: to try the engine, and for its tests."""

from __future__ import annotations

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
    """Two nodes of 8 GPUs that are none, and what a workspace must say to use them; gone at the end."""
    from shanyrak.api import Trial

    with Cluster(folder) as cluster:
        pool = {
            "name": "gpu", "engine": "slurm", "unit": "gpu", "nodes": len(cluster.nodes), "units": cluster.units,
            "cpus": cluster.cpus, "memory": f"{cluster.memory}M",
        }  # fmt: skip
        yield Trial((pool,), {"conf": str(cluster.conf), "spool": str(cluster.shared)})
