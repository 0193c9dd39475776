"""A workspace over a real Slurm, and the plugin's commands as an operator calls them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from shanyrak.api import Frame, Site
from shanyrak.config.commons import Commons
from shanyrak_slurm.command import slurm
from shanyrak_slurm.trial import Cluster


class Office:
    """A workspace over a real Slurm, and `shanyrak slurm` as an operator calls it."""

    def __init__(self, folder: Path, cluster: Cluster, **more: Any) -> None:
        self.folder, self.cluster = folder, cluster
        pool = {"name": "gpu", "engine": "slurm", "unit": "gpu", "nodes": len(cluster.nodes), "units": cluster.units,
                "cpus": cluster.cpus, "memory": f"{cluster.memory}M"}  # fmt: skip
        slurm = {"conf": str(cluster.conf), "spool": str(cluster.shared), **more.pop("slurm", {})}
        data = {"pools": [pool], "plugins": {"slurm": slurm}, **more}
        self.site = Site.create(folder, Commons.model_validate(data))

    def call(self, *arguments: Any) -> Result:
        """What the command printed, and its exit code as `return_value`. A Problem is raised as it is."""
        frame = Frame(given=str(self.folder), env={})
        result = CliRunner().invoke(slurm, [str(one) for one in arguments], obj=frame, standalone_mode=False)
        if result.exception:
            raise result.exception
        return result

    def data(self, *arguments: Any) -> Any:
        """What it prints with --json."""
        return json.loads(self.call(*arguments, "--json").stdout)


def until(true: Callable[[], bool], patience: float = 60.0) -> bool:
    """Whether it became true within a generous time."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
