"""The SQLite store: WAL, `BEGIN IMMEDIATE`, `synchronous=FULL`."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from shanyrak.errors import Problem, UnfitProblem
from shanyrak.journal.durable import appearing
from shanyrak.journal.store import Busy, Damaged, Row, Rows, Value

NETWORK_FILESYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse.sshfs",
        "lustre",
        "beegfs",
        "ceph",
        "fuse.glusterfs",
        "gpfs",
        "afs",
        "fuse.ceph",
    }
)
"""Where SQLite's shared memory and locks are not to be trusted between machines."""


class SqliteRows:
    """Rows of one open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return self._db.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        row: Row | None = self._db.execute(sql, params).fetchone()
        return row

    def run(self, sql: str, params: Sequence[Value] = ()) -> int:
        return self._db.execute(sql, params).rowcount

    def many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        self._db.executemany(sql, params)


class SqliteStore:
    """A journal in one file. One object serves one process; threads take turns."""

    def __init__(self, path: str | Path, *, wait_s: float = 20.0, create: bool = False) -> None:
        self.path = Path(path)
        self.url = str(self.path)
        self._turn = threading.RLock()
        self._commits = 0
        if not create and not self.path.exists():
            raise UnfitProblem(
                f"the journal {self.url}",
                "the file is not there",
                "restore a backup with `shanyrak restore`, or make a workspace with `shanyrak init`",
            )
        refuse_network_filesystem(self.path.parent)
        if create:
            try:
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise UnfitProblem(
                    f"the journal {self.url}",
                    f"it cannot be made ({str(error.strerror).lower()})",
                    "name a file in a folder that is there",
                ) from error
        with self._explained():
            self._db = sqlite3.connect(
                f"file:{_quote(self.path)}?mode=rw",
                uri=True,
                timeout=wait_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA cache_size = -65536")
            self._db.execute("PRAGMA foreign_keys = OFF")

    @contextmanager
    def write(self) -> Iterator[Rows]:
        with self._turn, self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteRows(self._db)
                self._db.execute("COMMIT")
                self._commits += 1
            except BaseException:
                # After some errors (a full disk) SQLite has already rolled back.
                with suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[Rows]:
        with self._turn, self._explained():
            self._db.execute("BEGIN")
            try:
                yield SqliteRows(self._db)
            finally:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def version(self) -> int:
        with self._turn, self._explained():
            others = int(self._db.execute("PRAGMA data_version").fetchone()[0])  # which our own commits do not move
            return (others << 40) + self._commits

    def tables(self) -> frozenset[str]:
        with self._turn, self._explained():
            return frozenset(
                str(name) for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            )

    def size(self) -> int:
        parts = (self.path, Path(f"{self.path}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def damage(self) -> list[str]:
        with self._turn:
            try:
                found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(10)")]
            except sqlite3.DatabaseError as error:
                return [str(error)]
        return [] if found == ["ok"] else found

    def backup(self, target: str) -> None:
        with self._turn, self._explained(), appearing(target) as part:
            copy = sqlite3.connect(part)
            try:
                self._db.backup(copy)  # in one step: between two, another process's commit starts it anew
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()

    def leave_wal(self) -> None:
        """Put all of it into the one file, so that it can be moved."""
        with self._turn, self._explained():
            self._db.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        with self._turn, suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as one line for a person."""
        begun = time.monotonic()
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise explain(error, self.url, time.monotonic() - begun) from error


def explain(error: sqlite3.DatabaseError, url: str, waited_s: float) -> Problem | sqlite3.DatabaseError:
    """What a person can do about `error`; a defect of ours stays what it is."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = code & 0xFF if code is not None else sqlite3.SQLITE_CORRUPT
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(url, waited_s)
    if kind == sqlite3.SQLITE_FULL:
        return UnfitProblem(
            f"the journal {url}",
            "the disk is full; nothing was written",
            "free space on that file system and try again",
        )
    if kind == sqlite3.SQLITE_IOERR:
        return UnfitProblem(
            f"the journal {url}",
            f"the file system failed ({error}); nothing was written",
            "see that the disk has room and is healthy, then try again",
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return UnfitProblem(
            f"the journal {url}",
            f"it cannot be opened for writing ({error})",
            "run as the owner of the workspace and see that the file system is not read-only",
        )
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(
            f"the journal {url}",
            f"the file is damaged ({error})",
            "see `shanyrak verify`, and restore a backup with `shanyrak restore`",
        )
    if kind == sqlite3.SQLITE_CONSTRAINT:
        return Damaged(
            f"the journal {url}",
            f"what is in it contradicts itself ({error}); nothing was written",
            "see `shanyrak verify`, and restore a backup with `shanyrak restore`",
        )
    return error


def refuse_network_filesystem(folder: Path, mounts: str = "/proc/self/mounts") -> None:
    """Raise UnfitProblem when `folder` lies on a file system shared between machines."""
    try:
        lines = Path(mounts).read_text(errors="replace").splitlines()
    except OSError:
        return
    where = str(folder.resolve())
    best, kind = "", ""
    for line in lines:
        parts = line.split()
        if len(parts) > 2:
            point = parts[1].replace("\\040", " ")
            if (where == point or where.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
                best, kind = point, parts[2]
    if kind in NETWORK_FILESYSTEMS:
        raise UnfitProblem(
            f"the workspace {folder}",
            f"it lies on a network file system ({kind})",
            "put it on a local disk: SQLite's locks do not hold across machines",
        )


def _quote(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))
