"""The conformance kit on the engines `ray` and `slurm`, the last as sites have it: plain, with accounts, over slurmrestd."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.engines
SITES: dict[str, tuple[dict[str, str], str]] = {
    "plain": ({}, ""),
    "accounts": ({"SLURM_KIT_ACCOUNTS": "1"}, "account or node or stop or bundle or exit or daemon"),
    "rest": (
        {"SHANYRAK_SLURM_TRANSPORT": "rest"},
        "launch or bundle or task or secrets or fit or gpus or stop or hung",
    ),
}
"""By the kind of site: its environment, and which of the tests are worth their time there (pytest's -k; empty: all)."""


def passes(plugin: str, folder: Path, env: dict[str, str], some: str = "") -> None:
    kit = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "shanyrak.testing.conformance"]
    call = [sys.executable, "-P", *kit, "--shanyrak-plugin", plugin, "-k", some]
    done = subprocess.run(call, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


def test_ray_passes(tmp_path: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed here: pip install 'ray[default]'")
    passes("ray", tmp_path, {})


@pytest.mark.parametrize("site", SITES)
def test_slurm_passes(site: str, tmp_path: Path) -> None:
    from shanyrak_slurm.trial import lacking

    if missing := lacking(accounting=site == "accounts", rest=site == "rest"):
        pytest.skip(f"Slurm's {missing} is not installed here")
    passes("slurm", tmp_path, *SITES[site])
