"""A store on disk: what a plugin's store is tried against, and what a template wraps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shanyrak.exchange import StoreContext

if TYPE_CHECKING:
    from shanyrak.api import JournalStore


def disk_store(context: StoreContext) -> JournalStore:
    """A journal in the file that the URL names after its scheme: the core's own store under another name."""
    from shanyrak.journal.sqlite import SqliteStore

    _, _, path = context.url.partition(":")
    return SqliteStore(Path(context.folder) / path, create=context.create, wait_s=context.wait_s)
