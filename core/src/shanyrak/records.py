"""The records that plugins hand to the core: frozen, plain, stdlib only. What passes later is in `exchange`.

Code is named as `"module:attribute"` and imported on use, so that a plugin's entry-point module stays data.
Times are milliseconds since the epoch, durations milliseconds, memory bytes, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    needs: tuple[str, ...] = ()
    """Columns of past work (`account`, `sector`, `class`) without which a rehearsal of it would say nothing."""


@dataclass(frozen=True, slots=True)
class Store:
    """A place for the journal. `target(url: str)` gives an object with the methods of `shanyrak.journal.store.Store`.

    `scheme` is what its URLs start with: `scheme:rest` in `[accounts] store`.
    """

    scheme: str
    summary: str
    target: str


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


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of account people may write: `amount` of `name` is `amount x factor` of `base`."""

    name: str
    base: str
    factor: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that measures use beside the engine. No part of the core asks meters yet: the record is listed and checked.

    `target` is called with one argument and gives the measuring object.
    """

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
