"""Backup and restore: commons.toml and a consistent copy of the journal in one tar file, verified both ways."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shanyrak.config.light import DEFAULT_STORE
from shanyrak.config.write import set_store
from shanyrak.control.workspace import os_user, refuse_used
from shanyrak.errors import UnfitProblem, UsageProblem
from shanyrak.journal.durable import sync
from shanyrak.journal.journal import Journal, chain_faults
from shanyrak.journal.sqlite import SqliteStore

if TYPE_CHECKING:
    from shanyrak.control.site import Site

_MEMBERS = ("commons.toml", "journal.db")


def backup(site: Site, target: Path) -> int:
    """Write the backup; it appears under its name only when whole. Gives the number of its last event.

    Raises UsageProblem when `target` exists or its folder does not, UnfitProblem when the copy does not verify.
    """
    target = target.absolute()
    if target.exists():
        raise UsageProblem(f"{target}", "it exists already", "choose another name")
    if not target.parent.is_dir():
        raise UsageProblem(f"{target.parent}", "there is no such folder", "make it first")
    with tempfile.TemporaryDirectory(prefix=".shanyrak-backup-", dir=target.parent) as folder:
        copy, part = Path(folder) / "journal.db", Path(folder) / "backup.tar"
        site.journal.store.backup(str(copy))
        seq = _verified(copy)
        with tarfile.open(part, "w") as tar:
            tar.add(site.folder / "commons.toml", "commons.toml")
            tar.add(copy, "journal.db")
        sync(part)
        part.chmod(0o600)
        os.link(part, target)
        sync(target.parent)
    return seq


def restore(source: Path, folder: Path, tell: Callable[[str], None] = lambda line: None) -> int:
    """Make `folder` a workspace from a backup; gives the number of its last event.

    Its journal is in SQLite, wherever it was: the store that the backup was made of may hold newer events, and is left alone.

    Raises UsageProblem when `folder` is in use or `source` is no backup, UnfitProblem when it does not verify.
    """
    folder = folder.absolute()
    refuse_used(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".shanyrak-restore-", dir=folder.parent) as scratch:
        fresh = Path(scratch) / "site"
        fresh.mkdir(mode=0o700)
        try:
            with tarfile.open(source) as tar:
                for name in _MEMBERS:
                    member = tar.extractfile(name)
                    if member is None:
                        raise KeyError(name)
                    with os.fdopen(os.open(fresh / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                        while part := member.read(1 << 20):
                            file.write(part)
        except FileNotFoundError:
            raise UsageProblem(f"{source}", "there is no such file") from None
        except (tarfile.TarError, KeyError, EOFError, IsADirectoryError):
            raise UsageProblem(
                f"{source}",
                "it is not a backup of a workspace, or not all of it",
                "give a file that `shanyrak backup` wrote",
            ) from None
        seq = _verified(fresh / "journal.db")
        _rename_attempts(fresh / "journal.db")
        if set_store(fresh, DEFAULT_STORE):
            tell(
                f"The journal is in {DEFAULT_STORE} now, and [accounts] store says so; `shanyrak store copy` brings it elsewhere"
            )
        (fresh / "secrets").mkdir(mode=0o700)
        for name in _MEMBERS:
            sync(fresh / name)
        if folder.is_dir():
            folder.rmdir()
        fresh.rename(folder)
        sync(folder.parent)
    return seq


def _rename_attempts(journal: Path) -> None:
    """Give attempts to come tokens of another beginning: what ran after the backup was made has the old ones."""
    store = SqliteStore(journal)
    try:
        with Journal(store).write(os_user()) as writer:
            writer.append("settings.changed", "site", {"settings": {"token": f"s{os.urandom(4).hex()}"}})
    finally:
        store.close()


def _verified(journal: Path) -> int:
    """The last event's number of a sound journal, else UnfitProblem."""
    store = SqliteStore(journal)
    try:
        wrong = store.damage()
        if not wrong:
            with store.read() as rows:
                wrong = chain_faults(rows)
                newest = rows.one("SELECT COALESCE(MAX(seq), 0) FROM event") or (0,)
        if wrong:
            raise UnfitProblem("the copy of the journal", wrong[0], "see `shanyrak verify` for the journal itself")
    finally:
        store.close()
    return int(newest[0])
