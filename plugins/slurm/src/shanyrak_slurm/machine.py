"""Slurm's nodes as the nodes of a pool: the first of them plays NAME-0, and so on, in the order of their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shanyrak.api import Launch, Node

from shanyrak_slurm.jobs import Host


@dataclass(frozen=True, slots=True)
class Machine:
    """The nodes of one pool, as declared (empty: as Slurm has them), and the hosts that play them."""

    declared: Sequence[Node]
    hosts: Sequence[Host]
    unit: str

    @classmethod
    def of(cls, declared: Sequence[Node], hosts: Sequence[Host], chosen: Sequence[str], unit: str) -> Machine:
        """With `chosen` names, only those hosts."""
        mine = [host for host in hosts if not chosen or host.name in chosen]
        return cls(declared, sorted(mine, key=lambda host: _numbers(host.name)), unit)

    @property
    def names(self) -> dict[str, str]:
        """Slurm's name of each node of the pool."""
        if not self.declared:
            return {host.name: host.name for host in self.hosts}
        return {node.name: host.name for node, host in zip(self.declared, self.hosts, strict=False)}

    def units(self, host: Host) -> int:
        return host.gpus if self.unit == "gpu" else host.cpus

    def nodes(self) -> list[Node]:
        """What the core is told."""
        names = [node.name for node in self.declared] or [host.name for host in self.hosts]
        found = [
            Node(
                name, self.units(host), host.cpus, host.memory, host.up,
                "" if host.up else f"Slurm: {host.name} is {host.state}" + (f" ({host.reason})" if host.reason else ""),
            )
            for name, host in zip(names, self.hosts, strict=False)
        ]  # fmt: skip
        missing = names[len(self.hosts) :]
        return found + [
            Node(name, 0, 0, 0, False, f"Slurm has only {len(self.hosts)} nodes for this pool") for name in missing
        ]

    def misfit(self, launch: Launch) -> str:
        """Why a launch can never start here, in words; empty when it can, on nodes that are healthy."""
        wanted = max(count for _, count in launch.nodes)
        fitting = [
            host
            for host in self.hosts
            if self.units(host) >= wanted and host.cpus >= launch.cpus and host.memory >= launch.memory
        ]
        if len(fitting) >= len(launch.nodes):
            return ""
        return (
            f"it asks for {len(launch.nodes)} node(s) with {wanted} {launch.unit}, {launch.cpus} CPUs and"
            f" {launch.memory >> 20} MiB each; Slurm has {len(fitting)} such nodes here"
        )


def _numbers(name: str) -> list[tuple[int, str]]:
    """An order in which n2 comes before n10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
