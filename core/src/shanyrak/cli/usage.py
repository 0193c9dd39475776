"""`shanyrak usage`: what was used, by whom, and how that is known."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json, table


@click.command()
@click.option("--project", default="", help="Only of this project.")
@as_json
@pass_frame
def usage(frame: Frame, project: str, as_json: bool) -> None:
    """Show what each project used: what is charged, and what meters say, with method and coverage."""
    with opened(frame) as site:
        rows = site.usage(project)
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        row["amount"] = "-" if row["method"] == "unknown" else f"{row['amount']:,}"
        row["covered"] = f"{100 * row['covered_ms'] // row['ran_ms']}%" if row["ran_ms"] else "-"
        row["meter"] += f" ({row['plugin']})" if row["plugin"] else ""
    table(
        rows,
        {
            "project": "PROJECT",
            "amount": "AMOUNT",
            "unit": "UNIT",
            "method": "METHOD",
            "covered": "COVERED",
            "meter": "BY",
        },
        empty="Nothing has been used yet.",
    )
