"""The spool: a folder for each token, seen by the controller and the nodes. All that is known of an attempt is here.

| file | by | says |
|---|---|---|
| `launch.json` | engine | what is to run; no secrets |
| `ask.json` | engine | where the secrets can be had while the engine lives |
| `claim.json` | node or engine, whoever is first | the node that runs it, or that it must never run |
| `note` | node | what it waits for before the start |
| `start.json` | node | written before the command runs |
| `beat` | node | touched every few seconds |
| `stop.json` | engine | it is to end; another name of `claim.json`, for which a full disk has room |
| `end.json` | node; engine when the node is dead | what became of it |
| `probe.json` | node | what it sees, for `shanyrak ray doctor` |
| `stdout`, `stderr` | node | what it printed |

A file appears whole or not at all. The claim is a hard link, which only one can make, on network file systems too.
"""

# ruff: noqa: PTH103, PTH104, PTH108, PTH110, PTH115, PTH118
from __future__ import annotations

import json
import os
import socket
import zlib
from pathlib import Path
from typing import Any

ROOM = 4096
"""Bytes kept on disk for an end from before the start, so that a full disk loses no result."""


class Home:
    """The folder of one token."""

    def __init__(self, spool: str, token: str) -> None:
        self.spool, self.token = spool, token
        self.path = os.path.join(spool, "jobs", f"{zlib.crc32(token.encode()) & 0xFF:02x}", token)

    def make(self) -> None:
        """Make it, if it is not there."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)

    def at(self, name: str) -> str:
        """The path of one of its files."""
        return os.path.join(self.path, name)

    def there(self, name: str) -> bool:
        """Whether it has that file."""
        return os.path.exists(self.at(name))

    def read(self, name: str) -> dict[str, Any] | None:
        """What a file says; None when it is not there."""
        try:
            with open(self.at(name), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
                return found
        except FileNotFoundError:
            return None

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Put a file there whole, in place of one of that name."""
        part = self.part(content)
        os.rename(part, self.at(name))

    def claim(self, content: dict[str, Any]) -> bool:
        """Be the one who says what becomes of the token; False when somebody was first. It survives a crash."""
        part = self.part(content, room=ROOM)
        try:
            os.link(part, self.at("claim.json"))
        except FileExistsError:
            # A file server that is asked twice, as its answer was lost, says that of the link which it made for us.
            if os.lstat(part).st_nlink < 2:
                return False
        finally:
            os.unlink(part)
        self.sync()
        return True

    def stop(self) -> None:
        """Ask who has claimed the token to end it. Idempotent."""
        try:
            os.link(self.at("claim.json"), self.at("stop.json"))
        except FileExistsError:
            pass

    def part(self, content: dict[str, Any], room: int = 0) -> str:
        """A file of a name of its own with this content, on disk when it has `room`; its path."""
        part = self.at(f".{unique()}")
        text = json.dumps(content, sort_keys=True).encode()
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write(fd, text.ljust(room))
            if room:
                os.fsync(fd)
        except OSError:
            os.unlink(part)
            raise
        finally:
            os.close(fd)
        return part

    def end(self, content: dict[str, Any], part: str = "") -> None:
        """Write the end: over `part`, whose room on disk is there already, or into a new file. It survives a crash."""
        if part:
            fd = os.open(part, os.O_WRONLY | os.O_CLOEXEC)
            try:
                text = json.dumps(content, sort_keys=True).encode().ljust(ROOM)
                write(fd, text)
                os.ftruncate(fd, len(text))
                os.fsync(fd)
            finally:
                os.close(fd)
        else:
            part = self.part(content, ROOM)
        os.rename(part, self.at("end.json"))
        self.sync()
        self.news()

    def sync(self) -> None:
        """Have the folder's names on disk."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def news(self) -> None:
        """Tell who waits that something began or ended."""
        touch(os.path.join(self.spool, "news"))


def write(fd: int, data: bytes) -> None:
    """Write all of it: a disk that fills up takes a part and says so only when asked for the rest."""
    while data:
        data = data[os.write(fd, data) :]


def touch(path: str) -> None:
    """Give a file the time of now, making it when it is not there. A full disk is no matter here."""
    try:
        os.utime(path)
    except FileNotFoundError:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError:
            pass
    except OSError:
        pass


def unique() -> str:
    """A name that nobody else takes."""
    return f"{socket.gethostname()}.{os.getpid()}.{os.urandom(6).hex()}"


def machine() -> dict[str, str]:
    """Where a pid means something: this kernel since its boot, and this space of pids; and which machine that is."""
    try:
        id_ = Path("/etc/machine-id").read_text().strip()
    except OSError:
        id_ = ""
    return {
        "host": socket.gethostname(),
        "machine": id_,
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "pids": os.readlink("/proc/self/ns/pid"),
    }
