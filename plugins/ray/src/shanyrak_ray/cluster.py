"""The nodes of the cluster under the names that the site knows them by.

A node of Ray that was started with the resource `shanyrak:NAME` (`ray start --resources '{"shanyrak:gpu-0": 1}'`) is NAME. The
other declared names take the other nodes of Ray, in the order of their addresses, and keep them while they live.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shanyrak.api import EngineProblem, Node

TAG = "shanyrak:"
LITTLE = 0.001
"""How much of a node's own resource work takes, to be there and nowhere else."""


@dataclass(frozen=True, slots=True)
class Host:
    """One live node of Ray: `place` is the resource that only it has."""

    address: str
    place: str
    gpus: int
    cpus: int
    memory: int
    tag: str = ""

    def as_node(self, name: str, unit: str) -> Node:
        """As an engine reports it."""
        return Node(name, self.gpus if unit == "gpu" else self.cpus, self.cpus, self.memory)


def hosts(said: Iterable[dict[str, Any]]) -> list[Host]:
    """The live nodes, by address. EngineProblem when one is not in a known form."""
    found = []
    for node in said:
        try:
            if node["state"] != "ALIVE":
                continue
            has: dict[str, float] = node.get("resources_total") or {}
            tag = next((key for key in sorted(has) if key.startswith(TAG)), "")
            place = tag or f"node:{node['node_ip']}"
            gpus, cpus, memory = (int(has.get(kind, 0)) for kind in ("GPU", "CPU", "memory"))
            address = f"{node['node_ip']}/{node['node_id']}"
            found.append(Host(address, place, gpus, cpus, memory, tag.removeprefix(TAG)))
        except (KeyError, TypeError, ValueError):
            raise EngineProblem("the nodes of Ray", f"one is told as {str(node)[:120]}") from None
    return sorted(found, key=lambda host: host.address)


class Map:
    """Which node of Ray a name of the site stands for. Kept in `nodes.json` of the engine's folder."""

    def __init__(self, folder: Path, declared: Sequence[Node], unit: str) -> None:
        self.path, self.declared, self.unit = folder / "nodes.json", declared, unit

    def named(self, found: Sequence[Host]) -> dict[str, Host]:
        """The live nodes by the site's names; without declared nodes by their own."""
        if not self.declared:
            return _by_own_name(found)
        names = {host.tag: host for host in found if host.tag}
        named = {node.name: names[node.name] for node in self.declared if node.name in names}
        free = {host.address: host for host in found if not host.tag}
        kept = self._kept()
        for node in self.declared:
            ip = kept.get(node.name)
            address = next((each for each in free if each.partition("/")[0] == ip), None)
            if node.name not in named and address:
                named[node.name] = free.pop(address)
        for node in self.declared:
            if node.name not in named and free:
                named[node.name] = free.pop(next(iter(free)))
        now = {name: host.address.partition("/")[0] for name, host in named.items() if not host.tag}
        if now != kept:
            self._keep(now)
        return named

    def nodes(self, found: Sequence[Host]) -> list[Node]:
        """What the engine reports. A declared node that Ray does not have is down."""
        named = self.named(found)
        if not self.declared:
            return [host.as_node(name, self.unit) for name, host in named.items()]
        return [
            named[node.name].as_node(node.name, self.unit)
            if node.name in named
            else replace(node, up=False, reason="Ray has no node for it")
            for node in self.declared
        ]

    def _kept(self) -> dict[str, str]:
        try:
            kept: dict[str, str] = json.loads(self.path.read_text())
            return kept
        except (OSError, ValueError):
            return {}

    def _keep(self, now: dict[str, str]) -> None:
        part = self.path.with_name(f".nodes.{os.getpid()}")
        try:
            part.write_text(json.dumps(now, sort_keys=True))
            part.replace(self.path)
        except OSError:
            pass  # On a full disk they are given out anew, in the same order.


def _by_own_name(found: Sequence[Host]) -> dict[str, Host]:
    named: dict[str, Host] = {}
    for host in found:
        name = host.tag or host.address.partition("/")[0]
        named[name if name not in named else host.address] = host
    return named
