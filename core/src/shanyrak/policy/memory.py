"""A flat int64 array that holds several tables: what compiled loops pass on for the price of one pointer.

The first entries are numbers and the offsets of columns; the columns follow. `m[m[COLUMN] + row]` is one item, `m[NUMBER]` one
number. Compiled loops get the array, interpreted ones a memoryview of it, whose items are plain ints and several times as fast
as numpy's. (Tuples of many arrays cost compiled code a reference count an array and call, and minutes to compile.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shanyrak.policy.arrays import Ints
from shanyrak.policy.compiled import COMPILED


def memory(header: int, columns: Mapping[int, int]) -> Ints:
    """Zeros, with room for `columns[name]` items of each column, whose offsets are in the header."""
    made = np.zeros(header + sum(columns.values()), np.int64)
    at = header
    for name, length in columns.items():
        made[name] = at
        at += length
    return made


def part(m: Ints, column: int, length: int) -> Ints:
    """The first `length` items of a column, sharing memory."""
    at = int(m[column])
    return m[at : at + length]


def face(m: Ints) -> Any:
    """The memory as the loops take it."""
    return m if COMPILED else m.data
