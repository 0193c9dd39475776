"""What the journal asks of a store: a dozen methods over portable SQL with `?` for parameters.

Portable is what SQLite and PostgreSQL both take and answer alike. Whole numbers, `INTEGER` too, have 64 bits, and their sums are
whole numbers; TEXT is compared and ordered by code points; a false comparison orders before a true one; `True` is stored as 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from shanyrak.errors import UnfitProblem

Row = tuple[Any, ...]
Value = int | str | None


class Damaged(UnfitProblem):
    """The journal cannot be trusted any more: waiting will not help."""


class Busy(UnfitProblem):
    """Another writer kept the journal locked for longer than we wait."""

    def __init__(self, url: str, waited_s: float) -> None:
        super().__init__(
            f"the journal {url}",
            f"another writer has kept it locked for {waited_s:.0f} s; nothing was written",
            "try again",
        )


class Rows(Protocol):
    """Reading and writing inside one transaction. Statements are standard SQL (with `ON CONFLICT`)."""

    def all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Every row of a query."""
        ...

    def one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        """The first row of a query, or None."""
        ...

    def run(self, sql: str, params: Sequence[Value] = ()) -> int:
        """Execute; gives the number of rows changed."""
        ...

    def many(self, sql: str, params: Iterable[Sequence[Value]]) -> None:
        """Execute once for each set of parameters."""
        ...


class Store(Protocol):
    """A place for the journal. Every failure that a person can act on is raised as a `Problem`."""

    url: str

    def write(self) -> AbstractContextManager[Rows]:
        """One exclusive, durable transaction: committed when the block ends, rolled back when it raises.

        Two writers never overlap, also between processes. Raises `Busy` when another writer keeps the lock.
        """
        ...

    def read(self) -> AbstractContextManager[Rows]:
        """One consistent snapshot."""
        ...

    def version(self) -> int:
        """A number that changes when anybody has committed, this process included. Cheap."""
        ...

    def tables(self) -> frozenset[str]:
        """The names of the journal's tables that are there; none in a new store. Since API 2."""
        ...

    def size(self) -> int:
        """How many bytes it takes. Since API 2."""
        ...

    def damage(self) -> list[str]:
        """What is physically wrong with it, in words; empty when sound."""
        ...

    def backup(self, target: str) -> None:
        """A consistent copy as a SQLite file, while others write, that appears under its name only when whole.

        `api.sqlite_copy` makes it from any store.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
