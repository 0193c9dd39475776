"""`verify`: everything that can be proved of a journal, each proof by itself, also on a damaged one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.control.workspace import open_store
from shanyrak.errors import Problem
from shanyrak.journal.accounts import faults
from shanyrak.journal.journal import chain_faults, fold_faults
from shanyrak.journal.schema import migrate
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Rows, Store

if TYPE_CHECKING:
    from shanyrak.plugins.manager import PluginManager


def verify(folder: Path, manager: PluginManager) -> list[dict[str, Any]]:
    """`[{"proof", "holds", "faults"}]` for a workspace."""
    from shanyrak.config.commons import load_commons

    try:
        store = open_store(folder, load_commons(folder).accounts.store, manager)
    except Problem as problem:
        return [{"proof": "the journal can be opened", "holds": False, "faults": [str(problem)]}]
    try:
        return verify_store(store)
    finally:
        store.close()


PROOFS: dict[str, Callable[[Rows, Store], list[str]]] = {
    "each event follows from the one before (hash chain)": lambda rows, scratch: chain_faults(rows),
    "the tables are the fold of the events": fold_faults,
    "the account balances": lambda rows, scratch: faults(rows),
}
"""What can be proved of any journal; `scratch` is an empty one."""


def verify_store(store: Store) -> list[dict[str, Any]]:
    """The proofs for one store, each over a moment of its own."""

    def reading(proof: Callable[[Rows, Store], list[str]]) -> list[str]:
        with store.read() as rows:
            return proof(rows, scratch)

    with _scratch() as scratch:
        proofs = [_proof("the store is sound", store.damage)]
        return proofs + [_proof(name, partial(reading, proof)) for name, proof in PROOFS.items()]


def journal_faults(rows: Rows) -> list[str]:
    """Everything that can be proved wrong of what one transaction sees."""
    with _scratch() as scratch:
        return [fault for proof in PROOFS.values() for fault in proof(rows, scratch)]


@contextmanager
def _scratch() -> Iterator[Store]:
    """An empty journal, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="shanyrak-") as folder:
        made = SqliteStore(Path(folder) / "fold.db", create=True)
        try:
            migrate(made)
            yield made
        finally:
            made.close()


def _proof(name: str, find: Callable[[], list[str]]) -> dict[str, Any]:
    try:
        found = find()
    except Problem as problem:
        found = [str(problem)]
    except Exception as error:  # what is damaged may be anything
        found = [f"it cannot be read: {type(error).__name__}: {error}"]
    return {"proof": name, "holds": not found, "faults": found}
