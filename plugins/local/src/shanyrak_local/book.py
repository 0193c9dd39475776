"""The engine's one file of facts, `book`: lines of `crc32 JSON`, appended by the holder of the lock alone.

Records, by `k`: `keeper` (a keeper took over; every earlier worker is proven dead, or is of the folder that this one
was copied from; `home` is the inode of its lock, `since` the boot in which the book began), `worker` (pid, start), `start`,
`end`, `undo` (a start after which nothing ran), `fence`, `forget` (tokens). A start is written before it happens, so
that no token ever runs twice. A line that is not whole yet is not read. The file always is a prefix of what its
writer meant to write: after a short write (a full disk) the rest is kept in memory and written later.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

from shanyrak_local import linux, proc

Record = dict[str, Any]
RESERVE = 4096
"""Bytes kept free on disk for the records that one live attempt may still need."""
CHUNK = 256 * 1024


def encode(record: Record) -> bytes:
    """One line of the book."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> Record | None:
    """The record of a line without its end, or None for a damaged one."""
    try:
        if line[8:9] == b" " and int(line[:8], 16) == zlib.crc32(line[9:]):
            record: Record = json.loads(line[9:])
            return record
    except ValueError:
        pass
    return None


class Facts:
    """What the records say, folded."""

    def __init__(self) -> None:
        self.starts: dict[str, Record] = {}
        self.ends: dict[str, Record] = {}
        self.fences: set[str] = set()
        self.forgotten: set[str] = set()
        self.workers: dict[int, int] = {}
        self.damaged = 0
        self.home, self.since = 0, ""
        self.seen: dict[str, Any] = {}
        """For a reader's use: what it made of a token, dropped when a record of that token comes."""

    def apply(self, record: Record) -> None:
        kind = record["k"]
        if kind == "start":
            self.seen.pop(record["t"], None)
            self.starts[record["t"]] = record
        elif kind == "end":
            self.seen.pop(record["t"], None)
            self.ends[record["t"]] = record
        elif kind == "undo":
            self.seen.pop(record["t"], None)
            self.starts.pop(record["t"], None)
        elif kind == "fence":
            self.fences.update(record["t"])
            for token in record["t"]:
                self.seen.pop(token, None)
        elif kind == "forget":
            for token in record["t"]:
                self.seen.pop(token, None)
                self.starts.pop(token, None)
                self.ends.pop(token, None)
                self.fences.discard(token)
                self.forgotten.add(token)
        elif kind == "worker":
            self.workers[record["pid"]] = record["start"]
        elif kind == "keeper":
            self.workers.clear()
            self.home, self.since = record.get("home", 0), self.since or record.get("since", "")

    def never_ran(self, token: str) -> bool:
        """Whether an absent token surely lives nowhere: it was here and is over, or all of its time died with a boot.

        A book that began in this boot may stand in for a lost one, as after a restore: then nobody can say.
        """
        return token in self.forgotten or self.since not in ("", proc.boot_id())

    def live(self) -> list[str]:
        """Tokens that were started and have no end yet."""
        return [token for token in self.starts if token not in self.ends]


class Reader:
    """Follows the book of a folder; `refresh` costs one stat when nothing is new."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "book"
        self.facts = Facts()
        self._file: tuple[int, ...] = ()
        self._head = b""
        self._offset = 0

    def refresh(self) -> Facts:
        """Read what is new, or all of it when the book was replaced.

        Replaced is told by the first line, which is another in each book: an inode's number may be used again.
        The offset stays at the end of a whole line, as what follows may be cut and written anew.
        """
        try:
            status = self.path.stat()
            file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if file == self._file:
                return self.facts
            with open(self.path, "rb") as book:
                head = book.readline()
                if head != self._head:
                    self.facts, self._head, self._offset = Facts(), head, 0
                book.seek(self._offset)
                data = book.read()
        except FileNotFoundError:
            self.facts, self._file, self._head, self._offset = Facts(), (), b"", 0
            return self.facts
        self._file = file
        end = data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].split(b"\n")[:-1]:
            record = decode(line)
            if record is None:
                self.facts.damaged += 1
            else:
                self.facts.apply(record)
        return self.facts


def home_of(folder: Path) -> int:
    """What a folder keeps when it is moved and loses when it is copied: the inode of its lock; 0 without one."""
    try:
        return (folder / "lock").stat().st_ino
    except OSError:
        return 0


def opening(folder: Path, since: str) -> Record:
    """The record that begins a book, or a keeper's time in it: no two are the same."""
    return {"k": "keeper", "id": os.urandom(8).hex(), "home": home_of(folder), "since": since or proc.boot_id()}


class Writer:
    """Appends to the book. Made only by the holder of the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "book"
        self.facts = _mend(self.path)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._fd).st_size
        self._reserved = self.size
        self._pending = bytearray()
        self.dirty = False
        if not self.size:
            self.open()

    def open(self) -> None:
        """Begin a keeper's time."""
        self.append(opening(self.path.parent, self.facts.since))

    def append(self, record: Record) -> None:
        """Add a record; it reaches the file with `flush`."""
        self.facts.apply(record)
        self._pending += encode(record)

    def flush(self) -> bool:
        """Write what is pending. False: the disk is full or fails; all that is missing stays in memory."""
        while self._pending:
            try:
                written = os.write(self._fd, self._pending)
            except OSError:
                return False
            del self._pending[:written]
            self.size += written
            self.dirty = True
        return True

    def sync(self) -> None:
        """Make what was written survive a crash of the machine."""
        if self.dirty:
            self.dirty = False
            os.fdatasync(self._fd)

    def reserve(self, attempts: int) -> None:
        """Keep room on disk for the records of so many live attempts; `OSError` when there is none."""
        need = self.size + len(self._pending) + attempts * RESERVE
        if need > self._reserved:
            length = need - self._reserved + CHUNK
            try:
                linux.reserve(self._fd, self._reserved, length)
            except OSError as problem:
                import errno

                if problem.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
                    raise
            self._reserved += length

    def compact(self) -> None:
        """Replace the book by one without what is forgotten."""
        kept = Facts()
        kept.starts, kept.ends, kept.workers = self.facts.starts, self.facts.ends, self.facts.workers
        kept.fences, kept.since, kept.home = self.facts.fences, self.facts.since, home_of(self.path.parent)
        records: list[Record] = [opening(self.path.parent, self.facts.since)]
        records += [{"k": "worker", "pid": pid, "start": start} for pid, start in kept.workers.items()]
        records += kept.starts.values()
        records += kept.ends.values()
        records += [{"k": "fence", "t": [token]} for token in kept.fences]
        fresh = self.path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            data = b"".join(map(encode, records))
            if os.write(fd, data) != len(data):
                raise OSError("short write")
            os.fsync(fd)
            fresh.rename(self.path)
        except OSError:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            return
        os.close(self._fd)
        self._fd, self.facts, self.size, self._reserved = fd, kept, len(data), len(data)
        self._pending.clear()
        self.dirty = False

    def close(self) -> None:
        self.flush()
        self.sync()
        os.close(self._fd)


def _mend(path: Path) -> Facts:
    """Cut a last line that a crash left incomplete, and read the rest."""
    facts = Facts()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return facts
    end = data.rfind(b"\n") + 1
    if end != len(data):
        os.truncate(path, end)
    for line in data[:end].split(b"\n")[:-1]:
        record = decode(line)
        if record is None:
            facts.damaged += 1
        else:
            facts.apply(record)
    return facts
