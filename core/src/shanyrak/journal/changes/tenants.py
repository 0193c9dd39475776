"""What events of projects and grants change."""

from __future__ import annotations

from shanyrak.journal.accounts import LEFT, POOL, Move, post
from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.store import Rows


@change("project.added")
def _project(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "INSERT INTO account (id, name, parent, weight, floor, cap) VALUES (?, ?, ?, ?, 0, ?)",
        (data["account"], f"project/{data['id']}", data["parent"], data["weight"], data["cap"]),
    )
    rows.run(
        "INSERT INTO project VALUES (?, ?, ?, ?, 0, ?)",
        (data["id"], data["sector"], data["org"], data["account"], at.time),
    )


@change("project.paused")
def _paused(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE project SET paused = 1 WHERE id = ?", (data["id"],))


@change("project.resumed")
def _unpaused(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE project SET paused = 0 WHERE id = ?", (data["id"],))


@change("member.added")
def _member(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "INSERT INTO member VALUES (?, ?, 1) ON CONFLICT (project, person) DO UPDATE SET present = 1",
        (data["project"], data["person"]),
    )


@change("member.removed")
def _left(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE member SET present = 0 WHERE project = ? AND person = ?", (data["project"], data["person"]))


@change("grant.issued")
def _issued(rows: Rows, at: At, data: Data) -> None:
    """`state` is active, or future when its term has not begun."""
    rows.run(
        "INSERT INTO credit VALUES (?, ?, ?, ?, ?, ?, ?)",
        (data["id"], data["project"], data["unit"], data["programme"], data["start"], data["until"], data["state"]),
    )
    post(rows, at.seq, [Move(POOL, LEFT, data["id"], data["unit"], data["amount"])])


@change("grant.opened")
def _opened(rows: Rows, at: At, data: Data) -> None:
    """The term of a grant has begun."""
    rows.run("UPDATE credit SET state = 'active' WHERE id = ?", (data["id"],))


@change("grant.returned")
def _returned(rows: Rows, at: At, data: Data) -> None:
    """A grant expired, or (part of) it was pulled back. `state` is what the grant is after it."""
    rows.run("UPDATE credit SET state = ? WHERE id = ?", (data["state"], data["id"]))
    found = rows.one("SELECT unit FROM credit WHERE id = ?", (data["id"],))
    assert found is not None
    post(rows, at.seq, [Move(LEFT, POOL, data["id"], found[0], data["amount"])])
