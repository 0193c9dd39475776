"""What events of attempts change: their row, their holds and charges, their workload."""

from __future__ import annotations

from shanyrak.journal.accounts import HELD, LEFT, USED, Move, post
from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.changes.row import load, move, save
from shanyrak.journal.events import canonical
from shanyrak.journal.past_use import with_attempt
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states


@change("attempt.intent")
def _intent(rows: Rows, at: At, data: Data) -> None:
    """Tasks of one workload are about to be launched; `attempts` is (id, token, task, try, nodes, holds).

    `guard`: which claim may stop them for other work; `safe`: not before they have run so long (ms).
    """
    row = load(rows, data["workload"])
    found = rows.one("SELECT class FROM workload WHERE id = ?", (row.id,))
    class_ = found[0] if found else 0
    guard, safe = data.get("guard", 0), data.get("safe", 0)
    unit = data["unit"]
    moves = []
    for id_, token, task, try_, nodes, holds in data["attempts"]:
        rows.run(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, NULL, 0, '', '', '', '', 1, ?, ?, ?,"
            " 0, 0)",
            (
                id_,
                token,
                row.id,
                task,
                try_,
                canonical(nodes),
                data["bundle"],
                at.time,
                row.walltime,
                class_,
                at.time + safe if safe else 0,
                guard,
            ),
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
    move(rows, at, row, reasons.LAUNCHING, "given to its engine")


@change("attempt.launched")
def _launched(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "UPDATE attempt SET launched = ?, unknown_since = 0, handle = ?, isolation = ? WHERE token = ?",
        [(at.time, handle, isolation, token) for token, handle, isolation in data["attempts"]],
    )


@change("attempt.pending")
def _pending(rows: Rows, at: At, data: Data) -> None:
    """Their engine has not started them yet, and says why, or could not be asked: (token, words), all of one workload."""
    rows.many(
        "UPDATE attempt SET words = ?, unknown_since = 0 WHERE token = ?",
        [(words, token) for token, words in data["attempts"]],
    )
    row = load(rows, data["workload"])
    if row.state == states.STARTING:
        save(rows, at, row, reasons.PENDING, data["attempts"][0][1])


@change("attempt.started")
def _started(rows: Rows, at: At, data: Data) -> None:
    """The engine says since when they run: (token, time), all of one workload."""
    rows.many(
        "UPDATE attempt SET started = ?, unknown_since = 0, words = '', safe = CASE safe WHEN 0 THEN 0 ELSE safe - intent + ? END"
        " WHERE token = ?",
        [(started, started, token) for token, started in data["attempts"]],
    )
    row = load(rows, data["workload"])
    row.started = row.started or min(started for _, started in data["attempts"])
    if row.state == states.STARTING:
        row.state = states.RUNNING
        save(rows, at, row, reasons.RUNNING, "running")
    else:
        save(rows, at, row, row.reason, row.words)


@change("attempt.unknown")
def _unknown(rows: Rows, at: At, data: Data) -> None:
    rows.many(
        "UPDATE attempt SET unknown_since = ? WHERE token = ? AND unknown_since = 0",
        [(at.time, token) for token in data["tokens"]],
    )


@change("attempt.known")
def _known(rows: Rows, at: At, data: Data) -> None:
    rows.many("UPDATE attempt SET unknown_since = 0 WHERE token = ?", [(token,) for token in data["tokens"]])


@change("attempt.preempted")
def _preempted(rows: Rows, at: At, data: Data) -> None:
    """It is to be stopped, and its task to wait again, for `for`: that has a claim above its guard."""
    rows.run(
        "UPDATE attempt SET stop = ?, stop_for = ?, claim = ? WHERE token = ?",
        (reasons.PREEMPTED, data["for"], data["claim"], data["token"]),
    )
    row = load(rows, data["workload"])
    row.leaving += 1
    move(rows, at, row, reasons.PREEMPTED, f"is being stopped for workload {data['for']}")


@change("attempt.ended")
def _attempt_ended(rows: Rows, at: At, data: Data) -> None:
    """One attempt is over, its use charged, its hold released.

    `fate` says what that means for its task: done, failed, lost, stopped (by a person) or again.
    `backoff` (ms, ledger time) keeps the workload from being tried again before.
    """
    _close(rows, at, data)
    _charge(rows, at, data)
    _use(rows, data)
    row = load(rows, data["workload"])
    row.live -= 1
    if row.leaving and rows.one("SELECT 1 FROM attempt WHERE token = ? AND stop_for != 0", (data["token"],)):
        row.leaving -= 1
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
    move(rows, at, row, data["reason"], data["words"])


@change("attempt.late")
def _late(rows: Rows, at: At, data: Data) -> None:
    """A result that came after its attempt was closed: recorded and charged, no state changes."""
    rows.run(
        "UPDATE attempt SET ended = ?, ran = ?, words = words || ?, handle = '' WHERE token = ?",
        (data["ended"], data["ran"], "; a result came later", data["token"]),
    )
    _charge(rows, at, data)
    _use(rows, data)


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


def _use(rows: Rows, data: Data) -> None:
    """What it ran is past use of its account from now on."""
    half_life = rows.one("SELECT value FROM setting WHERE name = 'half_life'")
    account = data.get("account", -1)
    found = rows.one("SELECT settled, settled_at FROM account WHERE id = ?", (account,))
    if half_life and found:
        settled, until = with_attempt(found[0], found[1], data, int(half_life[0]))
        rows.run("UPDATE account SET settled = ?, settled_at = ? WHERE id = ?", (settled, until, account))


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
