"""Which event type changes what: each change is registered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shanyrak.journal.store import Rows

Data = Mapping[str, Any]


class At(NamedTuple):
    """Where and when an event stands."""

    seq: int
    time: int
    actor: str


Change = Callable[[Rows, At, Data], None]
CHANGES: dict[str, Change] = {}


def change(type_: str) -> Callable[[Change], Change]:
    """Register what an event type does to the tables."""

    def register(function: Change) -> Change:
        CHANGES[type_] = function
        return function

    return register
