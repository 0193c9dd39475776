"""The machine of a rehearsal, and how a number of processors becomes nodes and units of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from shanyrak.api import Ints, Mirror, UsageProblem

from shanyrak_rehearse.past import Past
from shanyrak_rehearse.words import many

_MOST = 10_000_000


class Shape(NamedTuple):
    """What each job asks of the machine, and whether it is ever large enough."""

    pool: Ints
    width: Ints
    units: Ints
    fits: npt.NDArray[np.bool_]


class Hardware(Protocol):
    """A machine that work can be rehearsed on."""

    @property
    def total(self) -> int:
        """Units in all."""
        ...

    @property
    def words(self) -> str:
        """What it is, for people."""
        ...

    def shape(self, past: Past) -> Shape:
        """What each job of the past asks of it."""
        ...

    def told(self) -> dict[str, Any]:
        """What the report says of it."""
        ...

    def put(self, mirror: Mirror) -> None:
        """Its pools and nodes, free and open, on `mirror`."""
        ...


@dataclass(frozen=True, slots=True)
class Machine:
    """Equal nodes of one pool. A pool without nodes is one node that holds all units."""

    nodes: int
    units: int
    """Of each node."""
    per_unit: int = 1
    """Processors of the trace that are one unit."""

    @property
    def total(self) -> int:
        return self.nodes * self.units

    @property
    def words(self) -> str:
        unit = f", a unit is {self.per_unit} processors" if self.per_unit > 1 else ""
        if self.nodes == 1:
            return f"a pool of {many(self.units, 'unit')}{unit}"
        return f"{self.nodes:,} nodes of {many(self.units, 'unit')}{unit}"

    def shape(self, past: Past) -> Shape:
        """Up to a node's units on one node, above that whole nodes."""
        units = -(-past.processors // self.per_unit)
        width = np.where(units <= self.units, 1, -(-units // self.units))
        zero = np.zeros(len(units), np.int64)
        return Shape(zero, width, np.where(units <= self.units, units, self.units), width <= self.nodes)

    def told(self) -> dict[str, Any]:
        return {
            "nodes": self.nodes,
            "units": self.units,
            "procs_per_unit": self.per_unit,
            "words": self.words,
            "shape": "up to the units of a node on one node, above that whole nodes",
        }

    def put(self, mirror: Mirror) -> None:
        """This machine as pool 0 of `mirror`."""
        mirror.pool(0, 0)
        for node in range(self.nodes):
            mirror.node(node, 0, self.units, True)


def machine(nodes: str | None, pool: int | None, per_unit: int, processors: str | None) -> Machine:
    """From `--nodes 64x8` or `--pool 512`, else from what the trace says of its machine."""
    if nodes and pool:
        raise UsageProblem("--nodes and --pool", "a machine is one or the other", "leave one out")
    if pool:
        return Machine(1, pool, per_unit)
    if nodes:
        found = re.fullmatch(r"(\d{1,8})x(\d{1,8})", nodes.strip().lower())
        if not found or not 0 < int(found[1]) * int(found[2]) <= _MOST:
            raise UsageProblem(f"--nodes {nodes!r}", "nodes and the units of each are written like 64x8")
        return Machine(int(found[1]), int(found[2]), per_unit)
    if processors and 0 < int(processors) // per_unit <= _MOST:
        return Machine(1, int(processors) // per_unit, per_unit)
    raise UsageProblem("the machine", "the trace does not say how large it was", "say --pool 512 or --nodes 64x8")
