"""A table as columns of int64 that grow by doubling: the store behind the mirror."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import Ints


class Columns:
    """`size` rows of named int64 columns, kept in the order of the first column when that is an id.

    A slice handed out by `column` shares memory with the table: it holds until the next change.
    """

    __slots__ = ("_data", "names", "size")

    def __init__(self, *names: str) -> None:
        self.names = names
        self.size = 0
        self._data: dict[str, Ints] = {name: np.zeros(16, np.int64) for name in names}

    def column(self, name: str) -> Ints:
        return self._data[name][: self.size]

    def find(self, key: int) -> int:
        """The row whose first column is `key`, or -1."""
        at = self.place(key)
        return at if at < self.size and self._data[self.names[0]][at] == key else -1

    def place(self, key: int) -> int:
        """Where a row with this key is, or would go."""
        ids = self._data[self.names[0]]
        if not self.size or key > ids[self.size - 1]:
            return self.size
        return int(ids[: self.size].searchsorted(key))

    def get(self, row: int, name: str) -> int:
        return int(self._data[name][row])

    def set(self, row: int, **values: int) -> None:
        for name, value in values.items():
            self._data[name][row] = value

    def insert(self, row: int, values: Mapping[str, int]) -> None:
        """A new row before `row`; columns that `values` lacks are 0."""
        if self.size == len(self._data[self.names[0]]):
            for name, old in self._data.items():
                self._data[name] = np.concatenate([old, np.zeros_like(old)])
        for name, column in self._data.items():
            if row < self.size:
                column[row + 1 : self.size + 1] = column[row : self.size]
            column[row] = values.get(name, 0)
        self.size += 1

    def remove(self, row: int) -> None:
        for column in self._data.values():
            column[row : self.size - 1] = column[row + 1 : self.size]
        self.size -= 1

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Drop the rows where `mask` is false."""
        left = int(np.count_nonzero(mask))
        for column in self._data.values():
            column[:left] = column[: self.size][mask]
        self.size = left

    def copy(self) -> Columns:
        other = Columns(*self.names)
        other.size = self.size
        other._data = {name: column.copy() for name, column in self._data.items()}
        return other
