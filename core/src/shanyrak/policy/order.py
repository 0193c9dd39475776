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
        self._sorted: bool | None = False if keys else None

    def _as_it_is(self) -> bool:
        """Whether the rows are in order already: a mirror's are by id, which mostly is by submission too."""
        if self._sorted is None:
            submit, ids = self._keys
            self._sorted = bool((submit[1:] >= submit[:-1]).all() and (ids[1:] > ids[:-1]).all())
        return self._sorted

    def sort(self, rows: Ints) -> Ints:
        """The same rows in order. `rows` is ascending."""
        if len(rows) < 2 or self._as_it_is():
            return rows
        return rows[np.lexsort([key[rows] for key in reversed(self._keys)])]

    def first(self, rows: Ints, count: int) -> Ints:
        """The first `count` of the rows (given ascending), in order."""
        if len(rows) > count and not self._as_it_is():
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
