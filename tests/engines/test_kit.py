"""The conformance kit on engine `slurm`, as sites have it: without accounts, with them, and with submissions over slurmrestd."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engines
SITES: dict[str, dict[str, str]] = {
    "plain": {},
    "accounts": {"SHANYRAK_SLURM_ACCOUNTS": "1"},
    "rest": {"SHANYRAK_SLURM_TRANSPORT": "rest"},
}


@pytest.mark.parametrize("site", SITES)
def test_slurm_passes(site: str, tmp_path: Path) -> None:
    from shanyrak_slurm.trial import lacking

    if missing := lacking(accounting=site == "accounts", rest=site == "rest"):
        pytest.skip(f"Slurm's {missing} is not installed here")
    kit = [
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "shanyrak.testing.conformance",
    ]
    call, env = [*kit, "--shanyrak-plugin", "slurm"], os.environ | SITES[site]
    done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
