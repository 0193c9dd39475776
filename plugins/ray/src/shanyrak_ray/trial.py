"""A Ray cluster to try things on: a head on this machine with 16 GPUs that are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shanyrak.api import Trial

from shanyrak_ray.head import Node, guarded, ray_program, short_folder

GPUS = CPUS = 16
MEMORY = 16 << 30


@contextmanager
def trial(folder: Path) -> Iterator[Trial]:
    """See `records.Engine.trial`. Ten seconds or so to start, half a GB of memory."""
    with cluster() as node:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(node.token)
        gpus = {
            "name": "gpu", "engine": "ray", "unit": "gpu", "nodes": 1, "units": GPUS, "cpus": CPUS, "memory": MEMORY,
        }  # fmt: skip
        real = min(len(os.sched_getaffinity(0)), CPUS)  # more work at once would outlast its walltime
        cpus = {**gpus, "name": "cpu", "unit": "cpu", "units": real, "cpus": real}
        yield Trial([gpus, cpus], {"address": node.url, "token_file": str(token)})


@contextmanager
def cluster(gpus: int = GPUS, cpus: int = CPUS) -> Iterator[Node]:
    """The head, in a folder of its own."""
    ray_program()
    options = [f"--num-gpus={gpus}", f"--num-cpus={cpus}", f"--memory={MEMORY}", f"--object-store-memory={100 << 20}"]
    with short_folder("ray-") as home, guarded(Node(home, options)) as node:
        node.begin()
        yield node
