"""`shanyrak doctor`: is this site fit to run, and what to repair."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json
from shanyrak.cli.output import emit_json, tell


@click.command()
@as_json
@pass_frame
def doctor(frame: Frame, as_json: bool) -> int:
    """Look at everything this site needs; exit code 6 when something must be repaired before it runs."""
    from shanyrak.control.doctor import examine

    findings = examine(frame.workspace(), frame.plugins)
    if as_json:
        emit_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            tell(
                f"{finding.level:<5} {finding.subject}: {finding.words}" + (f" -> {finding.fix}" if finding.fix else "")
            )
    return 6 if any(finding.level == "bad" for finding in findings) else 0
