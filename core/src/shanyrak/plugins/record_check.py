"""Is this record well formed? Records come from other people, and dataclasses check nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from shanyrak.plugins.names import is_dotted, is_module, is_name
from shanyrak.records import Command, Policy, Store, Unit
from shanyrak.texts import kept

_PLAIN: dict[str, type] = {"str": str, "int": int, "bool": bool}
_DOTTED = {"target", "stages", "decide", "settings", "sniff", "sample", "harness", "trial"}
_MODULES = {"hookspecs", "templates", "contract"}


def fault(record: object, kind: type) -> str:
    """What is wrong with `record`, which should be a `kind`, in words; empty when nothing is."""
    if not isinstance(record, kind):
        return f"{_short(record)} is not a {kind.__name__} record"
    if not is_dataclass(kind):
        return ""
    for field in fields(kind):
        value = getattr(record, field.name, MISSING)
        written = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
        wrong = _field_fault(field.name, written, value, field.default)
        if wrong:
            return f"{kind.__name__}.{field.name} {wrong}"
    return _together(record)


def _field_fault(name: str, kind: str, value: Any, default: Any) -> str:
    expected = _PLAIN.get(kind)
    if expected and type(value) is not expected:
        return f"is {_short(value)}, not {expected.__name__}"
    if kind.startswith("tuple") and not (isinstance(value, tuple) and all(isinstance(one, str) for one in value)):
        return f"is {_short(value)}, not a tuple of texts"
    if kind.startswith("Mapping") and not isinstance(value, Mapping):
        return f"is {_short(value)}, not a mapping"
    if expected is not str:
        return ""
    if not kept(value):
        return f"is {_short(value)}, with a character that no journal keeps"
    if value == "":
        return "" if default == "" else "is empty"
    if name in ("name", "scheme") and not is_name(value):
        return f"is {_short(value)}: use lower-case letters, digits and `-`"
    if name in _DOTTED and not is_dotted(value):
        return f"is {_short(value)}, not of the form `module:attribute`"
    if name in _MODULES and not is_module(value):
        return f"is {_short(value)}, not the name of a module"
    return ""


def _together(record: object) -> str:
    if isinstance(record, Policy) and bool(record.stages) == bool(record.decide):
        return "Policy names both or neither of `stages` and `decide`; name exactly one"
    if isinstance(record, Unit) and record.factor < 1:
        return f"Unit.factor is {record.factor}; it must be at least 1"
    return ""


def key_of(record: Any) -> str:
    """The name under which a record is unique among all plugins."""
    return str(record.scheme if isinstance(record, Store) else record.name)


def command_fault(plugin: str, records: list[Command]) -> str:
    """A plugin owns exactly one command name: its own."""
    wrong = [record.name for record in records if record.name != plugin]
    if wrong:
        return f"it offers the command `{wrong[0]}`, but owns only the name `{plugin}`"
    return f"it offers the command `{plugin}` {len(records)} times" if len(records) > 1 else ""


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
