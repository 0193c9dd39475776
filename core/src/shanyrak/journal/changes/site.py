"""What events of the site, its facility, its clock and its lease change."""

from __future__ import annotations

from typing import Any

from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.events import canonical
from shanyrak.journal.store import Rows
from shanyrak.model.classes import renumbered


@change("site.created")
def _site(rows: Rows, at: At, data: Data) -> None:
    rows.run("INSERT INTO setting VALUES ('site', ?)", (data["name"],))
    rows.run("INSERT INTO setting VALUES ('token', ?)", (data["token"],))


def _set(rows: Rows, name: str, value: str) -> None:
    rows.run("INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value))


@change("policy.proposed")
def _proposed(rows: Rows, at: At, data: Data) -> None:
    """It waits for a second person, in place of what was proposed before."""
    kept = {key: data[key] for key in ("policy", "version", "rehearsal")}
    _set(rows, "proposed", canonical({**kept, "by": at.actor, "at": at.time}))


@change("policy.activated")
def _activated(rows: Rows, at: At, data: Data) -> None:
    rows.run("DELETE FROM setting WHERE name = 'proposed'")
    _settings(rows, at, data)


@change("settings.changed")
def _settings(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        sorted(data["settings"].items()),
    )


@change("facility.declared")
def _facility(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE pool SET present = 0")
    rows.run("UPDATE node SET present = 0")
    rows.many(
        "INSERT INTO pool VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET engine = excluded.engine,"
        " unit = excluded.unit, nodes = excluded.nodes, units = excluded.units, cpus = excluded.cpus,"
        " memory = excluded.memory, present = 1",
        data["pools"],
    )
    rows.many(
        "INSERT INTO node VALUES (?, ?, ?, ?, ?, 1, 1, 0, '') ON CONFLICT (id) DO UPDATE SET pool = excluded.pool,"
        " units = excluded.units, reported = excluded.reported, present = 1",
        [(*node, node[3]) for node in data["nodes"]],
    )
    rows.many(
        "INSERT INTO account (id, name, parent, weight, floor, cap) VALUES (?, ?, -1, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET weight = excluded.weight, floor = excluded.floor, cap = excluded.cap",
        data["sectors"],
    )
    if "half_life" in data:
        _set(rows, "half_life", str(data["half_life"]))
    if "classes" in data:  # journals from before there were any do not say
        _classes(rows, data["classes"])


def _classes(rows: Rows, classes: list[list[Any]]) -> None:
    """The service classes, in the order of their numbers; work goes along with the name of its class."""
    before = [name for (name,) in rows.all("SELECT name FROM class ORDER BY number")]
    rows.run("DELETE FROM class")
    rows.many("INSERT INTO class VALUES (?, ?, ?)", classes)
    if moved := renumbered(before, [name for _, name, _ in classes]):
        cases = " ".join(f"WHEN {old} THEN {new}" for old, new in moved.items())
        rows.run(f"UPDATE workload SET class = CASE class {cases} ELSE class END")


@change("node.reported")
def _reported(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "UPDATE node SET reported = ?, up = ?, reason = CASE WHEN drained = 1 THEN reason ELSE ? END WHERE id = ?",
        [(units, up, reason, node) for node, units, up, reason in data["nodes"]],
    )


@change("node.drained")
def _drained(rows: Rows, at: At, data: Data) -> None:
    rows.many("UPDATE node SET drained = 1, reason = ? WHERE id = ?", [(data["reason"], n) for n in data["nodes"]])


@change("node.resumed")
def _resumed(rows: Rows, at: At, data: Data) -> None:
    rows.many("UPDATE node SET drained = 0, reason = '' WHERE id = ?", [(n,) for n in data["nodes"]])


@change("window.added")
def _window(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        'INSERT INTO "window" VALUES (?, ?, ?, ?, ?, 1)',
        (data["id"], canonical(data["nodes"]), data["start"], data["until"], data["reason"]),
    )


@change("window.removed")
def _unwindow(rows: Rows, at: At, data: Data) -> None:
    rows.run('UPDATE "window" SET present = 0 WHERE id = ?', (data["id"],))


@change("site.paused")
def _site_paused(rows: Rows, at: At, data: Data) -> None:
    _set(rows, "paused", str(data["paused"]))


@change("clock.stepped")
@change("decision.made")
@change("backup.made")
def _nothing(rows: Rows, at: At, data: Data) -> None:
    """The event itself is all there is to keep."""


@change("lease.taken")
def _lease(rows: Rows, at: At, data: Data) -> None:
    rows.run("DELETE FROM lease")
    rows.run(
        "INSERT INTO lease VALUES (1, ?, ?, ?, ?, ?, 1)",
        (data["epoch"], data["host"], data["boot"], data["pid"], data["started"]),
    )


@change("lease.left")
def _unlease(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE lease SET held = 0 WHERE epoch = ?", (data["epoch"],))
