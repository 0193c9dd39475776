"""What a first run left in its workspace, without times: the same on every engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shanyrak.control.site import Site


def day(folder: Path) -> dict[str, list[Any]]:
    """The work and how it ended; its attempts, each with the grants that paid; all that was granted."""
    site = Site.open(folder)
    try:
        with site.journal.read() as rows:
            work = rows.all(
                "SELECT w.title, w.project, p.unit, w.width, w.units, w.tasks, w.state, w.reason, w.exit_code,"
                " w.done, w.failed, w.lost FROM workload w LEFT JOIN pool p ON p.id = w.pool ORDER BY w.id"
            )
            attempts = rows.all("SELECT token, workload, task, try, open FROM attempt ORDER BY workload, task, try")
            grants = rows.all("SELECT id, project, unit, programme, state FROM credit ORDER BY id")
        ends = {end["token"]: end for event in site.events() if event.type == "attempt.ended"
                for end in [json.loads(event.payload)]}  # fmt: skip
    finally:
        site.close()
    # How many parts a grant paid in is a matter of times: what runs over its hold takes another.
    told = [
        (
            *attempt,
            end["fate"],
            end["reason"],
            end["unit"],
            end["units"],
            sorted({grant for grant, *_ in end["charges"]}),
        )
        for token, *attempt in attempts
        for end in [ends[token]]
    ]
    return {"work": work, "attempts": told, "grants": grants}
