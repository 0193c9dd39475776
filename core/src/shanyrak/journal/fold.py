"""What each event changes: `apply` is the only code that writes the folded tables, live and when re-folding.

It is a pure function of the event and the tables before it: no clock, no randomness, nothing outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shanyrak.journal.accounts import HELD, LEFT, POOL, USED, Move, post
from shanyrak.journal.events import canonical
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states

Data = Mapping[str, Any]


class At(NamedTuple):
    """Where and when an event stands."""

    seq: int
    time: int
    actor: str


Change = Callable[[Rows, At, Data], None]
CHANGES: dict[str, Change] = {}


def change(type_: str) -> Callable[[Change], Change]:
    """Register what an event type does to the tables."""

    def register(function: Change) -> Change:
        CHANGES[type_] = function
        return function

    return register


def apply(rows: Rows, seq: int, time: int, actor: str, type_: str, data: Data) -> None:
    """Apply one event. KeyError for a type that nobody registered: a defect."""
    CHANGES[type_](rows, At(seq, time, actor), data)


# ---- the site and its facility --------------------------------------------------------------------------------


@change("site.created")
def _site(rows: Rows, at: At, data: Data) -> None:
    rows.run("INSERT INTO setting VALUES ('site', ?)", (data["name"],))
    rows.run("INSERT INTO setting VALUES ('token', ?)", (data["token"],))


@change("policy.activated")
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
        "INSERT INTO account VALUES (?, ?, -1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET weight = excluded.weight,"
        " floor = excluded.floor, cap = excluded.cap",
        data["sectors"],
    )


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
    rows.run(
        "INSERT INTO setting VALUES ('paused', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (str(data["paused"]),),
    )


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


# ---- projects and grants --------------------------------------------------------------------------------------


@change("project.added")
def _project(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "INSERT INTO account VALUES (?, ?, ?, ?, 0, ?)",
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


# ---- workloads ------------------------------------------------------------------------------------------------

_WORKLOAD = f"INSERT INTO workload VALUES ({', '.join('?' * 37)})"


@change("workload.submitted")
def _submitted(rows: Rows, at: At, data: Data) -> None:
    state, after = data["state"], data["after"]
    ended = at.time if state == states.REFUSED else 0
    rows.run(
        _WORKLOAD,
        (
            data["id"],
            data["project"],
            data["account"],
            data.get("key"),
            at.actor,
            at.seq,
            data["title"],
            data["pool"],
            data["width"],
            data["units"],
            data["tasks"],
            data["at_once"],
            data["walltime"],
            data["term"],
            data["tries"],
            data["unfenced"],
            state,
            data["reason"],
            data["words"],
            0,
            len(after),
            0,
            0,
            "[]",
            0,
            0,
            0,
            0,
            0,
            "",
            at.time,
            at.time,
            0,
            ended,
            None,
            1,
            0,
        ),
    )
    if after:
        rows.many("INSERT INTO dependency VALUES (?, ?)", [(one, data["id"]) for one in after])


@change("workload.held")
def _held(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE workload SET held = ? WHERE id = ?", (data["held"], data["id"]))


@change("workload.freed")
def _freed(rows: Rows, at: At, data: Data) -> None:
    """One of those it came after is done; `waits` is how many are left."""
    if data["waits"]:
        rows.run("UPDATE workload SET waits = ? WHERE id = ?", (data["waits"], data["id"]))
    else:
        rows.run(
            "UPDATE workload SET waits = 0, reason = ?, words = ? WHERE id = ?",
            (reasons.WAITING, "what it came after is done", data["id"]),
        )


@change("workload.ready")
def _ready(rows: Rows, at: At, data: Data) -> None:
    """Its pause after a refused launch is over."""
    rows.run(
        "UPDATE workload SET backoff = 0, reason = 'waiting', words = 'to be tried again' WHERE id = ?", (data["id"],)
    )


@change("workload.stopped")
def _stop(rows: Rows, at: At, data: Data) -> None:
    """A person asks for its end: what waits is dropped now, what lives is told to stop."""
    row = _load(rows, data["id"])
    row.dropped += row.tasks - row.next + len(row.again)
    row.next, row.again = row.tasks, []
    row.stopping = data["reason"]
    rows.run("UPDATE attempt SET stop = ? WHERE workload = ? AND open = 1 AND stop = ''", (data["reason"], row.id))
    _move(rows, at, row, data["reason"], data["words"])


@change("workload.ended")
def _ended(rows: Rows, at: At, data: Data) -> None:
    """Work that waits ends without having run: cancelled because of what it came after, or expired."""
    row = _load(rows, data["id"])
    states.check_move(row.state, data["state"])
    row.dropped += row.tasks - row.next + len(row.again)
    row.next, row.again, row.state = row.tasks, [], data["state"]
    _save(rows, at, row, data["reason"], data["words"])


# ---- attempts -------------------------------------------------------------------------------------------------


@change("attempt.intent")
def _intent(rows: Rows, at: At, data: Data) -> None:
    """Tasks of one workload are about to be launched; `attempts` is (id, token, task, try, nodes, holds)."""
    row = _load(rows, data["workload"])
    unit = data["unit"]
    moves = []
    for id_, token, task, try_, nodes, holds in data["attempts"]:
        rows.run(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, NULL, 0, '', '', '', '', 1)",
            (id_, token, row.id, task, try_, canonical(nodes), data["bundle"], at.time, row.walltime),
        )
        for line, (credit, amount) in enumerate(holds):
            rows.run("INSERT INTO hold VALUES (?, ?, ?, ?)", (token, line, credit, amount))
            moves.append(Move(LEFT, HELD, credit, unit, amount))
        if task in row.again:
            row.again.remove(task)
        else:
            row.next += 1
        row.live += 1
    post(rows, at.seq, moves)
    _move(rows, at, row, reasons.LAUNCHING, "given to its engine")


@change("attempt.launched")
def _launched(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "UPDATE attempt SET launched = ?, unknown_since = 0, handle = ?, isolation = ? WHERE token = ?",
        [(at.time, handle, isolation, token) for token, handle, isolation in data["attempts"]],
    )


@change("attempt.started")
def _started(rows: Rows, at: At, data: Data) -> None:
    """The engine says since when they run: (token, time), all of one workload."""
    rows.many(
        "UPDATE attempt SET started = ?, unknown_since = 0 WHERE token = ?",
        [(started, token) for token, started in data["attempts"]],
    )
    row = _load(rows, data["workload"])
    row.started = row.started or min(started for _, started in data["attempts"])
    if row.state == states.STARTING:
        row.state = states.RUNNING
        _save(rows, at, row, reasons.RUNNING, "running")
    else:
        _save(rows, at, row, row.reason, row.words)


@change("attempt.unknown")
def _unknown(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "UPDATE attempt SET unknown_since = ? WHERE token = ? AND unknown_since = 0",
        [(at.time, token) for token in data["tokens"]],
    )


@change("attempt.known")
def _known(rows: Rows, at: At, data: Data) -> None:
    rows.many("UPDATE attempt SET unknown_since = 0 WHERE token = ?", [(token,) for token in data["tokens"]])


@change("attempt.ended")
def _attempt_ended(rows: Rows, at: At, data: Data) -> None:
    """One attempt is over, its use charged, its hold released.

    `fate` says what that means for its task: done, failed, lost, stopped (by a person) or again.
    `backoff` (ms, ledger time) keeps the workload from being tried again before.
    """
    _close(rows, at, data)
    _charge(rows, at, data)
    row = _load(rows, data["workload"])
    row.live -= 1
    row.started = row.started or data["started"]
    fate = data["fate"]
    if fate == "again":
        row.again = sorted([*row.again, data["task"]])
        row.backoff = max(row.backoff, data["backoff"])
        row.queued, row.spell = at.time, row.spell + 1
    elif fate == "stopped":
        row.dropped += 1
    else:
        setattr(row, fate, getattr(row, fate) + 1)
        if data["exit_code"] is not None and (row.exit_code is None or row.exit_code == 0):
            row.exit_code = data["exit_code"]
    row.last = max(row.last, data["ended"])
    _move(rows, at, row, data["reason"], data["words"])


@change("attempt.late")
def _late(rows: Rows, at: At, data: Data) -> None:
    """A result that came after its attempt was closed: recorded and charged, no state changes."""
    rows.run(
        "UPDATE attempt SET ended = ?, ran = ?, words = words || ?, handle = '' WHERE token = ?",
        (data["ended"], data["ran"], "; a result came later", data["token"]),
    )
    _charge(rows, at, data)


def _close(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "UPDATE attempt SET open = 0, started = ?, ended = ?, ran = ?, exit_code = ?, signal = ?, cause = ?,"
        " words = ?, isolation = CASE WHEN ? = '' THEN isolation ELSE ? END, unknown_since = 0 WHERE token = ?",
        (
            data["started"],
            data["ended"],
            data["ran"],
            data["exit_code"],
            data["signal"],
            data["cause"],
            data["words"],
            data["isolation"],
            data["isolation"],
            data["token"],
        ),
    )


def _charge(rows: Rows, at: At, data: Data) -> None:
    token, unit = data["token"], data["unit"]
    moves = [Move(LEFT if over else HELD, USED, credit, unit, amount) for credit, amount, over in data["charges"]]
    moves += [Move(HELD, LEFT, credit, unit, amount) for credit, amount in data["releases"]]
    if data["charged"]:
        rows.run(
            "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                token,
                data["part"],
                data["units"],
                data["started"],
                data["ended"],
                data["ran"],
                data["charged"],
                data["rate"],
            ),
        )
    rows.run("DELETE FROM hold WHERE token = ?", (token,))
    post(rows, at.seq, moves)


# ---- promises -------------------------------------------------------------------------------------------------


@change("promise.given")
@change("promise.moved")
def _promised(rows: Rows, at: At, data: Data) -> None:
    """`at` is when it starts at the latest; it may only move earlier."""
    rows.run(
        "INSERT INTO promise VALUES (?, ?, ?, ?, ?, 'given', '', 0) ON CONFLICT (workload, spell)"
        " DO UPDATE SET at = excluded.at",
        (data["workload"], data["spell"], at.time, data["at"], data["at"]),
    )
    rows.run("UPDATE workload SET promised = ? WHERE id = ?", (data["at"], data["workload"]))


@change("promise.kept")
@change("promise.broken")
@change("promise.void")
def _promise_over(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "UPDATE promise SET state = ?, cause = ?, ended = ? WHERE workload = ? AND spell = ?",
        (data["state"], data["cause"], at.time, data["workload"], data["spell"]),
    )
    rows.run("UPDATE workload SET promised = 0 WHERE id = ?", (data["workload"],))


# ---- one row of a workload ------------------------------------------------------------------------------------

_COLUMNS = (
    "id",
    "state",
    "reason",
    "words",
    "tasks",
    "next",
    "again",
    "live",
    "done",
    "failed",
    "lost",
    "dropped",
    "stopping",
    "backoff",
    "queued",
    "started",
    "ended",
    "exit_code",
    "spell",
    "walltime",
)


class Work:
    """What changes of one workload, while an event is applied."""

    __slots__ = (*_COLUMNS, "last")
    id: int
    state: str
    reason: str
    words: str
    tasks: int
    next: int
    again: list[int]
    live: int
    done: int
    failed: int
    lost: int
    dropped: int
    stopping: str
    backoff: int
    queued: int
    started: int
    ended: int
    exit_code: int | None
    spell: int
    walltime: int
    last: int


def _load(rows: Rows, id_: int) -> Work:
    found = rows.one(f"SELECT {', '.join(_COLUMNS)} FROM workload WHERE id = ?", (id_,))
    assert found is not None
    row = Work()
    for name, value in zip(_COLUMNS, found, strict=True):
        setattr(row, name, value)
    row.again = json.loads(found[6])
    row.last = 0
    return row


def _save(rows: Rows, at: At, row: Work, reason: str, words: str) -> None:
    if row.state in states.ENDED and not row.ended:
        row.ended = row.last or at.time
    rows.run(
        "UPDATE workload SET state = ?, reason = ?, words = ?, next = ?, again = ?, live = ?, done = ?, failed = ?,"
        " lost = ?, dropped = ?, stopping = ?, backoff = ?, queued = ?, started = ?, ended = ?, exit_code = ?, spell = ?"
        " WHERE id = ?",
        (
            row.state,
            reason,
            words,
            row.next,
            canonical(row.again),
            row.live,
            row.done,
            row.failed,
            row.lost,
            row.dropped,
            row.stopping,
            row.backoff,
            row.queued,
            row.started,
            row.ended,
            row.exit_code,
            row.spell,
            row.id,
        ),
    )


def _move(rows: Rows, at: At, row: Work, reason: str, words: str) -> None:
    """Give the workload the state that its tasks add up to, by the state machine."""
    new = _state(row)
    if new == row.state and new in (states.RUNNING, states.STARTING):
        reason, words = row.reason, row.words  # an array goes on: the end of one task is not its reason
    states.check_move(row.state, new)
    row.state = new
    _save(rows, at, row, reason, words)


def _state(row: Work) -> str:
    if row.live:
        if row.stopping:
            return states.STOPPING
        return states.RUNNING if row.state == states.RUNNING else states.STARTING
    if row.next < row.tasks or row.again:
        return states.QUEUED
    if row.dropped:
        return states.CANCELLED
    if row.failed:
        return states.FAILED
    return states.LOST if row.lost else states.DONE
