"""What passes between the core and plugins while work is done: requests, refusals, launches, what was seen.

Frozen, plain, stdlib only, like `records`; apart from them because the start of the command line needs none of it.
Times are milliseconds since the epoch, durations milliseconds, memory bytes, everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service is run with; it returns soon after `stopped()` is true.

    `open_site()` gives the site (`control.Site`, what every verb calls) over a connection of its own, so that neither the
    controller nor another thread of the service waits for what it reads; it is closed when the service returns.
    """

    workspace: str
    settings: Any
    stopped: Callable[[], bool]
    open_site: Callable[[], Any]


# ---- what passes between the core and an engine -------------------------------------------------------------

TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@+-]{0,150}")
"""What a token of an attempt looks like: it can name a file, a folder or a job."""


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
    not_after_ms: int = 0
    """By the monotonic clock of the controller's machine: asked later, an engine starts nothing new under the token,
    because another controller may act by then. 0: whenever."""
    project: str = ""
    """Whose work it is, for engines that keep accounts of their own."""


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

    state: `pending` (accepted, not started there yet; `words` says why), `running`, `ended`, `absent` (the engine is
    sure that it never started or that nothing of it lives, and it holds no result) or `unknown` (it cannot tell).
    Times are the engine's own; `ran_ms` is its measured duration, never a ledger difference. cause: empty for an
    ordinary end (see `exit_code`, `signal`), else `walltime`, `memory`, `stopped`, `launch` (the command could not be
    started), `node` (the machine died) or `refused` (accepted, and given back before it started: no try of the work's).
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


@dataclass(frozen=True, slots=True)
class Trial:
    """What an engine's `trial` brought up: the site to make over it, as long as it is there.

    `pools` are the tables `[[pools]]` of `commons.toml` (name, engine, unit, nodes, units, cpus, memory); `settings` is the
    table `[plugins.NAME]` of the engine's plugin.
    """

    pools: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


# ---- past work ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PastWork:
    """Work that ran on the machine outside of Shanyrak and has ended, as it is brought into the journal.

    `job` is its identity at its source, for ever; `label` what people there call it. `pool` is where such work would run
    here. `units` are those of all its `width` nodes together. `ran_ms` is what the source measured; `state` is in its words.
    `title` is its name there: when it is the token of an attempt that has `label` for its handle, this site ran it itself.
    """

    job: str
    label: str
    project: str
    pool: str
    width: int
    units: int
    submitted_ms: int
    started_ms: int
    ended_ms: int
    ran_ms: int
    walltime_ms: int
    user: str
    title: str
    state: str


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Past work as int64 arrays of equal length, one row a job, in the order of the file.

    `columns`: `submit`, `run` and `processors` or `allocated` at least; also `wait` (as recorded), `limit` (the time asked
    for), `job`, `account`, `sector`, `class`. Times are ms on any clock, -1 is unknown. What all rows lack is left
    out.
    """

    columns: Mapping[str, Any]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For columns that hold an index: what it stands for (`account`, `sector`, `class`, and `job` if not numbers)."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the file says of itself: `computer`, `processors`, `start` (ms since the epoch of time 0)."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows that are no jobs or cannot be read as such: why, and how many."""


# ---- what passes between the core and a store or a meter ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoreContext:
    """What a store is opened with. `folder` is the workspace: a relative path in `url` is under it.

    With `create` it is made; without, it must be there. A lock is waited for for `wait_s` seconds.
    """

    url: str
    folder: str
    settings: Any
    create: bool = False
    wait_s: float = 20.0


@dataclass(frozen=True, slots=True)
class MeterContext:
    """What a meter is made with, once for a controller. `folder` is the meter's own, private and kept between runs."""

    meter: str
    unit: str
    folder: str
    settings: Any


@dataclass(frozen=True, slots=True)
class Stretch:
    """One attempt that has ended, as meters are asked about it. Times and `ran_ms` are the engine's.

    `units` are those of all its nodes together, of the kind `unit` (`gpu` or `cpu`).
    """

    token: str
    workload: int
    project: str
    pool: str
    unit: str
    units: int
    nodes: tuple[str, ...]
    started_ms: int
    ended_ms: int
    ran_ms: int
    cpu_ms: int = 0
    peak_memory: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a meter says was used in one stretch: never without how it knows, and of how much of the stretch.

    method: `measured` (read from an instrument) or `modelled` (computed from something else). `covered_ms` is the part
    of the stretch's `ran_ms` that the amount is known for; `words` says what was read, or by which model.
    """

    token: str
    amount: int
    method: str
    covered_ms: int
    words: str = ""
