"""Ray inside a job of a real Slurm: a head on one node of the allocation, a worker on the other, nothing of it left."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.engines
SCRIPT = """
import ray
ray.init(log_to_driver=False)
print("nodes", sum(node["Alive"] for node in ray.nodes()), "GPUs", ray.cluster_resources()["GPU"], flush=True)
raise SystemExit(6)
"""
PATIENCE = 600.0


def test_each_node_of_the_allocation_is_one_of_ray() -> None:
    from shanyrak_slurm.trial import Cluster, lacking

    if missing := lacking():
        pytest.skip(f"Slurm's {missing} is not installed here")
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'ray[default]'")
    folder = Path(tempfile.mkdtemp(prefix="ray-slurm-"))
    try:
        with Cluster(folder / "slurm", cpus=4, memory=8192) as cluster:
            (folder / "script.py").write_text(SCRIPT)
            inside = f"{sys.executable} -m shanyrak_ray.inside --object-store 100000000"
            job = (
                f"#!/bin/sh\nexport PATH=/usr/bin:/bin HOME={folder} TMPDIR={folder}\n"
                f"exec {inside} -- {sys.executable} {folder / 'script.py'}\n"
            )
            said = folder / "said"
            options = ["--export=NONE", "--nodes=2", "--gres=gpu:2", "--mem=7000", "-o", str(said)]
            id_ = cluster.run("sbatch", "--parsable", *options, stdin=job).strip()
            until = time.monotonic() + PATIENCE
            while (facts := _facts(cluster.run("scontrol", "show", "job", "-o", id_)))["JobState"] not in (
                "COMPLETED",
                "FAILED",
            ):
                assert time.monotonic() < until, (
                    f"still {facts['JobState']}: {said.read_text() if said.exists() else ''}"
                )
                time.sleep(0.5)
            assert "nodes 2 GPUs 4.0" in said.read_text()
            assert facts["ExitCode"] == "6:0"
            assert list(folder.glob("ray-*")) == [], "neither node left its folder"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _facts(line: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in line.split())
