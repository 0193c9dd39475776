"""Which event type changes what: each change is registered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from shanyrak.journal.store import Rows

Data = Mapping[str, Any]


class At(NamedTuple):
    """Where and when an event stands."""

    seq: int
    time: int
    actor: str


Change = Callable[[Rows, At, Data], None]
Changes = Callable[[Rows, Sequence[tuple[At, Data]]], None]
CHANGES: dict[str, Change] = {}
MANY: dict[str, Changes] = {}
"""Those that also apply many events of their type at once."""


def change(type_: str) -> Callable[[Change], Change]:
    """Register what an event type does to the tables."""

    def register(function: Change) -> Change:
        CHANGES[type_] = function
        return function

    return register


def changes(type_: str) -> Callable[[Changes], Changes]:
    """Register what events of a type do, one or many of them: a row each in one statement."""

    def register(function: Changes) -> Changes:
        MANY[type_] = function
        CHANGES[type_] = lambda rows, at, data: function(rows, [(at, data)])
        return function

    return register
