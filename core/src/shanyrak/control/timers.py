"""What happens by time alone: terms of grants, terms of work, pauses after trouble, promises that were not kept."""

from __future__ import annotations

from shanyrak.control.requests import end_waiting, settle_dependents, void_promise
from shanyrak.journal.accounts import LEFT, balance
from shanyrak.journal.journal import Writer
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states
from shanyrak.model.quantities import instant_words

_DUE = (
    ("credit", "SELECT id FROM credit WHERE state = 'active' AND until != 0 AND until <= ?"),
    ("opening", "SELECT id FROM credit WHERE state = 'future' AND start <= ?"),
    (
        "term",
        "SELECT id FROM workload WHERE ended = 0 AND state = 'queued' AND started = 0 AND term != 0 AND term <= ?",
    ),
    ("backoff", "SELECT id FROM workload WHERE ended = 0 AND backoff != 0 AND backoff <= ?"),
    ("window", 'SELECT id FROM "window" WHERE present = 1 AND until != 0 AND until <= ?'),
    ("promise", "SELECT id FROM workload WHERE ended = 0 AND promised != 0 AND promised < ?"),
)
_NEXT = (
    "SELECT MIN(until) FROM credit WHERE state = 'active' AND until != 0",
    "SELECT MIN(start) FROM credit WHERE state = 'future'",
    "SELECT MIN(term) FROM workload WHERE ended = 0 AND state = 'queued' AND started = 0 AND term != 0",
    "SELECT MIN(backoff) FROM workload WHERE ended = 0 AND backoff != 0",
    'SELECT MIN(until) FROM "window" WHERE present = 1 AND until != 0',
    "SELECT MIN(promised) FROM workload WHERE ended = 0 AND promised != 0",
)


def due(rows: Rows, now: int) -> bool:
    """Whether anything is due at `now`."""
    return any(rows.one(query, (now,)) for _, query in _DUE)


def soonest(rows: Rows) -> int:
    """The next time at which something falls due; 0 when nothing does."""
    times = [row[0] for query in _NEXT if (row := rows.one(query)) and row[0] is not None]
    return int(min(times, default=0))


def ring(writer: Writer) -> None:
    """Write everything that is due at the transaction's time."""
    found = {name: [int(row[0]) for row in writer.rows.all(query, (writer.now,))] for name, query in _DUE}
    for credit in found["credit"]:
        left = max(0, balance(writer.rows, credit, LEFT))
        writer.append("grant.returned", credit, {"id": credit, "amount": left, "state": "expired", "how": "expired"})
    for credit in found["opening"]:
        writer.append("grant.opened", credit, {"id": credit})
    for work in found["term"]:
        if _has_ended(writer.rows, work):  # with what it came after, just now
            continue
        void_promise(writer, work, "its term is over")
        end_waiting(writer, work, states.EXPIRED, reasons.TERM, "it was not started within its term")
        settle_dependents(writer, work, states.EXPIRED)
    for work in found["backoff"]:
        if _has_ended(writer.rows, work):
            continue
        writer.append("workload.ready", work, {"id": work})
    for window in found["window"]:
        writer.append("window.removed", window, {"id": window})
    for work in found["promise"]:
        row = writer.rows.one("SELECT spell, promised, held FROM workload WHERE id = ?", (work,))
        if row and row[1]:
            writer.append(
                "promise.broken",
                work,
                {
                    "workload": work,
                    "spell": row[0],
                    "state": "broken",
                    "cause": breach(writer.rows, work, row[2], row[1]),
                },
            )


def _has_ended(rows: Rows, work: int) -> bool:
    return rows.one("SELECT 1 FROM workload WHERE id = ? AND ended != 0", (work,)) is not None


def breach(rows: Rows, work: int, held: int, promised: int) -> str:
    """Why a promise was not kept: the newest thing, since it was given, that may break one."""
    if held:
        return "the work was held by a person"
    given = rows.one(
        "SELECT MAX(seq) FROM event WHERE type IN ('promise.given', 'promise.moved') AND subject = ?", (str(work),)
    )
    since = int(given[0] or 0) if given else 0
    found = rows.one(
        "SELECT type, subject FROM event WHERE seq > ? AND type IN ('node.reported', 'node.drained', 'window.added',"
        " 'facility.declared', 'grant.returned', 'project.paused', 'site.paused', 'lease.taken', 'clock.stepped',"
        " 'policy.activated', 'settings.changed')"
        " AND (type != 'project.paused' OR subject = (SELECT project FROM workload WHERE id = ?))"
        " ORDER BY seq DESC LIMIT 1",
        (since, work),
    )
    causes = {
        "node.reported": "a node was lost",
        "node.drained": "an operator drained a node",
        "window.added": "an operator's window",
        "facility.declared": "the facility or a cap was changed",
        "grant.returned": "a grant was changed",
        "project.paused": "the project was paused",
        "site.paused": "the site was paused",
        "lease.taken": "the controller was down",
        "clock.stepped": "the clock was stepped",
        "policy.activated": "the policy was changed",
        "settings.changed": "the policy's settings were changed",
    }
    if found:
        return f"{causes[found[0]]} ({found[1]})"
    return f"work before it ran over its time at {instant_words(promised)}"
