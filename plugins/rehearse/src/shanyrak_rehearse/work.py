"""The work that a policy is given: past jobs as requests to one machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from shanyrak.api import Arrivals, Ints, Mirror, UsageProblem

from shanyrak_rehearse.machine import Hardware
from shanyrak_rehearse.past import Past
from shanyrak_rehearse.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Work:
    """Requests in order of submission; job i of them is row `row[i]` of the past. Jobs are numbered from 1."""

    past: Past
    machine: Hardware
    tenants: Tenants
    row: Ints
    pool: Ints
    width: Ints
    units: Ints
    limit: Ints
    class_: Ints
    too_large: Ints
    """Rows of the past that ask for more than the machine has. They are told of, not run."""

    def __len__(self) -> int:
        return len(self.row)

    def of(self, column: Ints) -> Ints:
        """A column of the past, for these jobs."""
        return column if len(self.row) == len(self.past) else column[self.row]

    def arrivals(self) -> Arrivals:
        past, job = self.past, np.arange(1, len(self) + 1)
        return Arrivals(
            self.of(past.submit), job, self.of(self.tenants.account), self.pool, self.width, self.units, self.limit,
            self.of(past.run), self.class_,
        )  # fmt: skip

    def mirror(self, half_life: int) -> Mirror:
        """The empty machine."""
        mirror = Mirror(half_life=half_life)
        self.machine.put(mirror)
        self.tenants.put(mirror)
        return mirror


def work(past: Past, machine: Hardware, tenants: Tenants, estimates: str, classes: Mapping[str, int]) -> Work:
    """The requests. `classes`: the number of each service class that the site knows, by name.

    A class it does not know is the lowest; without a site's classes, they rank as the trace numbers them.
    """
    pool, width, units, fits = machine.shape(past)
    row = np.flatnonzero(fits)
    if not len(row):
        raise UsageProblem(
            "the machine", f"each of the {len(past):,} jobs asks for more than {machine.words}", "give it more units"
        )
    limit = _limits(past, estimates)
    class_ = past.groups.get("class", np.zeros(len(past), np.int64))
    if classes and len(past.names["class"]):
        class_ = np.array([*(classes.get(name, 0) for name in past.names["class"]), 0], np.int64)[class_]
    class_ = np.maximum(class_, 0)
    if len(row) < len(past):
        pool, width, units, limit, class_ = (column[row] for column in (pool, width, units, limit, class_))
    return Work(past, machine, tenants, row, pool, width, units, limit, class_, np.flatnonzero(~fits))


def _limits(past: Past, estimates: str) -> Ints:
    if estimates == "given":
        return past.limit
    if estimates == "exact":
        return past.run
    found = re.fullmatch(r"x(\d{1,6}(?:\.\d{1,6})?)", estimates)
    if not found or float(found[1]) < 1:
        raise UsageProblem(f"--estimates {estimates!r}", "it is given, exact, or a factor of 1 or more, like x2")
    limit: Ints = np.rint(past.run * float(found[1])).astype(np.int64)
    return limit
