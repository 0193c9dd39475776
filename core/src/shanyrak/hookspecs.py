"""Every hook of the core. Each is called in one of four classes, which say what happens when a plugin raises:

- *load, collect*: the plugin is `failed` as a whole, one line on stderr, the others go on;
- *decide*: counted as a refusal that names the plugin; all are asked, any refusal wins;
- *observe*: logged with the plugin's name, counted, the next one runs;
- *services*: restarted with backoff; a `required` one that is down refuses the start.

An implementation names those arguments that it needs, and may leave out the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from shanyrak.exchange import Refusal, Request
    from shanyrak.records import Command, Engine, Kind, Meter, Policy, Service, Store, Unit

hookspec = pluggy.HookspecMarker("shanyrak")
hookimpl = pluggy.HookimplMarker("shanyrak")


@hookspec
def shanyrak_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """The command of this plugin, named as the plugin. Class: collect. Since API 1."""


@hookspec
def shanyrak_engines() -> Iterable[Engine]:  # type: ignore[empty-body]
    """Engines that run work. Class: collect. Since API 1."""


@hookspec
def shanyrak_policies() -> Iterable[Policy]:  # type: ignore[empty-body]
    """Policies that decide what runs next. Class: collect. Since API 1."""


@hookspec
def shanyrak_stores() -> Iterable[Store]:  # type: ignore[empty-body]
    """Stores that hold the journal. Class: collect. Since API 1."""


@hookspec
def shanyrak_units() -> Iterable[Unit]:  # type: ignore[empty-body]
    """Units of account that people may write. Class: collect. Since API 1."""


@hookspec
def shanyrak_meters() -> Iterable[Meter]:  # type: ignore[empty-body]
    """Meters of use beside the engines. Class: collect. Since API 1."""


@hookspec
def shanyrak_kinds() -> Iterable[Kind]:  # type: ignore[empty-body]
    """Kinds of plugins that authors can write for the hooks this plugin opens. Class: collect. Since API 2."""


@hookspec
def shanyrak_services() -> Iterable[Service]:  # type: ignore[empty-body]
    """Long-running parts that `shanyrak up` starts. Class: services. Since API 1."""


@hookspec
def shanyrak_decide_admission(request: Request, settings: Any) -> Refusal | None:
    """Refuse a request, or say nothing. Class: decide. Since API 1; `settings` since API 2.

    Pure: the same request and settings give the same answer, whatever the time (`request.now_ms` is the only one), the
    machine and what was asked before. `settings` are the plugin's own, from `[plugins.NAME]`; None: it has none.
    """


@hookspec
def shanyrak_on_event(event: Mapping[str, Any], settings: Any) -> None:
    """See one journal event (seq, time, actor, type, subject, payload), at least once and in order of seq.

    Called by the controller after the event is durable. Class: observe. Since API 1; `settings`, the plugin's own, since API 2.
    """
