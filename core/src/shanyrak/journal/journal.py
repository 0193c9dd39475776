"""The journal: the one writer of events and tables, in one transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from shanyrak.errors import UnfitProblem
from shanyrak.journal import fold, points
from shanyrak.journal.clock import Clock
from shanyrak.journal.events import GENESIS, Event, canonical, chain, parsed
from shanyrak.journal.schema import FOLDED, MIGRATIONS, parts, schema_version
from shanyrak.journal.store import Row, Rows, Store
from shanyrak.texts import refuse_unkept

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"
LINES = 500
"""Events that are inserted at once: a third of the time of one by one."""
ALL = 2**63 - 1
"""More than there can be."""


class Writer:
    """An open write transaction. It has one time (`now`, ledger ms); order within it is seq.

    Raises UsageProblem, so that nothing is written, for an event with text that not every store keeps (`texts`).
    """

    def __init__(self, rows: Rows, clock: Clock, actor: str) -> None:
        last = rows.one("SELECT seq, time, hash FROM event ORDER BY seq DESC LIMIT 1") or (0, 0, GENESIS)
        self.rows, self.actor = rows, actor
        self.seq, self._hash = int(last[0]), str(last[2])
        self.now = clock.now(int(last[1]))
        self._lines: list[tuple[int, int, str, str, str, str, str]] = []

    def append(self, type_: str, subject: str | int, data: Mapping[str, Any], actor: str = "") -> int:
        """Write one event and what it changes; gives its seq."""
        by = actor or self.actor
        self._write(by, type_, subject, data)
        fold.apply(self.rows, self.seq, self.now, by, type_, data)
        return self.seq

    def append_many(self, type_: str, several: Sequence[tuple[str | int, Mapping[str, Any]]]) -> None:
        """Write events of one type (subject and data of each), and together what they change."""
        changes = []
        for subject, data in several:
            self._write(self.actor, type_, subject, data)
            changes.append((fold.At(self.seq, self.now, self.actor), data))
        fold.apply_many(self.rows, type_, changes)

    def _write(self, by: str, type_: str, subject: str | int, data: Mapping[str, Any]) -> None:
        seq, about, payload = self.seq + 1, str(subject), canonical(data)
        if "\\u0000" in payload or "\0" in by or "\0" in about:
            refuse_unkept({"actor": by, "subject": about, **data})
        try:
            digest = chain(self._hash, seq, self.now, by, type_, about, payload)
        except UnicodeEncodeError:
            refuse_unkept({"actor": by, "subject": about, **data})
            raise
        self._lines.append((seq, self.now, by, type_, about, payload, digest))
        self.seq, self._hash = seq, digest
        if len(self._lines) >= LINES:
            self.flush()

    def flush(self) -> None:
        """Let this transaction's own queries find the events that were appended (its end does so by itself)."""
        self.rows.many(_INSERT, self._lines)
        self._lines.clear()


class Journal:
    """The journal of one site over a store."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self.store, self.clock = store, clock or Clock()
        if schema_version(store) != len(MIGRATIONS):
            raise UnfitProblem(f"the journal {store.url}", "its schema is of another version", "run `shanyrak doctor`")

    @contextmanager
    def write(self, actor: str) -> Iterator[Writer]:
        """One transaction by `actor`: all of it becomes durable at the end of the block, or none."""
        with self.store.write() as rows:
            writer = Writer(rows, self.clock, actor)
            yield writer
            writer.flush()
            points.reached("commit.before")
        points.reached("commit.after")

    @contextmanager
    def read(self) -> Iterator[Rows]:
        """One consistent snapshot."""
        with self.store.read() as rows:
            yield rows

    def now(self) -> int:
        """Ledger time."""
        with self.read() as rows:
            last = rows.one("SELECT time FROM event ORDER BY seq DESC LIMIT 1")
        return self.clock.now(int(last[0]) if last else 0)


def events(rows: Rows, after: int = 0, limit: int = ALL) -> list[Event]:
    """Events with seq above `after`, in order."""
    return [Event(*row) for row in rows.all("SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))]


def _every(rows: Rows) -> Iterator[Event]:
    """All events in order, without holding them all."""
    return (Event(*row) for part in parts(rows, "event") for row in part)


def submission(rows: Rows, workload: int) -> dict[str, Any]:
    """The payload of a workload's `workload.submitted`: its spec, and what admission said."""
    found = rows.one("SELECT e.payload FROM workload w JOIN event e ON e.seq = w.seq WHERE w.id = ?", (workload,))
    return parsed(found[0]) if found else {}


def chain_faults(rows: Rows) -> list[str]:
    """Where the hash chain does not hold: the first event that is missing or was altered, by its seq."""
    before, expected = GENESIS, 1
    for event in _every(rows):
        if event.seq != expected:
            return [f"event {expected} is missing (the next one is {event.seq})"]
        digest = chain(before, event.seq, event.time, event.actor, event.type, event.subject, event.payload)
        if digest != event.hash:
            return [
                f"event {event.seq} ({event.type}) was altered or torn: its hash does not follow from event "
                f"{event.seq - 1}"
            ]
        before, expected = event.hash, expected + 1
    return []


def fold_faults(rows: Rows, scratch: Store) -> list[str]:
    """Tables that differ from what the events alone give. `scratch` is an empty, migrated store."""
    with scratch.write() as fresh:
        for event in _every(rows):
            fold.apply(fresh, event.seq, event.time, event.actor, event.type, event.data())
        found = []
        for table in FOLDED:
            pair = first_difference(rows, fresh, table)
            if pair:
                found.append(f"table {table} differs from the fold of the events: {pair[0]} against {pair[1]}")
        return found


def first_difference(left: Rows, right: Rows, table: str) -> tuple[Row | str, Row | str] | None:
    """The first rows of a table that are not equal in both."""
    nothing: list[Row] = []
    for one, other in itertools.zip_longest(parts(left, table), parts(right, table), fillvalue=nothing):
        if one != other:
            pairs = itertools.zip_longest(one, other, fillvalue="no such row")
            return next(pair for pair in pairs if pair[0] != pair[1])
    return None
