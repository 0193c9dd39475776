"""What was used, by project: what the account charges, and beside it what meters say. No amount goes without its label."""

from __future__ import annotations

from typing import Any

from shanyrak.journal.store import Rows


def usage(rows: Rows, project: str = "") -> list[dict[str, Any]]:
    """Rows by project, then what is charged (what was brought in from outside by its source), then each meter by method.

    `method` is `measured`, `modelled`, or `unknown` for what a meter could say nothing of; `covered_ms` of `ran_ms`
    (all that its meter was asked about) is what the amount is known for.
    """
    found: list[dict[str, Any]] = []
    for owner, kind, amount, ran in rows.all(
        "SELECT w.project, p.unit, SUM(c.amount), SUM(c.ms) FROM charge c JOIN attempt a ON a.token = c.token"
        " JOIN workload w ON w.id = a.workload JOIN pool p ON p.id = w.pool GROUP BY w.project, p.unit"
    ):
        found.append(_row(owner, f"{kind}-second", amount, "measured", "engine", "", ran, ran))
    for owner, kind, source, amount, ran in rows.all(
        "SELECT i.project, p.unit, i.source, SUM(c.amount), SUM(c.ms) FROM charge c JOIN imported i ON i.token = c.token"
        " JOIN pool p ON p.id = i.pool GROUP BY i.project, p.unit, i.source"
    ):
        found.append(_row(owner, f"{kind}-second", amount, "measured", source, "", ran, ran))
    asked: dict[tuple[str, str], int] = {
        (owner, meter): ran
        for owner, meter, ran in rows.all("SELECT project, meter, SUM(ran) FROM reading GROUP BY project, meter")
    }
    for owner, meter, plugin, unit, method, amount, covered in rows.all(
        "SELECT project, meter, plugin, unit, method, SUM(amount), SUM(covered) FROM reading"
        " GROUP BY project, meter, plugin, unit, method"
    ):
        found.append(_row(owner, unit, amount, method, meter, plugin, covered, asked[owner, meter]))
    found.sort(key=lambda row: (row["project"], row["plugin"], row["meter"], row["method"]))
    return [row for row in found if project in ("", row["project"])]


def _row(
    project: str, unit: str, amount: int, method: str, meter: str, plugin: str, covered: int, ran: int
) -> dict[str, Any]:
    return {
        "project": project,
        "unit": unit,
        "amount": int(amount),
        "method": method,
        "meter": meter,
        "plugin": plugin,
        "covered_ms": int(covered),
        "ran_ms": int(ran),
    }
