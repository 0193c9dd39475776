"""The journal in a schema of a PostgreSQL database.

A writer holds an advisory lock of its schema until its transaction is over. So writers never overlap, whichever processes and
machines they are in, and what a controller checks of its lease holds until it commits. A reader has one snapshot and waits
for nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from shanyrak.api import Damaged, Problem, Rows, StoreContext, UnfitProblem, Value, sqlite_copy

from shanyrak_postgres import marks
from shanyrak_postgres.connection import SESSION, Open, Server, connect, make_schema, place_lock
from shanyrak_postgres.dialect import translated
from shanyrak_postgres.place import password, place
from shanyrak_postgres.problems import explained, is_loss, lost, words
from shanyrak_postgres.settings import Settings

T = TypeVar("T")

RETRY_S = 0.05
"""Between two tries to reach a server that went away while it committed."""
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT {SESSION}".encode()
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename != 'shanyrak_commit'"
_SIZE = (
    "SELECT COALESCE(SUM(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)), 0) FROM pg_tables"
    " WHERE schemaname = current_schema()"
)


def make(context: StoreContext) -> PostgresStore:
    """The store that a URL names."""
    return PostgresStore(context)


class PostgresRows:
    """Rows of one open transaction."""

    def __init__(self, db: Server) -> None:
        self._db = db

    def all(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(translated(sql), params).fetchall()

    def one(self, sql: str, params: Sequence[Value] = ()) -> tuple[Any, ...] | None:
        return self._db.execute(translated(sql), params).fetchone()

    def run(self, sql: str, params: Sequence[Value] = ()) -> int:
        return self._db.execute(translated(sql), params).rowcount

    def many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        several = list(params)
        if len(several) == 1:  # a pipeline is two round trips more
            self.run(sql, several[0])
            return
        with self._db.cursor() as cursor:
            cursor.executemany(translated(sql), several)


def _begin_to_read(now: Open) -> None:
    cursor = now.db.execute(_READ, prepare=False)
    while cursor.nextset():
        pass
    now.check((cursor.fetchone() or ("",))[0])


class PostgresStore:
    """A journal in one schema. One object serves one process, with one connection; threads take turns."""

    def __init__(self, context: StoreContext) -> None:
        settings = context.settings or Settings()
        self._place = place(context.url)
        self.url = self._place.url
        self._wait_s, self._timeout_s = context.wait_s, settings.connect_timeout
        self._password = password(context.folder, settings.password_file)
        self._turn = threading.RLock()
        self._now: Open | None = None
        self._closed = False
        with self._explained():
            now = self._connected()
            if context.create:
                make_schema(now.db, self._place)
                marks.make(now.db)
                self._now = now._replace(lock=place_lock(now.db, self._place))
            elif not marks.there(now.db, self._place.schema):
                self.close()
                raise UnfitProblem(
                    f"the journal {self.url}",
                    f"there is none in schema {self._place.schema}",
                    "correct [accounts] store, or bring a journal there with `shanyrak store copy`",
                )

    @contextmanager
    def write(self) -> Iterator[Rows]:
        with self._turn, self._explained():
            before, mark = self._begun(marks.begin), marks.fresh()
            db = self._connected().db
            try:
                yield PostgresRows(db)
                self._commit(db, mark, before)
            except BaseException as error:
                self._undo(db, error)
                raise

    @contextmanager
    def read(self) -> Iterator[Rows]:
        with self._turn, self._explained():
            self._begun(_begin_to_read)
            db = self._connected().db
            try:
                yield PostgresRows(db)
                db.execute("COMMIT", prepare=False)  # after a rollback psycopg would prepare all statements anew
            except BaseException as error:
                self._undo(db, error)
                raise

    def version(self) -> int:
        with self._turn, self._explained():
            return self._begun(lambda now: marks.newest(now))

    def tables(self) -> frozenset[str]:
        with self._turn, self._explained():
            found = self._begun(lambda now: now.db.execute(_TABLES).fetchall())
            return frozenset(str(name) for (name,) in found)

    def size(self) -> int:
        with self._turn, self._explained():
            found = self._begun(lambda now: now.db.execute(_SIZE).fetchone())
            return int(found[0]) if found else 0

    def damage(self) -> list[str]:
        """Every row of every table is read, by which the server checks its pages if the cluster has checksums."""
        found = []
        with self.read() as rows:
            for name in ("fsync", "full_page_writes"):
                if rows.one("SELECT current_setting(?)", (name,)) == ("off",):
                    found.append(f"the server runs with {name} = off: a crash of its machine would tear the journal")
        for table in sorted(self.tables()):
            try:
                with self.read() as rows:
                    rows.one(f'SELECT COUNT(hashtext(t::text)) FROM "{table}" t')
            except Damaged as problem:
                found.append(problem.why)
        return found

    def backup(self, target: str) -> None:
        sqlite_copy(self, target)

    def close(self) -> None:
        with self._turn:
            self._closed = True
            if self._now is not None:
                self._now.db.close()

    # ---- connections ----------------------------------------------------------------------------------------

    def _connected(self) -> Open:
        """The connection; a new one in place of one that is gone."""
        if self._closed:
            raise RuntimeError(f"the store {self.url} was closed")
        if self._now is None or self._now.db.closed:
            self._now = connect(self._place, self._password, self._timeout_s, self._wait_s)
        return self._now

    def _begun(self, begin: Callable[[Open], T]) -> T:
        """What `begin` gives; over a new connection when the old one was lost since it was last used."""
        now = self._connected()
        try:
            return begin(now)
        except (psycopg.Error, UnfitProblem) as error:
            self._undo(now.db, error)
            if not now.db.closed:
                now.check(marks.session(now.db))  # tables that are not found may be another schema's
                raise
        return begin(self._connected())

    def _undo(self, db: Server, error: BaseException) -> None:
        """Nothing of the open transaction stays; a connection that is over or in the middle of something is given up."""
        with suppress(psycopg.Error):
            if is_loss(error) or db.info.transaction_status == TransactionStatus.ACTIVE:
                db.close()
            elif db.info.transaction_status != TransactionStatus.IDLE:
                db.execute("ROLLBACK", prepare=False)

    def _commit(self, db: Server, mark: str, before: int) -> None:
        """Commit. When the connection is lost just then, ask the server whether it did, as long as a lock is waited for."""
        try:
            marks.commit(db, mark)
            return
        except psycopg.Error as error:
            if not (db.closed or is_loss(error)):
                raise
            db.close()
            gone = error
        if self._was_committed(mark, before, gone):
            return
        raise lost(self.url, gone) from gone

    def _was_committed(self, mark: str, before: int, gone: psycopg.Error) -> bool:
        until = time.monotonic() + self._wait_s
        while True:
            try:
                found = marks.committed(self._connected(), mark, before)
            except (psycopg.Error, Problem):
                if time.monotonic() < until:
                    time.sleep(RETRY_S)
                    continue
                found = None
            if found is None:
                raise UnfitProblem(
                    f"the journal {self.url}",
                    f"the connection was lost while it committed ({words(gone)}), and whether it was written cannot be told",
                    "look, when the server can be reached, before you repeat it; work with a key can be submitted again",
                ) from gone
            return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """PostgreSQL's errors as one line for a person."""
        begun = time.monotonic()
        try:
            yield
        except psycopg.Error as error:
            if self._now is not None and self._now.db.closed:
                raise lost(self.url, error) from error
            raise explained(error, self.url, time.monotonic() - begun) from error
