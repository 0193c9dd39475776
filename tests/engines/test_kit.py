"""The conformance kit on engine `slurm`, as sites have it: without accounts, with them, and with submissions over slurmrestd."""

from __future__ import annotations

import os
import subprocess
import sys
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
    more, some = SITES[site]
    call, env = [*kit, "--shanyrak-plugin", "slurm", "-k", some], os.environ | more
    done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
