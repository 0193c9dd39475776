"""The records that plugins hand to the core: frozen, plain, stdlib only. What passes later is in `exchange`.

Code is named as `"module:attribute"` and imported on use, so that a plugin's entry-point module stays data.
Times are milliseconds since the epoch, durations milliseconds, memory bytes, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

API_VERSION = "2"
"""The version of hooks and records; a plugin names the one it was written for."""

OLDEST_API = "1"
"""Plugins written for this version still run. When each number moves: `docs/reference/api.md`."""


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
    capabilities: tuple[str, ...] = ()
    """What it claims of `shanyrak.testing.contracts.engine.CAPABILITIES`: the conformance kit holds it to them. Since API 2."""
    harness: str = ""
    """`module:Class` with which the kit tries it, when the kit's own `EngineHarness` cannot. Since API 2."""
    trial: str = ""
    """`module:function`, a context manager called as `trial(folder: Path)`: brings up something real for this engine on this
    machine, inside `folder`, gives an `exchange.Trial` and stops all of it at its end; `UnfitProblem` when what it needs is
    not installed. `shanyrak quickstart --engine NAME` runs on it. Empty: none. Since API 2."""


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
    needs: tuple[str, ...] = ()
    """Columns of past work (`account`, `sector`, `class`) without which a rehearsal of it would say nothing."""
    capabilities: tuple[str, ...] = ()
    """What it claims of `shanyrak.testing.contracts.policy.CAPABILITIES`. Since API 2."""


@dataclass(frozen=True, slots=True)
class Store:
    """A place for the journal. `target(StoreContext)` gives an object with the methods of `api.JournalStore`.

    `scheme` is what its URLs start with: `scheme:rest` in `[accounts] store`. A plugin of API 1 is called with the URL alone.
    """

    scheme: str
    summary: str
    target: str
    capabilities: tuple[str, ...] = ()
    """What it claims of `shanyrak.testing.contracts.store.CAPABILITIES`. Since API 2."""
    harness: str = ""
    """`module:Class` with which the kit tries it, when the kit's own `StoreHarness` cannot. Since API 2."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A way to read past work from a file: `target(stream: BinaryIO) -> exchange.Trace`.

    The stream is binary and buffered, unpacked already when the file is gzip. A file goes to the reader whose
    `sniff(head: bytes) -> bool` knows its first 64 KiB, else to one that has the ending of its name.
    """

    name: str
    summary: str
    target: str
    sniff: str = ""
    endings: tuple[str, ...] = ()
    """Such as `.swf`; `.gz` is taken off a name first."""
    sample: str = ""
    """`module:attribute`, the bytes of a small file of its kind with which the conformance kit tries it. Since API 2."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of account people may write: `amount` of `name` is `amount x factor` of `base`."""

    name: str
    base: str
    factor: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that measures use beside the engine, in `unit`. `target(MeterContext)` gives an `api.Instrument`.

    Asked since API 2. Readings are kept beside the account, each with its method and coverage; they are not charged.
    """

    name: str
    unit: str
    summary: str
    target: str
    capabilities: tuple[str, ...] = ()
    """What it claims of `shanyrak.testing.contracts.meter.CAPABILITIES`. Since API 2."""
    harness: str = ""
    """`module:Class` with which the kit tries it, when the kit's own `MeterHarness` cannot. Since API 2."""


@dataclass(frozen=True, slots=True)
class Service:
    """A long-running part that `shanyrak up` starts as `target(ServiceContext)` in a thread of its own."""

    name: str
    summary: str
    target: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin that authors can write: `plugin new --kind NAME` renders it, the conformance kit holds it to its contract.

    The core has its own; a plugin that opens a hook gives one for it. Since API 2.
    """

    name: str
    implements: str
    """The hook that plugins of this kind implement."""
    summary: str
    templates: str
    """Package whose files are rendered, beside those that all kinds share."""
    contract: str
    """Module with the tests that each plugin of this kind is held to."""
