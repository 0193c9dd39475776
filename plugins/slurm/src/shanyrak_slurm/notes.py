"""What jobs leave in the spool: a folder for each token with its output and notes of begin and end.

Work may run as other users, who own what lies in their folders: nothing is read there through a link, or from a file of
somebody else.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from shanyrak.api import EngineProblem, Seen, read_slice

from shanyrak_slurm.jobs import exit_of

GIVEN_UP = 0o500
"""Mode of the folder of a token that was given up. A script makes it with 0700."""
LONGEST = 4000
"""Bytes of a note that are read."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted under a token. Empty fields: not noted (yet)."""

    claimed: bool = False
    given_up: bool = False
    job: str = ""
    node: str = ""
    began_ms: int = 0
    ended_ms: int = 0
    code: int = 0
    launch: str = ""
    lives: bool | None = None
    """Whether its script holds its lock; None where files cannot be locked."""

    def seen(self, token: str) -> Seen:
        """The end that the job itself wrote down, for when Slurm remembers nothing of it."""
        ran = max(0, self.ended_ms - self.began_ms)
        if self.launch:
            return Seen(token, "ended", self.began_ms, self.began_ms, cause="launch", words=self.launch, fenced=True)
        code, signal = exit_of(self.code << 8)
        return Seen(token, "ended", self.began_ms, self.ended_ms, ran, exit_code=code, signal=signal, fenced=True)


class Spool:
    """The folder of notes and logs. With `owners`, each user has a folder of their own in it, made by root."""

    def __init__(self, folder: Path, owners: bool) -> None:
        self.folder, self.owners = folder, owners
        try:
            folder.mkdir(mode=0o711 if owners else 0o700, parents=True, exist_ok=True)
            if owners:
                folder.chmod(0o711)
        except OSError as problem:
            raise EngineProblem(
                f"the spool {folder}",
                str(problem.strerror),
                "set [plugins.slurm] spool to a folder that can be written",
            ) from None

    def of(self, user: str) -> Path:
        """Where the tokens of a user's work are; made when it is not there."""
        if not self.owners:
            return self.folder
        home = self.folder / user
        try:
            entry = pwd.getpwnam(user)
            home.mkdir(mode=0o700, exist_ok=True)
            if home.stat().st_uid != entry.pw_uid:
                os.chown(home, entry.pw_uid, entry.pw_gid)
        except KeyError:
            raise self._problem(f"there is no user {user} now") from None
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None
        return home

    def give_up(self, token: str, user: str) -> bool:
        """Claim the token, so that no job starts under it any more; False when one has started before.

        One step, since this may be killed: it is the mode of the folder that says who made it.
        """
        folder = self.of(user) / token
        try:
            folder.mkdir(mode=GIVEN_UP)
        except FileExistsError:
            return self.note(token, user).given_up
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None
        return True

    def note(self, token: str, user: str) -> Note:
        """What is noted under a token."""
        handle = self._open(token, user)
        if handle < 0:
            return Note()
        try:
            began = self._text(handle, "began").split()
            end = self._text(handle, "end").split()
            known = len(began) == 3
            over = len(end) == 2 and all(word.isdigit() for word in end)
            return Note(
                claimed=True, given_up=stat.S_IMODE(os.fstat(handle).st_mode) == GIVEN_UP,
                job=began[0] if known else "", node=began[1] if known else "", began_ms=_ms(began[2]) if known else 0,
                ended_ms=_ms(end[1]) if over else 0, code=int(end[0]) if over else 0,
                launch=self._text(handle, "launch").strip()[:500], lives=_locked(handle, "life"),
            )  # fmt: skip
        finally:
            os.close(handle)

    def log(self, token: str, user: str, stream: str, offset: int, limit: int) -> bytes:
        """`read_slice` of a stream; empty when nothing was written."""
        handle = self._open(token, user)
        if handle < 0:
            return b""
        try:
            return self._read(handle, stream, offset, limit)
        finally:
            os.close(handle)

    def _open(self, token: str, user: str) -> int:
        """The folder of a token, or -1. Raises EngineProblem when it cannot be said whether there is one."""
        home = self.folder / user if self.owners else self.folder
        try:
            return os.open(home / token, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):  # also a link
            if self.folder.is_dir():
                return -1
            raise self._problem("it is not there") from None
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None

    def _problem(self, why: str) -> EngineProblem:
        return EngineProblem(
            f"the spool {self.folder}", why, "see that the disk of [plugins.slurm] spool is there and has room"
        )

    def _text(self, folder: int, name: str) -> str:
        return self._read(folder, name, 0, LONGEST).decode(errors="replace")

    def _read(self, folder: int, name: str, offset: int, limit: int) -> bytes:
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            return b""
        try:
            if not _own(handle, folder):
                return b""
            return read_slice(handle, offset, limit)
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None
        finally:
            os.close(handle)


def _own(handle: int, folder: int) -> bool:
    """Whether it is a file of who owns the folder."""
    status = os.fstat(handle)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.fstat(folder).st_uid


def _locked(folder: int, name: str) -> bool | None:
    try:
        handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        if not _own(handle, folder) or os.pread(handle, 1, 0):
            return None
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(handle)
    return False


def _ms(text: str) -> int:
    """Milliseconds as `date +%s%3N` writes them; seconds where date knows no %3N."""
    digits = "".join(letter for letter in text if letter.isdigit())
    return int(digits) * (1 if len(digits) > 11 else 1000) if digits else 0
