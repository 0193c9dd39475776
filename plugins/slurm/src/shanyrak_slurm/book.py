"""What this engine has asked Slurm for: written before each call of sbatch, so that a token is never given away twice.

A job is known by its name, which is the token of its first task; Slurm's id is a hint. An SQLite file in the engine's folder.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from shanyrak.api import EngineProblem, Seen

TABLES = """
CREATE TABLE IF NOT EXISTS job (name TEXT PRIMARY KEY, id TEXT NOT NULL, user TEXT NOT NULL, asked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attempt (token TEXT PRIMARY KEY, job TEXT NOT NULL, place INTEGER NOT NULL,
    walltime INTEGER NOT NULL, over INTEGER NOT NULL DEFAULT 0,
    stopped INTEGER NOT NULL DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0, seen TEXT);
CREATE TABLE IF NOT EXISTS fence (token TEXT PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt, with its job. `place` is -1 outside arrays. Times are ms of this machine's wall clock."""

    token: str
    name: str
    place: int
    walltime_ms: int
    id: str
    user: str
    asked_ms: int
    over: bool
    """It was ended at its walltime, by us."""
    stopped: bool
    """It was to be stopped."""
    missed_ms: int
    """Since when Slurm shows nothing of it; 0: it does."""
    seen: Seen | None
    """How it ended, once that is known."""

    @property
    def task_id(self) -> str:
        """What scancel takes, or empty while Slurm's id is not known."""
        return f"{self.id}_{self.place}" if self.id and self.place >= 0 else self.id


class Book:
    """The book of one engine. Several processes may read it; one writes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.db"
        with self._explained():
            self._db = sqlite3.connect(self.path, timeout=20.0, isolation_level=None, check_same_thread=False)
            self.path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(TABLES)

    def intend(self, jobs: Iterable[tuple[str, str, int, Sequence[tuple[str, int, int]]]]) -> None:
        """These jobs will be asked for: (name, user, when, attempts as (token, place, walltime)). Durable when it returns."""
        with self._writing():
            for name, user, asked_ms, attempts in jobs:
                self._db.execute("INSERT INTO job VALUES (?, '', ?, ?)", (name, user, asked_ms))
                self._db.executemany(
                    "INSERT INTO attempt (token, job, place, walltime) VALUES (?, ?, ?, ?)",
                    [(token, name, place, walltime) for token, place, walltime in attempts],
                )

    def took(self, ids: Iterable[tuple[str, str]]) -> None:
        """Slurm gave these (name, id)."""
        with self._writing():
            self._db.executemany("UPDATE job SET id = ? WHERE name = ?", [(id_, name) for name, id_ in ids])

    def refused(self, names: Iterable[str]) -> None:
        """Slurm did not take these: nothing runs under their tokens."""
        gone = [(name,) for name in names]
        if gone:
            with self._writing():
                self._db.executemany("DELETE FROM attempt WHERE job = ?", gone)
                self._db.executemany("DELETE FROM job WHERE name = ?", gone)

    def ended(self, seen: Iterable[Seen]) -> None:
        """How these ended, for good."""
        with self._writing():
            self._db.executemany(
                "UPDATE attempt SET seen = ? WHERE token = ?", [(json.dumps(asdict(one)), one.token) for one in seen]
            )

    def over(self, tokens: Iterable[str]) -> None:
        """These are ended at their walltime."""
        self._mark("UPDATE attempt SET over = 1 WHERE token = ?", tokens)

    def stopped(self, tokens: Iterable[str]) -> None:
        """These are to be stopped."""
        self._mark("UPDATE attempt SET stopped = 1 WHERE token = ?", tokens)

    def missed(self, tokens: Iterable[str], now_ms: int) -> None:
        """From now on Slurm shows nothing of these; with 0, it does again."""
        with self._writing():
            self._db.executemany("UPDATE attempt SET missed = ? WHERE token = ?", [(now_ms, token) for token in tokens])

    def fence(self, tokens: Iterable[str]) -> None:
        """Nothing may be launched under these."""
        self._mark("INSERT OR IGNORE INTO fence VALUES (?)", tokens)

    def forget(self, tokens: Iterable[str]) -> None:
        """The results of these are on record elsewhere; that they were launched stays known."""
        self._mark("UPDATE attempt SET seen = '' WHERE token = ? AND seen IS NOT NULL", tokens)

    def entries(self, tokens: Sequence[str]) -> dict[str, Entry]:
        """Those of these tokens that were asked for."""
        return {entry.token: entry for entry in self._select("a.token", tokens)}

    def over_under(self, names: Iterable[str]) -> list[Entry]:
        """The attempts of these jobs whose end is known, and that nothing of them is left."""
        return [entry for entry in self._select("a.job", sorted(names)) if entry.seen is not None and entry.seen.fenced]

    def fenced(self, tokens: Sequence[str]) -> set[str]:
        """Those of these tokens that are fenced."""
        with self._explained():
            found = self._db.execute(
                "SELECT token FROM fence WHERE token IN (SELECT value FROM json_each(?))", (json.dumps(list(tokens)),)
            )
            return {token for (token,) in found}

    def close(self) -> None:
        self._db.close()

    def _select(self, column: str, values: Sequence[str]) -> Iterator[Entry]:
        with self._explained():
            rows = self._db.execute(
                "SELECT a.token, a.job, a.place, a.walltime, j.id, j.user, j.asked, a.over, a.stopped, a.missed, a.seen"
                f" FROM attempt a JOIN job j ON j.name = a.job WHERE {column} IN (SELECT value FROM json_each(?))",
                (json.dumps(list(values)),),
            ).fetchall()
        for token, name, place, walltime, id_, user, asked, over, stopped, missed, seen in rows:
            yield Entry(
                token, name, place, walltime, id_, user, asked, bool(over), bool(stopped), missed, _seen(token, seen)
            )

    def _mark(self, sql: str, tokens: Iterable[str]) -> None:
        with self._writing():
            self._db.executemany(sql, [(token,) for token in tokens])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise EngineProblem(
                f"the book of engine slurm, {self.path}", str(error), "see that its disk has room and is healthy"
            ) from error


def _seen(token: str, text: str | None) -> Seen | None:
    if text is None:
        return None
    if not text:
        return Seen(token, "absent", words="its result was recorded and forgotten", fenced=True)
    facts = json.loads(text)
    return Seen(**{**facts, "isolation": tuple(facts["isolation"])})
