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
    if IMPOSSIBLE.search(said):
        return f"Slurm: {said}"
    values = {**pool.model_dump(), "account": pool.account.replace("{project}", launch.project)}
    named = [f"{name} {values[name] or 'by default'}" for name, words in ABOUT.items() if words.search(said)]
    fix = "see `shanyrak slurm doctor`"
    if ABOUT["account"].search(said) and values["account"]:
        fix += f", or sacctmgr add user {launch.user} account={values['account']}"
    elif ABOUT["account"].search(said):
        fix += f", or give {launch.user} an account: sacctmgr add user {launch.user} account=NAME"
    return f"Slurm: {said} ({', '.join([f'user {launch.user}', *named])}); {fix}"
