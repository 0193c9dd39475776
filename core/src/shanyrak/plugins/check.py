"""`plugin check`: everything about a plugin that can be found out without running work."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shanyrak.errors import Problem
from shanyrak.plugins.allow import refusal
from shanyrak.plugins.discovery import find
from shanyrak.plugins.judge import SLOW_IMPORT_MS
from shanyrak.plugins.loading import load
from shanyrak.plugins.manager import COLLECTED, PluginManager
from shanyrak.plugins.probe import Probe, probe
from shanyrak.plugins.settings import settings_model
from shanyrak.plugins.states import ACTIVE, WAITING, PluginState
from shanyrak.plugins.switches import Switches
from shanyrak.records import Command, Plugin, Policy

LIGHT_MS = 20
"""An entry-point module that is data imports in a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    plugin: str
    check: str
    ok: bool
    words: str


def check(names: list[str], switches: Switches) -> list[Check]:
    """Check the named plugins, disabled ones too; each import is tried in a process of its own first."""
    allowed = [found.name for found in find() if switches.allow is None or not refusal(found, switches.allow)]
    probes = {name: probe(name) for name in names if name in allowed}
    others = {name: reason for name, reason in switches.disabled.items() if name not in names}
    deadly = {name: seen.died for name, seen in probes.items() if seen.died}
    manager = PluginManager(switches._replace(disabled={**others, **deadly}, none=""), warn=lambda line: None)
    answers: list[Check] = []
    for name in names:
        state = manager.state(name)
        answers += _plugin(manager, state, probes.get(name, Probe(error=state.reason)))
    return answers


def _plugin(manager: PluginManager, state: PluginState, seen: Probe) -> Iterator[Check]:
    name = state.name
    if seen.died:
        yield Check(name, "import", False, seen.died)
        return
    yield Check(name, "state", state.state in (ACTIVE, WAITING), f"{state.state}: {state.reason}".rstrip(": "))
    if not seen.error:
        yield _import(name, seen)
    for hook in COLLECTED:
        for record in manager.records(hook, name):
            yield _record(name, hook, record)
    record = manager.record(name)
    if record is not None:
        yield from _settings(name, record)
    for hook, documented in manager.opened(name):
        yield Check(name, f"hook {hook}", documented, "documented" if documented else "it has no docstring")


def _import(name: str, seen: Probe) -> Check:
    took = f"{seen.ms:.1f} ms"
    if seen.heavy:
        return Check(name, "import", False, f"{took}; it imports {', '.join(seen.heavy)}: import them on use")
    if seen.ms > SLOW_IMPORT_MS:
        return Check(name, "import", False, f"slow: {took}, at most {SLOW_IMPORT_MS} ms")
    note = f"; data alone takes under {LIGHT_MS} ms" if seen.ms > LIGHT_MS else ""
    return Check(name, "import", True, took + note)


def _record(name: str, hook: str, record: Any) -> Check:
    what = f"{type(record).__name__.lower()} {getattr(record, 'name', '') or getattr(record, 'scheme', '')}"
    paths = [getattr(record, field, "") for field in ("target", "stages", "decide")]
    try:
        for path in filter(None, paths):
            wrong = _target(record, path, load(path, name))
            if wrong:
                return Check(name, what, False, f"`{path}` {wrong}")
    except Problem as problem:
        return Check(name, what, False, problem.why or str(problem))
    named = ", ".join(filter(None, paths))
    return Check(name, what, True, f"`{named}`" if named else f"given by `{hook}`")


def _target(record: Any, path: str, thing: Any) -> str:
    """What is wrong with the code that a record names."""
    if isinstance(record, Command):
        import click

        return "" if isinstance(thing, click.Command) else "is not a click command"
    if not callable(thing):
        return f"is a {type(thing).__name__}, and cannot be called"
    wanted = 1
    if isinstance(record, Policy):
        wanted = 2 if path == record.stages else 3
    try:
        inspect.signature(thing).bind(*range(wanted))
    except TypeError:
        return f"cannot be called with {wanted} argument{'s' if wanted > 1 else ''}"
    except ValueError:  # compiled code without a signature
        return ""
    return ""


def _settings(name: str, record: Plugin) -> Iterator[Check]:
    if not record.settings:
        return
    try:
        model = settings_model(record)
    except Problem as problem:
        yield Check(name, "settings", False, problem.why)
        return
    undescribed = [key for key, field in model.model_fields.items() if not field.description]
    without = [key for key, field in model.model_fields.items() if field.is_required()]
    wrong = [f"`{key}` is not described" for key in undescribed]
    wrong += [f"`{key}` has no default" for key in without]
    good = f"{len(model.model_fields)} keys, closed, described, with defaults"
    yield Check(name, "settings", not wrong, "; ".join(wrong) or good)
