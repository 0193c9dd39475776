"""The array type of this room, its two large numbers, and how much a policy may carry."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
"""A one-dimensional int64 array, unless said otherwise."""

FAR = 1 << 60
"""A time that never comes: the end of an open window, the start of what cannot start."""

MANY = 1 << 40
"""More units, tasks or unit-seconds than any machine has: no cap, no `%N`. Sums of a few stay in int64."""


def ints(values: Iterable[int] = ()) -> Ints:
    return np.fromiter(values, np.int64)


MOST_CARRY = 100_000
"""More numbers than this no policy may carry from round to round: they go into the journal."""


def carry_fault(carry: object) -> str | None:
    """What is wrong with the carry that a policy answered, if anything is."""
    if isinstance(carry, np.ndarray) and carry.dtype == np.int64 and carry.ndim == 1 and carry.size <= MOST_CARRY:
        return None
    return f"its carry is no array of at most {MOST_CARRY:,} int64"
