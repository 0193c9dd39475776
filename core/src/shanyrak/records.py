"""The records that plugins hand to the core, and that the core hands to plugins: frozen, plain, stdlib only.

Code is named as `"module:attribute"` and imported on use, so that a plugin's entry-point module stays data.
Times are milliseconds since the epoch, durations milliseconds, memory bytes, everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

API_VERSION = "1"
"""The version of hooks and records; a plugin names the one it was written for."""


# ---- what a plugin is, and what it adds ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plugin:
    """The first thing a plugin's entry-point module holds, under the name `PLUGIN`."""

    name: str
    """The entry-point key; also the table `[plugins.NAME]` and the only command name it may own."""
    api: str
    """The `API_VERSION` it was written for."""
    summary: str
    settings: str = ""
    """`module:Model` of a closed pydantic model for `[plugins.NAME]`; empty: the plugin has no settings."""
    hookspecs: str = ""
    """Module with hooks that this plugin opens, named `shanyrak_<plugin>_<noun>`; empty: none."""


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of the command line. A plugin owns exactly one: its own name."""

    name: str
    summary: str
    target: str
    """`module:attribute` of a click command or group."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to run work. `target` is called as `target(EngineContext)` and gives an `api.Engine`."""

    name: str
    summary: str
    target: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to decide what runs next.

    Exactly one of `stages` (`module:function(view, params) -> Stages`) and `decide`
    (`module:function(view, params, carry) -> (Plan, carry)`) is named.
    """

    name: str
    summary: str
    version: str
    stages: str = ""
    decide: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """A place for the journal. `target(url: str)` gives an `api.Store`; `scheme` is what its URLs start with."""

    scheme: str
    summary: str
    target: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of account people may write: `amount` of `name` is `amount x factor` of `base`."""

    name: str
    base: str
    factor: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that measures use beside the engine; `target(MeterContext)` gives the measuring object."""

    name: str
    unit: str
    summary: str
    target: str


@dataclass(frozen=True, slots=True)
class Service:
    """A long-running part that `shanyrak up` starts as `target(ServiceContext)` in a thread of its own."""

    name: str
    summary: str
    target: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service is run with; it returns soon after `stopped()` is true."""

    workspace: str
    settings: Any
    stopped: Callable[[], bool]


# ---- admission ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: the rule, the reason in words, its inputs, the nearest request that would pass."""

    rule: str
    words: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as admission sees it, after it was reduced to units."""

    project: str
    sector: str
    actor: str
    pool: str
    unit: str
    width: int
    units: int
    tasks: int
    walltime_ms: int
    spec: Mapping[str, Any]
    now_ms: int


# ---- what passes between the core and an engine -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What an engine is made with: one engine object serves one pool.

    `folder` is the engine's own, private and kept between runs; `unit` is what one unit of the pool is (`gpu` or
    `cpu`); `nodes` are the pool's nodes as declared (empty: the engine says what is there).
    """

    pool: str
    folder: str
    settings: Any
    nodes: tuple[Node, ...] = ()
    unit: str = "cpu"


@dataclass(frozen=True, slots=True)
class Node:
    """One node as declared or as an engine reports it. `units` are whole GPUs or CPU slots."""

    name: str
    units: int
    cpus: int
    memory: int
    up: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """One attempt to be started: everything an engine may know. The token is the attempt's identity.

    `bundle` is equal for the tasks of one array started together; an engine may start those as one.
    `nodes` names each node with the units taken there. `cpus` and `memory` are for each node.
    `secrets` are injected into the environment at launch and written nowhere.
    """

    token: str
    workload: int
    task: int
    bundle: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    cwd: str
    outputs: tuple[str, ...]
    nodes: tuple[tuple[str, int], ...]
    unit: str
    cpus: int
    memory: int
    walltime_ms: int
    user: str
    network: bool = False


@dataclass(frozen=True, slots=True)
class Launched:
    """An engine's answer for one token: a handle, or why it was not started (then nothing runs under the token).

    `user_fault` tells a request that can never start (missing command, no such folder) from trouble of the
    engine's own, after which the work goes back to its place in the queue.
    """

    token: str
    handle: str = ""
    refused: str = ""
    user_fault: bool = False
    isolation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What an engine knows of one token now.

    state: `running`, `ended`, `absent` (the engine is sure that it never started or that nothing of it lives,
    and it holds no result) or `unknown` (it cannot tell). Times are the engine's own; `ran_ms` is its measured
    duration, never a ledger difference. cause: empty for an ordinary end (see `exit_code`, `signal`), else
    `walltime`, `memory`, `stopped`, `launch` (the command could not be started) or `node` (the machine died).
    `fenced` says that the engine is sure that no process of the attempt is left.
    """

    token: str
    state: str
    started_ms: int = 0
    ended_ms: int = 0
    ran_ms: int = 0
    exit_code: int | None = None
    signal: int = 0
    cause: str = ""
    words: str = ""
    fenced: bool = False
    cpu_ms: int = 0
    peak_memory: int = 0
    isolation: tuple[str, ...] = ()
