"""A plugin's own settings, from its one closed model: the table `[plugins.NAME]`, the variables SHANYRAK_NAME_KEY, and the texts
that explain them.

A variable wins over the file. It is read as TOML reads a value (`2.5`, `true`, `["a", "b"]`), and as text when it is none.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from shanyrak.errors import PluginProblem, UsageProblem
from shanyrak.plugins.loading import load
from shanyrak.plugins.names import did_you_mean
from shanyrak.records import Plugin


class Setting(NamedTuple):
    """One key, as it is explained to people."""

    key: str
    type: str
    default: Any
    description: str
    variable: str


def settings_for(plugin: Plugin, table: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Any:
    """An instance of the plugin's model; None when it has none. `env` are the variables that are this plugin's own.

    Raises UsageProblem for a wrong key or value (names it, "did you mean"), PluginProblem for a wrong model.
    """
    where = f"[plugins.{plugin.name}]"
    if not plugin.settings:
        if table or env:
            key = f"commons.toml: {where} {next(iter(table))}" if table else next(iter(env or ()))
            raise UsageProblem(key, "this plugin has no settings", "take it out")
        return None
    from shanyrak.config.validate import validated

    model = settings_model(plugin)
    made = validated(model, table, "commons.toml", where)
    return _with_variables(plugin, model, table, env) if env else made


def _with_variables(plugin: Plugin, model: Any, table: Mapping[str, Any], env: Mapping[str, str]) -> Any:
    from pydantic import ValidationError

    from shanyrak.config.validate import problem

    names = {variable(plugin.name, key): key for key in model.model_fields}
    unknown = next((name for name in env if name not in names), "")
    if unknown:
        raise UsageProblem(
            unknown, "unknown key", did_you_mean(unknown, names) or f"it may be one of {', '.join(names)}"
        )
    given = {names[name]: _read(text, model.model_fields[names[name]].annotation) for name, text in env.items()}
    try:
        return model.model_validate({**table, **given})
    except ValidationError as error:
        first = problem(model, error, "the environment")
        key = first.what.rpartition(" ")[2].partition("[")[0].partition(".")[0]
        raise UsageProblem(variable(plugin.name, key), first.why, first.fix) from None


def _read(text: str, annotation: Any) -> Any:
    import tomllib

    if annotation is str:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def variable(plugin: str, key: str) -> str:
    """The variable of the environment for one key."""
    return f"{_prefix(plugin)}{key.upper()}"


def _prefix(plugin: str) -> str:
    return f"SHANYRAK_{plugin.replace('-', '_').upper()}_"


def own_variables(plugin: str, plugins: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """The variables meant for `plugin`: of plugins whose names begin alike, the longest name that fits is meant."""
    longer = tuple(
        _prefix(other) for other in plugins if _prefix(other).startswith(_prefix(plugin)) and other != plugin
    )
    return {
        name: value
        for name, value in sorted(env.items())
        if name.startswith(_prefix(plugin)) and not (longer and name.startswith(longer))
    }


def settings_model(plugin: Plugin) -> Any:
    """The model, checked to be a closed pydantic model. Raises PluginProblem."""
    from pydantic import BaseModel

    model = load(plugin.settings, plugin.name)
    remedy = f"tell the author of shanyrak-{plugin.name}"
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginProblem(f"plugin {plugin.name}", f"`{plugin.settings}` is not a pydantic model", remedy)
    if model.model_config.get("extra") != "forbid":
        raise PluginProblem(f"plugin {plugin.name}", f"`{plugin.settings}` is not closed (extra='forbid')", remedy)
    return model


# ---- what people read -----------------------------------------------------------------------------------------


def described(plugin: Plugin) -> list[Setting]:
    """Each key that the plugin takes. Raises PluginProblem when its model cannot be read."""
    if not plugin.settings:
        return []
    return [
        Setting(
            key,
            _type(field.annotation),
            None if field.is_required() else field.get_default(call_default_factory=True),
            field.description or "",
            variable(plugin.name, key),
        )
        for key, field in settings_model(plugin).model_fields.items()
    ]


def markdown(settings: Iterable[Setting]) -> str:
    """The table for a page of the docs."""
    lines = ["| key | means | type | default |", "|---|---|---|---|"]
    for one in settings:
        means = " ".join(one.description.split()).replace("|", "\\|")
        lines.append(f"| `{one.key}` | {means} | {one.type} | {_default(one.default)} |")
    return "\n".join(lines) + "\n"


def help_text(plugin: Plugin) -> str:
    """What `--help` of the plugin's command adds about its settings; empty without any."""
    said = [
        f"  {one.key} ({one.type}, {_default(one.default)}): {' '.join(one.description.split())}"
        for one in described(plugin)
    ]
    head = f"Settings, in [plugins.{plugin.name}] of commons.toml or as {_prefix(plugin.name)}KEY in the environment:"
    return "\n".join(["\b", head, *said]) if said else ""


def _default(value: Any) -> str:
    if value in ("", (), []) or value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(annotation: Any) -> str:
    """`a, b or c`; `list of text`; `number`."""
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    if annotation in words:
        return words[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        *others, last = (str(one) for one in arguments)
        return f"{', '.join(others)} or {last}" if others else last
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    if origin in (list, tuple, set, frozenset) and arguments:
        return f"list of {_type(arguments[0])}"
    return "table" if origin is dict else getattr(annotation, "__name__", str(annotation))
