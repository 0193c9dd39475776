"""`shanyrak ps`: work with its state and reason."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json, table
from shanyrak.model.quantities import duration_words


@click.command()
@click.option("--all", "everything", is_flag=True, help="Work that has ended, too.")
@click.option("--project", default="", help="Only of this project.")
@as_json
@pass_frame
def ps(frame: Frame, everything: bool, project: str, as_json: bool) -> None:
    """List work that waits or runs, with the reason for where it is."""
    with opened(frame) as site:
        rows = site.ps(everything, project)
        now = site.journal.now()
        trouble = site.policy_trouble()
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        begun = row["started"]
        row["waited"] = duration_words((begun or row["ended"] or now) - row["submitted"])
        waits = row["state"] == "queued"  # perhaps again
        row["ran"] = duration_words(row["ran_ms"] if waits else (row["ended"] or now) - begun) if begun else ""
        tasks = row.get("tasks")
        size = f"{row['width']}x{row['units']} {row['unit']}" if row["units"] else ""
        row["size"] = size + (f" x{tasks['total']}" if tasks else "")
        words = "" if row["words"] == row["state"] else row["words"]
        of = (
            ", ".join(f"{number} {state}" for state, number in tasks.items() if number and state != "total")
            if tasks
            else ""
        )
        row["words"] = f"{words} ({of})" if words and of else words or of
    table(
        rows,
        {
            "id": "ID",
            "project": "PROJECT",
            "name": "NAME",
            "size": "SIZE",
            "state": "STATE",
            "waited": "WAITED",
            "ran": "RAN",
            "words": "WHY",
        },
        empty="No work has been submitted."
        if everything
        else "No work waits or runs. `shanyrak ps --all` shows the past.",
    )
    if trouble:
        say(trouble)
