"""A plugin's own settings: its table `[plugins.NAME]`, validated by the closed model it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shanyrak.errors import PluginProblem, UsageProblem
from shanyrak.plugins.loading import load
from shanyrak.records import Plugin


def settings_for(plugin: Plugin, table: Mapping[str, Any]) -> Any:
    """An instance of the plugin's model; None when it has none.

    Raises UsageProblem for a wrong table (names the key, "did you mean"), PluginProblem for a wrong model.
    """
    where = f"[plugins.{plugin.name}]"
    if not plugin.settings:
        if table:
            key = next(iter(table))
            raise UsageProblem(f"commons.toml: {where} {key}", "this plugin has no settings", "take the table out")
        return None
    from shanyrak.config.validate import validated

    return validated(settings_model(plugin), table, "commons.toml", where)


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
