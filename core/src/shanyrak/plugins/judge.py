"""Judging one plugin by itself: import its module, check its record, list its hooks and what it opens.

Whether the hooks it implements exist is a matter between plugins, and settled in `settle`.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from types import FunctionType
from typing import Any

import pluggy

from shanyrak.plugins.discovery import Found
from shanyrak.plugins.guard import Broken, guarded
from shanyrak.plugins.names import CORE_VERBS, RESERVED, hook_prefix, is_name
from shanyrak.plugins.record_check import fault
from shanyrak.plugins.states import FAILED, INCOMPATIBLE, Judged
from shanyrak.records import API_VERSION, OLDEST_API, Plugin

SLOW_IMPORT_MS = 500
"""An entry-point module is data; one that takes longer to import is flagged, and goes on."""

RUNS = tuple(str(number) for number in range(int(OLDEST_API), int(API_VERSION) + 1))
"""Versions of the API whose plugins this core runs."""

_READER = pluggy.PluginManager("shanyrak")


def judge(found: Found) -> Judged:
    """Import and check. Never raises; the verdict is in the answer."""
    judged = Judged(found)
    try:
        _check_name(found)
        _import(judged)
        _check_record(judged)
        if judged.state != INCOMPATIBLE:
            _list_hooks(judged)
            _open_hooks(judged)
    except Broken as broken:
        judged.refuse(FAILED, str(broken))
    return judged


def _check_name(found: Found) -> None:
    if len(found.entries) > 1:
        offers = zip(found.distribution.split(", "), found.version.split(", "), strict=False)
        both = " and ".join(sorted(f"{name} {version}" for name, version in offers))
        raise Broken(f"offered more than once, by {both}: uninstall all but one")
    if not is_name(found.name):
        raise Broken("a plugin's name has lower-case letters, digits and `-` only")
    if found.name in CORE_VERBS:
        raise Broken(f"`{found.name}` is a verb of the core, and a plugin's name is its command's name")
    if found.name in RESERVED:
        raise Broken(f"the name `{found.name}` is reserved")


def _import(judged: Judged) -> None:
    entry = judged.found.entries[0]
    begun = perf_counter()
    try:
        with guarded("its import failed"):
            judged.module = entry.load()
    finally:
        judged.import_ms = (perf_counter() - begun) * 1000
    if judged.import_ms > SLOW_IMPORT_MS:
        judged.notes.append(f"slow: its import took {judged.import_ms:.0f} ms (at most {SLOW_IMPORT_MS})")


def _check_record(judged: Judged) -> None:
    with guarded("its record PLUGIN cannot be read"):
        record = getattr(judged.module, "PLUGIN", None)
    if record is None:
        raise Broken(f"`{judged.found.entries[0].value}` has no record `PLUGIN`")
    api = getattr(record, "api", None)
    if isinstance(record, Plugin) and isinstance(api, str) and api not in RUNS:
        judged.record = record
        judged.refuse(INCOMPATIBLE, f"written for API {api or '(none)'}; this core runs API {' and '.join(RUNS)}")
        return
    wrong = fault(record, Plugin)
    if wrong:
        raise Broken(f"bad record: {wrong}")
    if record.name != judged.name:
        raise Broken(f"bad record: it says `{record.name}`, its entry point says `{judged.name}`")
    judged.record = record


def _list_hooks(judged: Judged) -> None:
    with guarded("its hooks cannot be read"):
        for attribute in dir(judged.module):
            thing = getattr(judged.module, attribute)
            if getattr(thing, "shanyrak_impl", None) is None:  # a quick look before pluggy's thorough one
                _check_forgotten(judged.module, attribute, thing)
                continue
            options = _READER.parse_hookimpl_opts(judged.module, attribute)
            if options is None:
                continue
            if options.get("wrapper") or options.get("hookwrapper"):
                raise Broken(f"`{attribute}` is a wrapper; each plugin is called by itself, so wrappers are refused")
            hook = options.get("specname") or attribute
            judged.hooks[hook] = bool(options.get("optionalhook"))
            setattr(judged.shown, attribute, thing)


def _check_forgotten(module: Any, attribute: str, thing: Any) -> None:
    if (
        attribute.startswith("shanyrak_")
        and isinstance(thing, FunctionType)
        and thing.__module__ == getattr(module, "__name__", "")
        and not hasattr(thing, "shanyrak_spec")
    ):
        raise Broken(f"`{attribute}` lacks `@hookimpl`, so it would never be called")


def _open_hooks(judged: Judged) -> None:
    assert judged.record is not None
    if not judged.record.hookspecs:
        return
    prefix = hook_prefix(judged.name)
    with guarded(f"its hooks in `{judged.record.hookspecs}` cannot be read"):
        judged.specs = import_module(judged.record.hookspecs)
        scratch = pluggy.PluginManager("shanyrak")
        scratch.add_hookspecs(judged.specs)
        opens = [name for name in dir(judged.specs) if scratch.parse_hookspec_opts(judged.specs, name) is not None]
    wrong = [name for name in opens if not name.startswith(prefix) or name == prefix]
    if wrong:
        raise Broken(f"it opens `{wrong[0]}`; hooks of this plugin are named `{prefix}<noun>`")
    judged.opens = tuple(sorted(opens))
