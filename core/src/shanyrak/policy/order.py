"""The order of the queue: the policy's keys, submission, id; and its first rows without a full sort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import Ints
from shanyrak.policy.view import View


class Order:
    """Rows of the view in visiting order: `keys` (lower first), then (submit, id)."""

    def __init__(self, view: View, keys: tuple[Ints, ...]) -> None:
        self._keys = (*keys, view.job_submit, view.job_id)
        submit, ids = view.job_submit, view.job_id
        # Rows of a mirror are in order of id, mostly of submission too: then there is nothing to sort.
        self._sorted = not keys and bool((submit[1:] >= submit[:-1]).all() and (ids[1:] > ids[:-1]).all())

    def sort(self, rows: Ints) -> Ints:
        """The same rows in order."""
        if self._sorted:
            return rows
        return rows[np.lexsort([key[rows] for key in reversed(self._keys)])]

    def first(self, rows: Ints, count: int) -> Ints:
        """The first `count` of the rows (given ascending), in order."""
        if len(rows) > count and not self._sorted:
            lead = self._keys[0][rows]
            rows = rows[lead <= np.partition(lead, count)[count]]
        return self.sort(rows)[:count]

    def after(self, row: int, rows: Ints) -> npt.NDArray[np.bool_]:
        """Which of the rows come after `row`."""
        later = np.zeros(len(rows), bool)
        equal = np.ones(len(rows), bool)
        for key in self._keys:
            later |= equal & (key[rows] > key[row])
            equal &= key[rows] == key[row]
        return later
