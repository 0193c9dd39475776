"""Versions of Slurm, which are compared by year and month of their release."""

from __future__ import annotations

import re


def version(text: str) -> tuple[int, int] | None:
    """(22, 5) of `slurm-wlm 22.05.8`, which programs print for `--version`; None when it tells none."""
    found = re.search(r"\b(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None
