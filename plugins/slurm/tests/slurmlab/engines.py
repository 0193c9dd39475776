"""Engines over a real Slurm, without a site."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shanyrak.api import EngineContext, Node, Seen
from shanyrak_slurm.engine import SlurmEngine, make
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster

from slurmlab.office import until


@contextmanager
def engine(cluster: Cluster, unit: str = "gpu", **settings: Any) -> Iterator[SlurmEngine]:
    """An engine for both nodes, `n-0` and `n-1`, with a folder that all users reach; its jobs end with it."""
    home = Path(tempfile.mkdtemp(prefix="engine-", dir=cluster.shared))
    home.chmod(0o755)
    (home / "book").mkdir()
    units = cluster.units if unit == "gpu" else cluster.cpus
    nodes = tuple(Node(f"n-{n}", units, cluster.cpus, cluster.memory << 20) for n in range(len(cluster.nodes)))
    site = {"conf": str(cluster.conf), "spool": str(home / "spool"), "poll": 0.0} | settings
    made = make(EngineContext("pool", str(home / "book"), Settings(**site), nodes, unit))
    try:
        yield made
    finally:
        made.close()
        if left := cluster.run("squeue", "-h", "-o", "%A").split():
            cluster.run("scancel", *left)
        assert until(lambda: not cluster.run("squeue", "-h").strip())


def ended(made: SlurmEngine, *tokens: str) -> list[Seen]:
    """How they ended, once they have."""
    assert until(lambda: all(seen.state == "ended" for seen in made.observe(tokens)), 120.0), made.observe(tokens)
    return list(made.observe(tokens))


def text(made: SlurmEngine, token: str) -> str:
    return made.logs(token, "stdout", 0, 100_000).decode()
