"""What plugins written for an older API are called with, where that changed. Nothing else of the core knows of it."""

from __future__ import annotations

from shanyrak.exchange import StoreContext


def store_argument(api: str, context: StoreContext) -> StoreContext | str:
    """A store of API 1 is made from its URL alone."""
    return context.url if api == "1" else context


def is_asked(api: str) -> bool:
    """Whether the core asks a plugin's meters: those of API 1 were only listed, and their objects need no `read`."""
    return api != "1"
