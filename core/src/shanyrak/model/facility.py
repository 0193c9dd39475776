"""The facility: pools of equal nodes. A pool has one engine and one unit kind."""

from __future__ import annotations

from dataclasses import dataclass

from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.model.quantities import memory_words


@dataclass(frozen=True, slots=True)
class Pool:
    """`nodes` equal nodes of `units` units (GPUs or CPU slots), `cpus` CPUs and `memory` bytes each."""

    name: str
    engine: str
    unit: str
    nodes: int
    units: int
    cpus: int
    memory: int

    @property
    def account_unit(self) -> str:
        """What work here is charged in: `gpu-second` or `cpu-second`."""
        return f"{self.unit}-second"

    def node_names(self) -> list[str]:
        """Names of the nodes, in order: `gpu-0`, `gpu-1`, ..."""
        return [f"{self.name}-{number}" for number in range(self.nodes)]

    def units_for(self, gpus: int, cpus: int, memory: int) -> int:
        """Units a node that a request takes: the most of its GPUs, and its CPUs and memory by share."""
        own = gpus if self.unit == "gpu" else 0
        by_cpu = -(-cpus * self.units // self.cpus) if cpus else 0
        by_memory = -(-memory * self.units // self.memory) if memory else 0
        return max(own, by_cpu, by_memory, 1)


@dataclass(frozen=True, slots=True)
class Placement:
    """What a request is reduced to: `width` nodes of `pool`, `units` units on each; `note` when that costs more."""

    pool: Pool
    width: int
    units: int
    note: str = ""

    def hold(self, walltime_ms: int) -> int:
        """Unit-seconds set aside for one attempt: width x units x walltime, whole seconds up."""
        return self.width * self.units * -(-walltime_ms // 1000)

    @property
    def per_unit_cpus(self) -> int:
        """CPUs a node that come with the units."""
        return max(1, self.pool.cpus * self.units // self.pool.units)

    @property
    def per_unit_memory(self) -> int:
        """Bytes a node that come with the units."""
        return self.pool.memory * self.units // self.pool.units


def place(pools: list[Pool], *, gpus: int, cpus: int, memory: int, width: int, pool: str = "") -> Placement:
    """Reduce a request to units of one pool.

    With GPUs: the first GPU pool that can hold it; without: the first CPU pool, else the first pool by share.
    Raises RefusedProblem when it can never run here, UsageProblem when the pool does not exist.
    """
    if not pools:
        raise RefusedProblem("no pool is declared", fix="add a [[pools]] table to commons.toml")
    if pool:
        named = [p for p in pools if p.name == pool]
        if not named:
            raise UsageProblem(f"pool {pool!r} does not exist", fix=f"use one of {', '.join(p.name for p in pools)}")
        fitting = named
    elif gpus:
        fitting = [p for p in pools if p.unit == "gpu"]
        if not fitting:
            raise RefusedProblem("gpus", "no pool here has GPUs", "ask without --gpus")
    else:
        fitting = [p for p in pools if p.unit == "cpu"] or pools
    if gpus and fitting[0].unit != "gpu":
        raise RefusedProblem("gpus", f"pool {fitting[0].name} has no GPUs", "ask without --gpus or name a GPU pool")
    for candidate in fitting:
        units = candidate.units_for(gpus, cpus, memory)
        if units <= candidate.units and width <= candidate.nodes:
            return Placement(candidate, width, units, _note(candidate, units, gpus, cpus, memory))
    raise _never(fitting, gpus, cpus, memory, width)


def _note(pool: Pool, units: int, gpus: int, cpus: int, memory: int) -> str:
    asked = gpus if pool.unit == "gpu" else max(cpus, 1)
    if units <= asked or (pool.unit == "gpu" and not gpus):
        return ""
    by_memory = pool.units_for(0, 0, memory) >= units
    part = memory_words(memory) if by_memory else f"{cpus} CPUs"
    return f"costs {units} {pool.unit} units a node, because {part} is the share of {units}"


def _never(pools: list[Pool], gpus: int, cpus: int, memory: int, width: int) -> RefusedProblem:
    best = max(pools, key=lambda p: p.units * p.nodes)
    if width > best.nodes:
        return RefusedProblem(
            "width", f"{width} nodes asked, pool {best.name} has {best.nodes}", f"ask for at most {best.nodes}"
        )
    if gpus > best.units and best.unit == "gpu":
        return RefusedProblem(
            "gpus",
            f"{gpus} a node asked, a node of {best.name} has {best.units}",
            f"ask for at most {best.units} a node and use --width for more nodes",
        )
    if cpus and best.units_for(0, cpus, 0) > best.units:
        return RefusedProblem(
            "cpus", f"{cpus} a node asked, a node of {best.name} has {best.cpus}", f"ask for at most {best.cpus}"
        )
    return RefusedProblem(
        "mem",
        f"{memory_words(memory)} a node asked, a node of {best.name} has {memory_words(best.memory)}",
        "ask for less",
    )
