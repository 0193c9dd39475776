"""`shanyrak ray`: what the cluster has and lacks for this site."""

from __future__ import annotations

import click
from shanyrak.api import Frame, pass_frame


@click.group()
def ray() -> None:
    """Ask a Ray cluster what it has and lacks for this site."""


@ray.command()
@click.option("--json", "as_json", is_flag=True, help="Print data.")
@pass_frame
def doctor(frame: Frame, as_json: bool) -> int:
    """Look at the cluster of [plugins.ray], its nodes, its door and the spool; exit code 6 when something must be repaired."""
    from shanyrak.api import emit_json, tell

    from shanyrak_ray.doctor import examine

    findings = examine(frame.plugins.settings("ray"), frame.workspace() / "engines")
    if as_json:
        emit_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            fix = f" -> {finding.fix}" if finding.fix else ""
            tell(f"{finding.level:<5} {finding.subject}: {finding.words}{fix}")
    return 6 if any(finding.level == "bad" for finding in findings) else 0
