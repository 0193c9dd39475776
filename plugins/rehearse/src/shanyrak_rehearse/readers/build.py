"""What the readers share: columns that grow by pieces, and names turned into indices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from shanyrak_rehearse.readers.digits import Ints

_TABLE = 1 << 22
"""Up to this number a table of the numbers that occur is smaller than a sort."""


class Pieces:
    """Columns that are read piece by piece."""

    def __init__(self, names: Iterable[str]) -> None:
        self._pieces: dict[str, list[Ints]] = {name: [] for name in names}

    def add(self, name: str, piece: Ints) -> None:
        self._pieces[name].append(piece)

    def take(self, name: str) -> Ints | None:
        """The whole column, and its pieces are let go; None when every value is unknown (below zero)."""
        pieces = self._pieces.pop(name)
        whole = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
        return whole if bool((whole >= 0).any()) else None


def dense(values: Ints) -> tuple[Ints, Ints]:
    """(index of each value among the distinct ones, the distinct ones ascending); what is below zero has index -1."""
    top = int(values.max(initial=-1))
    if top >= _TABLE:
        distinct, index = np.unique(values, return_inverse=True)
        below = int(np.searchsorted(distinct, 0))
        return np.maximum(index.astype(np.int64) - below, -1), distinct[below:]
    there = np.zeros(top + 2, bool)
    there[np.maximum(values, -1)] = True
    there[-1] = False
    place = np.cumsum(there) - 1
    place[-1] = -1
    distinct = np.flatnonzero(there)
    return place[np.maximum(values, -1)], distinct


def codes(texts: Sequence[str], known: dict[str, int]) -> Ints:
    """The index of each text in `known`, which grows; an empty text has -1."""
    return np.array([known.setdefault(text, len(known)) if text else -1 for text in texts], np.int64)


def by_name(column: Ints, known: dict[str, int]) -> tuple[Ints, tuple[str, ...]]:
    """The same with the names in order, so that the order of rows in a file leaves no trace."""
    names = sorted(known)
    rank = {name: i for i, name in enumerate(names)}
    place = np.array([*(rank[name] for name in known), -1], np.int64)
    return place[column], tuple(names)
