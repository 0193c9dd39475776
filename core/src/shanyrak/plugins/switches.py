"""What a person switched off or requires: `[plugins]` of commons.toml and two environment variables.

- `SHANYRAK_PLUGINS=0` loads no plugin at all;
- `SHANYRAK_PLUGINS_DISABLE=a,b` disables these, beside those in `[plugins] disabled`.

The variables SHANYRAK_NAME_KEY are settings of plugins: they are handed on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

ALL_OFF = "SHANYRAK_PLUGINS"
SOME_OFF = "SHANYRAK_PLUGINS_DISABLE"


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Switches(NamedTuple):
    """What a person decided about plugins. `disabled` and `tables` are keyed by plugin; `disabled` gives the reason in words."""

    disabled: Mapping[str, str] = _NOTHING
    required: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    """The lines of `[plugins] allow`; None: there is no such list, and all that is installed may be loaded."""
    tables: Mapping[str, Any] = _NOTHING
    none: str = ""
    """Why no plugin at all is loaded; empty: they are."""
    variables: Mapping[str, str] = _NOTHING
    """Those of the environment that begin with SHANYRAK_."""
    trouble: str = ""
    """Why the file could not be read, when it could not; then only the environment counts."""

    def off(self, name: str) -> str:
        """Why this plugin is switched off, in words; empty when it is not."""
        return self.none or self.disabled.get(name, "")


def read_switches(workspace: Path | None, env: Mapping[str, str]) -> Switches:
    """Read both places. Never raises: a damaged file leaves the environment, and says so in `trouble`."""
    from shanyrak.config.light import plugin_tables

    tables, trouble = plugin_tables(workspace) if workspace is not None else ({}, "")
    disabled: dict[str, str] = {}
    listed, bad = _names(tables, "disabled")
    trouble = trouble or bad
    for name in listed:
        disabled[name] = "by `[plugins] disabled` in commons.toml"
    for name in env.get(SOME_OFF, "").split(","):
        if name.strip():
            disabled[name.strip()] = f"by {SOME_OFF}"
    required, bad = _names(tables, "required")
    trouble = trouble or bad
    none = f"by {ALL_OFF}={env[ALL_OFF]}" if env.get(ALL_OFF, "").lower() in ("0", "no", "off", "false") else ""
    allow = None
    if "allow" in tables:
        allow, bad = _names(tables, "allow")
        none = none or bad  # what may be loaded is not known, so nothing is
    own = {name: table for name, table in tables.items() if isinstance(table, dict)}
    variables = {name: value for name, value in env.items() if name.startswith("SHANYRAK_")}
    return Switches(disabled, required, allow, own, none, variables, trouble)


def _names(tables: Mapping[str, Any], key: str) -> tuple[tuple[str, ...], str]:
    listed = tables.get(key, [])
    if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
        return tuple(listed), ""
    return (), f"`[plugins] {key}` in commons.toml is not a list of texts"
