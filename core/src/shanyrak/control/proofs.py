"""`verify`: everything that can be proved of a journal, each proof by itself, also on a damaged one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.errors import Problem
from shanyrak.journal.accounts import faults
from shanyrak.journal.journal import chain_faults, fold_faults
from shanyrak.journal.schema import migrate
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Store

if TYPE_CHECKING:
    from shanyrak.plugins.manager import PluginManager


def verify(folder: Path, manager: PluginManager) -> list[dict[str, Any]]:
    """`[{"proof", "holds", "faults"}]` for a workspace."""
    from shanyrak.config.commons import load_commons
    from shanyrak.control.site import open_store

    try:
        store = open_store(folder, load_commons(folder).accounts.store, manager)
    except Problem as problem:
        return [{"proof": "the journal can be opened", "holds": False, "faults": [str(problem)]}]
    try:
        return verify_store(store)
    finally:
        store.close()


def verify_store(store: Store) -> list[dict[str, Any]]:
    """The proofs for one store."""
    proofs = [_proof("the file is sound", store.damage)]
    with tempfile.TemporaryDirectory(prefix="shanyrak-") as folder:
        scratch = SqliteStore(Path(folder) / "fold.db", create=True)
        try:
            migrate(scratch)

            def chain() -> list[str]:
                with store.read() as rows:
                    return chain_faults(rows)

            def fold() -> list[str]:
                with store.read() as rows:
                    return fold_faults(rows, scratch)

            def account() -> list[str]:
                with store.read() as rows:
                    return faults(rows)

            proofs.append(_proof("each event follows from the one before (hash chain)", chain))
            proofs.append(_proof("the tables are the fold of the events", fold))
            proofs.append(_proof("the account balances", account))
        finally:
            scratch.close()
    return proofs


def _proof(name: str, find: Any) -> dict[str, Any]:
    try:
        found = find()
    except Problem as problem:
        found = [str(problem)]
    except Exception as error:  # what is damaged may be anything
        found = [f"it cannot be read: {type(error).__name__}: {error}"]
    return {"proof": name, "holds": not found, "faults": found}
