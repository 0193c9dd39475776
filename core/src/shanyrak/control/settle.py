"""Settlement: what an engine saw of an attempt becomes an end, a charge and a release, in one event.

Charge = ceil(units x ms / 1000) with the engine's own duration. What goes over the hold is taken from what is left of
the same grants, which only so may go below zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from shanyrak.control.requests import settle_dependents
from shanyrak.exchange import Seen
from shanyrak.journal.accounts import LEFT, balance
from shanyrak.journal.journal import Writer
from shanyrak.model import reasons, states
from shanyrak.model.quantities import duration_words, memory_words

RATE = "1"
"""Version of the charging formula, kept with each charge."""
BACKOFF_MS = (1_000, 5_000, 30_000, 120_000)
"""How long work waits before it is tried again after trouble that was not its own, by number of tries."""
_NOTHING_LEFT = reasons.INFRASTRUCTURE | {"refused"}


@dataclass(slots=True)
class Open:
    """An attempt that lives, as the controller remembers it: `number` is its try, `pool` its workload's."""

    token: str
    id: int
    workload: int
    task: int
    number: int
    pool: int
    launched: bool
    started: int
    stop: str = ""
    """Why it is to end: a person asked, or other work is to have its units (`preempted`)."""
    stop_for: int = 0
    unknown: bool = False
    pending: str = ""
    """Why its engine has not started it yet, as it last said."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What the end of an attempt means for its task."""

    fate: str
    reason: str
    words: str
    backoff: int = 0


def end(writer: Writer, attempt: Open, seen: Seen) -> str:
    """Write the end of an attempt: its fate, its charge, its release; gives the workload's state after it."""
    row = writer.rows.one(
        "SELECT w.width * w.units, w.walltime, w.tries, p.unit, w.unfenced, w.stopping, w.account"
        " FROM workload w JOIN pool p ON p.id = w.pool"
        " WHERE w.id = ?",
        (attempt.workload,),
    )
    assert row is not None
    units, walltime, tries, kind, unfenced, stopping, account = row
    attempt.stop = stopping or attempt.stop  # a stop may have been asked for since the controller last looked
    fate = judge(seen, attempt, _tried(writer, attempt), tries, walltime, bool(unfenced), writer.now)
    unit, charged = f"{kind}-second", -(-units * max(0, seen.ran_ms) // 1000)
    charges, releases = _split(writer, attempt, unit, charged)
    writer.append(
        "attempt.ended",
        attempt.token,
        {
            "token": attempt.token,
            "workload": attempt.workload,
            "task": attempt.task,
            "account": account,
            "unit": unit,
            "units": units,
            "started": seen.started_ms or attempt.started,
            "ended": max(seen.ended_ms, seen.started_ms) or writer.now,
            "ran": max(0, seen.ran_ms),
            "exit_code": seen.exit_code,
            "signal": seen.signal,
            "cause": reasons.PREEMPTED if fate.reason == reasons.PREEMPTED else seen.cause or seen.state,
            "isolation": ",".join(seen.isolation),
            "fate": fate.fate,
            "backoff": fate.backoff,
            "reason": fate.reason,
            "words": fate.words,
            "charged": charged,
            "charges": charges,
            "releases": releases,
            "part": 1,
            "rate": RATE,
            "cpu": seen.cpu_ms,
            "memory": seen.peak_memory,
        },
    )
    return_expired(writer, [credit for credit, _ in releases])
    after = writer.rows.one("SELECT state FROM workload WHERE id = ?", (attempt.workload,))
    state = str(after[0]) if after else ""
    if state in states.ENDED:
        settle_dependents(writer, attempt.workload, state)
    return state


def late(writer: Writer, token: str, seen: Seen) -> None:
    """A result for an attempt that was closed as lost: recorded, charged once, no state changes."""
    row = writer.rows.one(
        "SELECT w.width * w.units, p.unit, w.project, w.account FROM attempt a JOIN workload w ON w.id = a.workload"
        " JOIN pool p ON p.id = w.pool WHERE a.token = ?",
        (token,),
    )
    if row is None or writer.rows.one("SELECT 1 FROM charge WHERE token = ?", (token,)):
        return
    units, unit, project = row[0], f"{row[1]}-second", row[2]
    charged = -(-units * max(0, seen.ran_ms) // 1000)
    credit = writer.rows.one(
        "SELECT id FROM credit WHERE project = ? AND unit = ? ORDER BY state, until = 0, until, id", (project, unit)
    )
    if charged and credit:
        writer.append(
            "attempt.late",
            token,
            {
                "token": token,
                "account": row[3],
                "unit": unit,
                "units": units,
                "started": seen.started_ms,
                "ended": seen.ended_ms,
                "ran": seen.ran_ms,
                "charged": charged,
                "charges": [[credit[0], charged, 1]],
                "releases": [],
                "part": 1,
                "rate": RATE,
            },
        )


def _tried(writer: Writer, attempt: Open) -> int:
    """Tries of the task that the infrastructure has used up, this one included.

    Refused launches and those that were stopped for other work are not among them.
    """
    before = writer.rows.one(
        "SELECT COUNT(*) FROM attempt WHERE workload = ? AND task = ? AND open = 0"
        " AND cause NOT IN ('refused', 'preempted')",
        (attempt.workload, attempt.task),
    )
    return 1 + (int(before[0]) if before else 0)


def judge(seen: Seen, attempt: Open, tried: int, tries: int, walltime: int, unfenced: bool, now: int) -> Fate:
    """What an end means: the user's failures are final, the infrastructure's are tried again.

    What ended first wins over a stop; a lost attempt is tried again only when no process of it can be left, or when
    the spec says `retry.unfenced`. What was stopped for other work waits again and has lost no try.
    """
    gone = seen.cause == "stopped" or (seen.fenced and (seen.state == "absent" or seen.cause in _NOTHING_LEFT))
    if attempt.stop == reasons.PREEMPTED and gone:
        after = f" after {duration_words(seen.ran_ms)}" if seen.ran_ms else ""
        return Fate("again", reasons.PREEMPTED, f"was stopped{after} for workload {attempt.stop_for}, and waits again")
    if seen.cause == "refused":
        if attempt.stop:
            return Fate("stopped", reasons.STOPPED, "stopped before it was launched")
        return Fate("again", "refused", f"its engine did not take it: {seen.words}", now + _backoff(attempt.number))
    if seen.state == "ended" and seen.cause not in reasons.INFRASTRUCTURE:
        return _ended(seen, attempt, walltime)
    words = seen.words or ("its node failed" if seen.cause == "node" else "the engine knows nothing of it any more")
    if attempt.stop not in ("", reasons.PREEMPTED):
        return Fate("stopped", reasons.STOPPED, f"stopped; {words}")
    if not (seen.fenced or unfenced):
        return Fate("lost", reasons.UNFENCED, f"{words}, and nobody can say that it is dead, so it is not run again")
    if tried >= tries:
        return Fate("failed", reasons.TRIES, f"{words}; all {tries} tries are used up")
    return Fate("again", "retry", f"{words}; try {tried + 1} of {tries} follows", now + _backoff(tried))


def _backoff(number: int) -> int:
    return BACKOFF_MS[min(number, len(BACKOFF_MS)) - 1]


def _ended(seen: Seen, attempt: Open, walltime: int) -> Fate:
    match seen.cause:
        case "walltime":
            return Fate("failed", reasons.WALLTIME, f"it ran past its walltime of {duration_words(walltime)}")
        case "memory":
            peak = f" (it had {memory_words(seen.peak_memory)})" if seen.peak_memory else ""
            return Fate("failed", reasons.MEMORY, f"it took more memory than it asked for{peak}")
        case "launch":
            return Fate("failed", reasons.LAUNCH, seen.words or "its command could not be started")
        case "stopped":
            if attempt.stop:
                return Fate("stopped", reasons.STOPPED, "stopped by a person")
            return Fate("failed", reasons.STOPPED, seen.words or "stopped on the engine, not through Shanyrak")
    if seen.signal:
        return Fate("failed", reasons.SIGNAL, f"ended by signal {seen.signal}")
    if seen.exit_code:
        return Fate("failed", reasons.EXIT, f"exit code {seen.exit_code}")
    return Fate("done", reasons.OK, "done")


def _split(writer: Writer, attempt: Open, unit: str, charged: int) -> tuple[list[list[int]], list[list[int]]]:
    """Pay `charged` from the holds in their order; what is missing from the same grants, what is left over returns."""
    charges, releases, rest, last = [], [], charged, 0
    for credit, amount in writer.rows.all(
        "SELECT credit, amount FROM hold WHERE token = ? ORDER BY line", (attempt.token,)
    ):
        paid = min(rest, amount)
        rest -= paid
        last = credit
        if paid:
            charges.append([credit, paid, 0])
        if amount > paid:
            releases.append([credit, amount - paid])
    if rest:
        charges.append([last, rest, 1])
    return charges, releases


def return_expired(writer: Writer, credits: list[int]) -> None:
    """What came back to a grant that is over goes on to the pool."""
    for credit in dict.fromkeys(credits):
        found = writer.rows.one("SELECT state FROM credit WHERE id = ?", (credit,))
        left = balance(writer.rows, credit, LEFT)
        if found and found[0] in ("expired", "pulled") and left > 0:
            writer.append("grant.returned", credit, {"id": credit, "amount": left, "state": found[0], "how": found[0]})
