"""Where the real traces are, and lines of small ones."""

from __future__ import annotations

from pathlib import Path

TRACES = Path(__file__).resolve().parents[5] / "shared" / "traces"

KTH = "KTH-SP2-1996-2.1-cln.swf.gz"
BLUE = "SDSC-BLUE-2000-4.2-cln.swf.gz"
PHILLY = "philly-2017-jobs.csv.gz"


def swf(
    job: int, submit: float, run: float, processors: int, limit: float = -1, wait: float = -1, user: int = -1,
    group: int = -1, queue: int = -1, allocated: int = -1,
) -> str:  # fmt: skip
    """One line of SWF."""
    return f"{job} {submit} {wait} {run} {allocated} -1 -1 {processors} {limit} -1 1 {user} {group} -1 {queue} -1 -1 -1"
