"""Answers to questions about the site, as plain data: what the command line prints and the HTTP API returns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shanyrak.errors import UsageProblem
from shanyrak.journal.accounts import Totals, faults, quick_faults, totals
from shanyrak.journal.journal import submission
from shanyrak.journal.store import Rows
from shanyrak.model import states
from shanyrak.texts import refuse_unkept

if TYPE_CHECKING:
    from shanyrak.control.site import Site

_COLUMNS = (
    "id",
    "project",
    "title",
    "state",
    "reason",
    "words",
    "width",
    "units",
    "tasks",
    "next",
    "again",
    "live",
    "done",
    "failed",
    "lost",
    "dropped",
    "submitted",
    "queued",
    "started",
    "ended",
    "exit_code",
    "promised",
    "walltime",
    "actor",
    "key",
    "held",
    "pool",
    "class",
)


def ps(site: Site, everything: bool, project: str, reasons: bool = True) -> list[dict[str, Any]]:
    """One row a workload. `attempt` is the number of the newest try; times are ms since the epoch or null."""
    refuse_unkept(project, "the project")
    with site.journal.read() as rows:
        where = [] if everything else ["ended = 0"]
        params: list[str] = []
        if project:
            where.append("project = ?")
            params.append(project)
        query = f"SELECT {', '.join(_COLUMNS)} FROM workload" + (f" WHERE {' AND '.join(where)}" if where else "")
        found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows.all(f"{query} ORDER BY id", params)]
        of = f" WHERE workload IN (SELECT id FROM workload WHERE {' AND '.join(where)})" if where else ""
        sums = rows.all(
            f"SELECT workload, MAX(try), MAX(isolation), SUM(ran) FROM attempt{of} GROUP BY workload", params
        )
        attempts = {id_: (tries, isolation or "", ran or 0) for id_, tries, isolation, ran in sums}
        pools = {id_: (name, unit) for id_, name, unit in rows.all("SELECT id, name, unit FROM pool")}
        classes: dict[int, str] = dict(rows.all("SELECT number, name FROM class"))
    if reasons and any(row["state"] == states.QUEUED for row in found):
        from shanyrak.control.why import waiting_words

        now = waiting_words(site)
        for row in found:
            if row["state"] == states.QUEUED and row["id"] in now:
                row["reason"], row["words"] = now[row["id"]]
    for row in found:
        row["class"] = classes.get(row["class"], "")
    return [_shown(row, attempts.get(row["id"], (0, "", 0)), pools) for row in found]


def _shown(row: dict[str, Any], attempts: tuple[int, str, int], pools: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """`attempts`: the number of the newest try, what isolation was enforced, and how long all ran (ms)."""
    pool, unit = pools.get(row["pool"], ("", ""))
    attempt, isolation, ran = attempts
    shown = {
        "id": row["id"],
        "project": row["project"],
        "name": row["title"],
        "state": row["state"],
        "reason": row["reason"],
        "words": row["words"],
        "attempt": attempt,
        "submitted": row["submitted"],
        "started": row["started"] or None,
        "ended": row["ended"] or None,
        "exit_code": row["exit_code"],
        "class": row["class"],
        "pool": pool,
        "unit": unit,
        "width": row["width"],
        "units": row["units"],
        "walltime_ms": row["walltime"],
        "ran_ms": ran,
        "promised": row["promised"] or None,
        "actor": row["actor"],
        "isolation": isolation.split(",") if isolation else [],
    }
    if row["key"] is not None:
        shown["key"] = row["key"]
    if row["tasks"] > 1:
        waiting = row["tasks"] - row["next"] + len(json.loads(row["again"]))
        shown["tasks"] = {
            "total": row["tasks"],
            "waiting": waiting,
            "running": row["live"],
            "done": row["done"],
            "failed": row["failed"],
            "lost": row["lost"],
            "dropped": row["dropped"],
        }
    return shown


def workload(site: Site, id_: int) -> dict[str, Any]:
    """One workload as in `ps`, with its spec and its attempts."""
    found = next((row for row in ps(site, True, "") if row["id"] == id_), None)
    if found is None:
        raise UsageProblem(f"workload {id_}", "it does not exist", "see `shanyrak ps --all`")
    names = (
        "token",
        "task",
        "try",
        "intent",
        "launched",
        "started",
        "ended",
        "ran_ms",
        "exit_code",
        "signal",
        "cause",
        "words",
        "isolation",
    )
    with site.journal.read() as rows:
        spec = submission(rows, id_)["spec"]
        attempts = rows.all(
            "SELECT token, task, try, intent, launched, started, ended, ran, exit_code, signal, cause, words,"
            " isolation FROM attempt WHERE workload = ? ORDER BY id",
            (id_,),
        )
    return {
        **found,
        "spec": spec,
        "attempts": [dict(zip(names, row, strict=True)) for row in attempts],
    }


def state_of(rows: Rows, id_: int) -> tuple[str, str, str, int | None]:
    """State, reason, words and exit code of one workload. Raises UsageProblem for an unknown id."""
    row = rows.one("SELECT state, reason, words, exit_code FROM workload WHERE id = ?", (id_,))
    if row is None:
        raise UsageProblem(f"workload {id_}", "it does not exist", "see `shanyrak ps --all`")
    return str(row[0]), str(row[1]), str(row[2]), row[3]


def attempt_of(rows: Rows, id_: int, task: int | None) -> tuple[str, int]:
    """Token and pool of the newest attempt of a workload (of one task). Raises UsageProblem when there is none."""
    state, _, words, _ = state_of(rows, id_)
    clause, params = ("", [id_]) if task is None else (" AND a.task = ?", [id_, _ordinal(rows, id_, task)])
    row = rows.one(
        "SELECT a.token, w.pool FROM attempt a JOIN workload w ON w.id = a.workload WHERE a.workload = ?"
        f"{clause} ORDER BY a.id DESC LIMIT 1",
        params,
    )
    if row is None:
        raise UsageProblem(f"workload {id_}", f"it has not run ({state}: {words})")
    return str(row[0]), int(row[1])


def _ordinal(rows: Rows, id_: int, task: int) -> int:
    """The place of task index `task` in its array."""
    from shanyrak.model.workload import Spec

    before = 0
    for first, last in Spec.model_validate(submission(rows, id_)["spec"]).tasks.ranges:
        if first <= task <= last:
            return before + task - first
        before += last - first + 1
    raise UsageProblem(f"workload {id_}: task {task}", "it does not exist")


def _total(total: Totals) -> dict[str, int]:
    return {"issued": total.issued, "held": total.held, "used": total.used, "left": total.left}


def account(rows: Rows, thorough: bool = False) -> dict[str, Any]:
    """`{"balanced", "units": {unit: {issued, held, used, left}}, "projects": {...}, "faults": [...]}`."""
    wrong = faults(rows) if thorough else quick_faults(rows)
    projects: dict[str, dict[str, dict[str, int]]] = {}
    for row in grants(rows):
        line = projects.setdefault(row["project"], {}).setdefault(row["unit"], dict.fromkeys(Totals._fields, 0))
        for name in Totals._fields:
            line[name] += row[name]
    return {
        "balanced": not wrong,
        "units": {unit: _total(total) for unit, total in totals(rows).items()},
        "projects": projects,
        "faults": wrong,
    }


def grants(rows: Rows, project: str = "") -> list[dict[str, Any]]:
    """Each grant with its account; `issued` is net of what went back to the pool."""
    found = []
    for id_, owner, unit, programme, start, until, state in rows.all(
        "SELECT id, project, unit, programme, start, until, state FROM credit ORDER BY id"
    ):
        if project and owner != project:
            continue
        pots: dict[str, int] = dict(rows.all("SELECT pot, amount FROM balance WHERE credit = ?", (id_,)))
        held, used, left = (int(pots.get(pot, 0)) for pot in ("held", "used", "left"))
        found.append(
            {
                "grant": id_,
                "project": owner,
                "unit": unit,
                "programme": programme,
                "start": start,
                "until": until or None,
                "state": state,
                "issued": held + used + left,
                "held": held,
                "used": used,
                "left": left,
            }
        )
    return found


def projects(rows: Rows) -> list[dict[str, Any]]:
    """Each project with its sector, its members, and what of its work is where."""
    counts: dict[str, dict[str, int]] = {}
    for project, state, number in rows.all("SELECT project, state, COUNT(*) FROM workload GROUP BY project, state"):
        counts.setdefault(project, {})[state] = int(number)
    people = members(rows)
    return [
        {
            "project": id_,
            "sector": sector,
            "org": org,
            "members": [person for person, present in people.get(id_, {}).items() if present],
            "paused": bool(paused),
            "work": counts.get(id_, {}),
        }
        for id_, sector, org, paused in rows.all("SELECT id, sector, org, paused FROM project ORDER BY id")
    ]


def members(rows: Rows) -> dict[str, dict[str, bool]]:
    """By project everybody who is a member or was one, and whether they are."""
    found: dict[str, dict[str, bool]] = {}
    for project, person, present in rows.all("SELECT project, person, present FROM member ORDER BY project, person"):
        found.setdefault(project, {})[person] = bool(present)
    return found


def nodes(rows: Rows) -> list[dict[str, Any]]:
    """Each node: units declared, usable and busy, and its state."""
    busy: dict[int, int] = {}
    for where, units in rows.all(
        "SELECT a.nodes, w.units FROM attempt a JOIN workload w ON w.id = a.workload WHERE a.open = 1"
    ):
        for node in json.loads(where):
            busy[node] = busy.get(node, 0) + int(units)
    found = []
    for id_, name, pool, unit, units, reported, up, drained, reason in rows.all(
        "SELECT n.id, n.name, p.name, p.unit, n.units, n.reported, n.up, n.drained, n.reason FROM node n"
        " JOIN pool p ON p.id = n.pool WHERE n.present = 1 ORDER BY n.id"
    ):
        state = "drained" if drained else "up" if up else "down"
        found.append(
            {
                "node": name,
                "pool": pool,
                "unit": unit,
                "units": units,
                "usable": min(units, reported),
                "busy": busy.get(id_, 0),
                "state": state,
                "reason": reason,
            }
        )
    return found


def windows(rows: Rows) -> list[dict[str, Any]]:
    """Windows that are planned or open."""
    names: dict[int, str] = dict(rows.all("SELECT id, name FROM node"))
    return [
        {
            "window": id_,
            "nodes": [names[node] for node in json.loads(where)],
            "start": start,
            "until": until or None,
            "reason": reason,
        }
        for id_, where, start, until, reason in rows.all(
            'SELECT id, nodes, start, until, reason FROM "window" WHERE present = 1 ORDER BY start, id'
        )
    ]
