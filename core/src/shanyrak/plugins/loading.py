"""Turning `"module:attribute"` into the thing it names."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shanyrak.errors import PluginProblem
from shanyrak.plugins.guard import Broken, guarded
from shanyrak.plugins.names import did_you_mean, is_dotted


def load(dotted: str, plugin: str = "") -> Any:
    """Import and return what `dotted` (`module:attribute`) names.

    Raises PluginProblem naming the plugin (the core when empty), the cause and the remedy, whatever the
    import raised, SystemExit included.
    """
    owner = f"plugin {plugin}" if plugin else "core"
    remedy = (
        f"run `shanyrak plugin check {plugin}`, or `shanyrak plugin disable {plugin}`"
        if plugin
        else "install shanyrak again"
    )
    if not is_dotted(dotted):
        raise PluginProblem(owner, f"`{dotted}` is not of the form `module:attribute`", remedy)
    module_name, _, path = dotted.partition(":")
    try:
        with guarded(f"`{module_name}` cannot be imported"):
            thing: Any = import_module(module_name)
    except Broken as broken:
        raise PluginProblem(owner, str(broken), remedy) from broken.__cause__
    for part in path.split("."):
        try:
            with guarded(f"`{dotted}` cannot be read"):
                thing = getattr(thing, part)
        except Broken as broken:
            if isinstance(broken.__cause__, AttributeError):
                guess = did_you_mean(part, [n for n in vars(thing) if not n.startswith("_")])
                why = f"`{module_name}` has no `{path}`" + (f" ({guess})" if guess else "")
                raise PluginProblem(owner, why, remedy) from None
            raise PluginProblem(owner, str(broken), remedy) from broken.__cause__
    return thing
