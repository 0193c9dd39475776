"""What can be said of one plugin at one moment."""

from __future__ import annotations

from typing import Any, NamedTuple

from shanyrak.plugins.discovery import Found
from shanyrak.records import Plugin

ACTIVE = "active"
"""All its hooks are registered."""
DISABLED = "disabled"
"""Switched off by a person; not imported."""
WAITING = "waiting"
"""It implements a hook of a plugin that is not active."""
INCOMPATIBLE = "incompatible"
"""Written for another version of the API."""
FAILED = "failed"
"""Broken; none of its hooks is registered."""

STATES = (ACTIVE, DISABLED, WAITING, INCOMPATIBLE, FAILED)


class Shown:
    """What pluggy is shown of a plugin: its hooks, and nothing else to look through."""

    def __dir__(self) -> list[str]:
        return list(vars(self))


class Judged:
    """One plugin on its way: what was found, what it declares, the verdict so far (`active` at first)."""

    __slots__ = (
        "found",
        "hooks",
        "import_ms",
        "module",
        "notes",
        "opens",
        "reason",
        "record",
        "shown",
        "specs",
        "state",
    )

    def __init__(self, found: Found) -> None:
        self.found = found
        self.state = ACTIVE
        self.reason = ""
        self.module: Any = None
        self.record: Plugin | None = None
        self.shown = Shown()
        self.hooks: dict[str, bool] = {}  # the hooks it implements -> whether marked `optionalhook`
        self.specs: Any = None  # the module with the hooks it opens
        self.opens: tuple[str, ...] = ()
        self.import_ms = 0.0
        self.notes: list[str] = []

    @property
    def name(self) -> str:
        return self.found.name

    def refuse(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason


class PluginState(NamedTuple):
    """A plugin as `plugin list` and `plugin info` show it."""

    name: str
    version: str
    state: str
    reason: str
    hooks: tuple[str, ...]
    opens: tuple[str, ...]
    summary: str
    distribution: str
    origin: str
    """Where it was installed from: `index`, or an address; `editable PATH`: its source is what runs."""
    module: str
    api: str
    settings: str
    import_ms: int
    notes: tuple[str, ...]


def describe(judged: Judged) -> PluginState:
    """Read the rest (distribution, version) and freeze."""
    record = judged.record
    return PluginState(
        name=judged.name,
        version=judged.found.version,
        state=judged.state,
        reason=judged.reason,
        hooks=tuple(sorted(judged.hooks)),
        opens=judged.opens,
        summary=record.summary if record else "",
        distribution=judged.found.distribution,
        origin=judged.found.origin,
        module=str(judged.found.entries[0].value),
        api=record.api if record else "",
        settings=record.settings if record else "",
        import_ms=round(judged.import_ms),
        notes=tuple(judged.notes),
    )
