"""What Slurm refused, in one line: its words, whose work it was, which of the settings they are about, what to do."""

from __future__ import annotations

import re

from shanyrak.api import Launch

from shanyrak_slurm.settings import PoolSettings

IMPOSSIBLE = re.compile(
    r"node configuration is not available|time limit is invalid|count specification invalid|Memory required"
    r"|More processors requested|size specification|Memory specification",
    re.IGNORECASE,
)
"""Refusals that no waiting changes: the request is at fault."""
ABOUT = {
    "account": re.compile(r"\baccount\b", re.IGNORECASE),
    "partition": re.compile(r"\bpartition\b", re.IGNORECASE),
    "qos": re.compile(r"qos", re.IGNORECASE),
    "reservation": re.compile(r"\breservation\b", re.IGNORECASE),
    "licenses": re.compile(r"\blicenses?\b", re.IGNORECASE),
    "gres": re.compile(r"generic resource", re.IGNORECASE),
}
"""By setting, what Slurm says when it is about that."""


def line(said: str, launch: Launch, pool: PoolSettings) -> str:
    """`said` is what Slurm said when it was asked for this launch of this pool."""
    values = {**pool.model_dump(), "account": pool.account.replace("{project}", launch.project)}
    about = [name for name, words in ABOUT.items() if words.search(said)]
    if IMPOSSIBLE.search(said) or not about:
        return f"Slurm: {said}"
    named = ", ".join([f"user {launch.user}", *(f"{name} {values[name] or 'by default'}" for name in about)])
    fix = "see `shanyrak slurm doctor`"
    if "violates" in said:
        fix = "see the limits: `sacctmgr show qos`, `sacctmgr show assoc`"
    elif "account" in about:
        fix += f", or sacctmgr add user {launch.user} account={values['account'] or 'NAME'}"
    return f"Slurm: {said} ({named}); {fix}"
