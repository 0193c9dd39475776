"""What jobs leave in the spool: a folder for each token with its output and notes of begin and end.

Work may run as other users, who own what lies in their folders: nothing is read there through a link, or from a file of
somebody else.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
from pathlib import Path

from shanyrak.api import EngineProblem, read_slice

from shanyrak_slurm.written import Note, began_of, end_of

GIVEN_UP = 0o500
"""Mode of the folder of a token that was given up. A script makes it with 0700."""
SEALED = 0o400
"""Mode of a note of the beginning that stands in the place of a script's. A script makes it with 0600."""
LONGEST = 4000
"""Bytes of a note that are read."""
ROOM = ".room"
"""A file that is written and removed to see that there is room. No token begins with a dot."""


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

    def seal(self, token: str, user: str) -> bool:
        """Note the beginning of a token in the place of its script, which then starts nothing; False when it may have begun.

        For a script that claimed the token and was not seen since: it may be dead, or hang.
        """
        handle = self._open(token, user)
        if handle < 0:
            return False
        try:
            os.close(os.open("began", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, SEALED, dir_fd=handle))
        except FileExistsError:
            return stat.S_IMODE(os.stat("began", dir_fd=handle, follow_symlinks=False).st_mode) == SEALED
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None
        finally:
            os.close(handle)
        return True

    def probe(self) -> None:
        """Write something: on a disk that is full no job could note anything. Raises EngineProblem when that fails."""
        try:
            (self.folder / ROOM).write_bytes(bytes(LONGEST))
            (self.folder / ROOM).unlink()
        except OSError as problem:
            raise self._problem(problem.strerror or str(problem)) from None

    def note(self, token: str, user: str) -> Note:
        """What is noted under a token."""
        handle = self._open(token, user)
        if handle < 0:
            return Note()
        try:
            began = began_of(self._text(handle, "began"))
            end = end_of(self._text(handle, "end"), began)
            return Note(
                claimed=True, given_up=stat.S_IMODE(os.fstat(handle).st_mode) == GIVEN_UP,
                job=began.job, node=began.node, began_ms=began.ms, start_ms=began.start_ms,
                ended_ms=end.ms, code=end.code, ran_ms=end.ran_ms,
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
    """Whether somebody holds the lock. Where this machine is the file server itself, the flock of a node comes to it as a lock
    of POSIX, which its own flock does not meet: both are tried, one after the other."""
    try:
        handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        if not _own(handle, folder) or os.pread(handle, 1, 0):
            return None
        for lock in (fcntl.flock, fcntl.lockf):
            lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock(handle, fcntl.LOCK_UN)
    except (BlockingIOError, PermissionError):  # EAGAIN, or EACCES as lockf may say
        return True
    except OSError:
        return None
    finally:
        os.close(handle)
    return False
