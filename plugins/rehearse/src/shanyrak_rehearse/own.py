"""This site's own journal as a trace, and this site itself as the machine and the tenants of a rehearsal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from shanyrak.api import Ints, Mirror, Ran, Trace, View

from shanyrak_rehearse.machine import Shape
from shanyrak_rehearse.past import Past
from shanyrak_rehearse.readers.build import by_name, codes
from shanyrak_rehearse.tenants import Rule, Tenants


def own_trace(rows: Sequence[Ran], classes: Sequence[str]) -> Trace:
    """The tasks that have ended; a task of an array is a job, named `12_3`."""
    table = np.array(
        [(r.submitted, r.started - r.submitted, r.ran, r.walltime, r.width * r.units, r.pool, r.width, r.units, r.account)
         for r in rows],
        np.int64,
    ).reshape(-1, 9).T  # fmt: skip
    names = ("submit", "wait", "run", "limit", "processors", "pool", "width", "units", "index")
    columns: dict[str, Ints] = {name: np.ascontiguousarray(column) for name, column in zip(names, table, strict=True)}
    columns["wait"] = np.maximum(columns["wait"], 0)
    arrays = {r.workload for r in rows if r.task}
    columns["job"] = np.arange(len(rows))
    known: dict[str, tuple[str, ...]] = {
        "job": tuple(r.label or (f"{r.workload}_{r.task}" if r.workload in arrays else f"{r.workload}") for r in rows)
    }
    for name, texts in (
        ("account", [r.project for r in rows]), ("sector", [r.sector for r in rows]),
        ("class", [classes[r.class_] if r.class_ < len(classes) else "" for r in rows]),
    ):  # fmt: skip
        place: dict[str, int] = {}
        columns[name], known[name] = by_name(codes(texts, place), place)
    return Trace(columns, known, {"start": "0"})


@dataclass(frozen=True, slots=True)
class OwnMachine:
    """The pools and nodes of a site, all of them open and free."""

    pool_units: Sequence[int]
    """The kind of unit of each pool."""
    pools: Ints
    """Of each node."""
    sizes: Ints

    @property
    def total(self) -> int:
        return int(self.sizes.sum())

    @property
    def words(self) -> str:
        return f"this site: {len(self.sizes):,} nodes with {self.total:,} units"

    def shape(self, past: Past) -> Shape:
        """As it was asked for. It fits when the pool has as many nodes of that size as it takes."""
        pool, width, units = (past.extra[name] for name in ("pool", "width", "units"))
        there = {
            (kind, size): int(np.count_nonzero((self.pools == kind) & (self.sizes >= size)))
            for kind, size in set(zip(pool.tolist(), units.tolist(), strict=True))
        }
        most = np.array([there[pair] for pair in zip(pool.tolist(), units.tolist(), strict=True)], np.int64)
        return Shape(pool, width, units, width <= most)

    def told(self) -> dict[str, Any]:
        return {
            "nodes": len(self.sizes),
            "units": self.total,
            "procs_per_unit": 1,
            "words": self.words,
            "shape": "as each work was admitted; units of all pools are added up",
        }

    def put(self, mirror: Mirror) -> None:
        for pool, kind in enumerate(self.pool_units):
            mirror.pool(pool, kind)
        for node, (pool, size) in enumerate(zip(self.pools.tolist(), self.sizes.tolist(), strict=True)):
            mirror.node(node, pool, size, True)


def own_machine(view: View) -> OwnMachine:
    return OwnMachine(view.pool_unit.tolist(), view.node_pool.copy(), view.node_units.copy())


def own_tenants(view: View, past: Past) -> Tenants:
    """The site's accounts with their weights, floors and caps of today, and as much grant as anybody could use."""
    rules = [
        Rule(*row) for row in zip(view.acc_weight.tolist(), view.acc_floor.tolist(), view.acc_cap.tolist(), strict=True)
    ]
    return Tenants(view.acc_parent.tolist(), rules, past.extra["index"], max(view.pool_unit.tolist(), default=0) + 1)
