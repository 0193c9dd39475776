"""Making a workspace: what this machine is, or what is asked for, as pools."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shanyrak.config.light import DEFAULT_STORE
from shanyrak.control.site import Site
from shanyrak.control.workspace import default_manager, refuse_used
from shanyrak.errors import PluginProblem, Problem, UsageProblem
from shanyrak.exchange import EngineContext, Node
from shanyrak.model.facility import Pool

if TYPE_CHECKING:
    from shanyrak.config.commons import Commons
    from shanyrak.plugins.manager import PluginManager


def make(
    folder: Path,
    nodes: str,
    unit: str,
    engine: str,
    manager: PluginManager | None = None,
    store: str = DEFAULT_STORE,
) -> tuple[Site, list[str]]:
    """A new workspace and what a person should know of it. Raises UsageProblem or PluginProblem."""
    refuse_used(folder.absolute())
    manager = manager or default_manager(folder)
    shape = parse_nodes(nodes) if nodes else None
    here = {kind: machine(manager, engine, kind) for kind in ("gpu", "cpu")}
    pools, warnings = describe(here, shape, unit, engine)
    made = commons_of(folder, [asdict(pool) for pool in pools], manager, store=store)
    return Site.create(folder, made, manager), warnings


def parse_nodes(text: str) -> tuple[int, int]:
    """`64x8` as (nodes, units a node)."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,5})", text.strip().lower())
    if not found or not int(found[1]) or not int(found[2]):
        raise UsageProblem(f"--nodes {text!r}", "nodes are written NxU, such as 64x8", "give nodes times units a node")
    return int(found[1]), int(found[2])


def machine(manager: PluginManager, engine: str, unit: str) -> list[Node]:
    """What an engine finds when nothing is declared, counted in `unit`. Raises PluginProblem when it breaks."""
    from shanyrak.plugins.loading import load

    offer = manager.engine(engine)
    with tempfile.TemporaryDirectory(prefix="shanyrak-") as scratch:
        target = load(offer.record.target, offer.plugin)
        try:
            made = target(EngineContext("probe", scratch, manager.settings(offer.plugin), (), unit))
            try:
                return list(made.nodes())
            finally:
                made.close()
        except Problem:
            raise
        except Exception as error:
            raise PluginProblem(
                f"plugin {offer.plugin}",
                f"its engine {engine} could not say what is here ({error!r})",
                f"shanyrak plugin check {offer.plugin}",
            ) from error


def describe(
    here: dict[str, list[Node]], shape: tuple[int, int] | None, unit: str, engine: str
) -> tuple[list[Pool], list[str]]:
    """Pools and warnings. Without a shape: a GPU pool where there are GPUs, and a CPU pool."""
    found = {kind: [node for node in nodes if node.units > 0] for kind, nodes in here.items()}
    if shape is None:
        pools = []
        for kind in (unit,) if unit else ("gpu", "cpu"):
            if nodes := found[kind]:
                pools.append(_pool(kind, engine, len(nodes), nodes[0].units, nodes[0]))
        if not pools:
            raise UsageProblem(
                "--unit gpu",
                "this machine has no GPU that can be seen",
                "give --nodes NxU to declare them all the same",
            )
        return pools, []
    kind = unit or ("gpu" if found["gpu"] else "cpu")
    count, units = shape
    if not (found[kind] or found["cpu"]):
        raise UsageProblem(
            f"--engine {engine}",
            "it finds no node here that the pool could be modelled on",
            "make the site with another engine, then name this one in [[pools]] of commons.toml",
        )
    model = (found[kind] or found["cpu"])[0]
    real = sum(node.units for node in found[kind])
    warnings = []
    if count * units > real:
        warnings.append(
            f"warning: {count} x {units} {kind} slots are more than the {real} {kind}s here, so work shares them"
        )
    return [_pool(kind, engine, count, units, model)], warnings


def _pool(kind: str, engine: str, count: int, units: int, node: Node) -> Pool:
    """A pool of nodes like `node`; when slots exceed the machine, each still has a share of at least one CPU."""
    return Pool(kind, engine, kind, count, units, max(node.cpus, units if kind == "cpu" else 1), node.memory)


def commons_of(
    folder: Path,
    pools: Sequence[Mapping[str, Any]],
    manager: PluginManager,
    settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    store: str = DEFAULT_STORE,
) -> Commons:
    """The site's file for these `[[pools]]`, with `settings` of plugins. Without a plugin that offers `easy`, the core's own
    kernel decides. Raises UsageProblem for pools that no file could have."""
    from shanyrak.config.commons import Commons
    from shanyrak.config.validate import validated

    return validated(
        Commons,
        {
            "site": {"name": folder.absolute().name or "commons"},
            "pools": list(pools),
            "accounts": {"store": store},
            "policy": {"active": "easy" if "easy" in manager.policies() else "kernel"},
            "plugins": {name: dict(table) for name, table in settings.items()},
        },
        str(folder),
    )
