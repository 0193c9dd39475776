"""What plugins written for an older API are called with, where that changed. Nothing else of the core knows of it."""

from __future__ import annotations

from typing import Any

from shanyrak.exchange import StoreContext


def store_argument(api: str, context: StoreContext) -> StoreContext | str:
    """A store of API 1 is made from its URL alone."""
    return context.url if api == "1" else context


class OlderStore:
    """A store of API 1 with the methods that came later; all others are its own."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def tables(self) -> frozenset[str]:
        """By the statement that the core of its time used, which it therefore understands."""
        with self.store.read() as rows:
            return frozenset(name for (name,) in rows.all("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def size(self) -> int:
        """Nobody asked for it then."""
        return 0


def is_asked(api: str) -> bool:
    """Whether the core asks a plugin's meters: those of API 1 were only listed, and their objects need no `read`."""
    return api != "1"
