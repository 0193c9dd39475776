"""Between plugins: does each hook that someone implements exist, and who waits for whom?"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from shanyrak import hookspecs
from shanyrak.plugins.names import hook_prefix, nearest
from shanyrak.plugins.states import ACTIVE, FAILED, WAITING, Judged

_READER = pluggy.PluginManager("shanyrak")

CORE_HOOKS = frozenset(name for name in dir(hookspecs) if _READER.parse_hookspec_opts(hookspecs, name) is not None)


def settle(plugins: Iterable[Judged]) -> None:
    """Sort `active` and `waiting` plugins anew, in place, and fail those with a hook that nobody could open.

    An implementation of a hook whose opener is not active makes its plugin `waiting`, as a whole; marked
    `optionalhook`, it is passed over and the plugin is active. Plugins that implement each other's hooks are
    both active: the largest set that fits is taken.
    """
    known = {plugin.name: plugin for plugin in plugins}
    clashes(known.values())
    for plugin in known.values():
        if plugin.state == WAITING:
            plugin.refuse(ACTIVE, "")
    changed = True
    while changed:
        changed = False
        opened = {hook for p in known.values() if p.state == ACTIVE for hook in p.opens} | CORE_HOOKS
        for plugin in known.values():
            if plugin.state != ACTIVE:
                continue
            for hook, optional in sorted(plugin.hooks.items()):
                if hook in opened:
                    continue
                state, reason = _missing(hook, known)
                if optional and state == WAITING:
                    continue
                plugin.refuse(state, reason)
                changed = True
                break


def clashes(plugins: Iterable[Judged]) -> None:
    """Fail an opener whose hook the core or a plugin before it (by name) has."""
    taken = dict.fromkeys(CORE_HOOKS, "the core")
    for plugin in plugins:
        if plugin.state not in (ACTIVE, WAITING):
            continue
        for hook in plugin.opens:
            if hook in taken:
                plugin.refuse(FAILED, f"it opens `{hook}`, which {taken[hook]} has already")
                break
        else:
            taken.update(dict.fromkeys(plugin.opens, plugin.name))


def idle_hooks(plugin: Judged, plugins: Iterable[Judged]) -> list[str]:
    """The optional hooks of an active plugin that nobody calls now."""
    opened = {hook for p in plugins if p.state == ACTIVE for hook in p.opens} | CORE_HOOKS
    return sorted(hook for hook in plugin.hooks if hook not in opened)


def _missing(hook: str, known: dict[str, Judged]) -> tuple[str, str]:
    """Why nobody opens `hook`: (failed | waiting, reason)."""
    if not hook.startswith("shanyrak_"):
        return FAILED, f"unknown hook `{hook}`: the names of hooks begin with `shanyrak_`"
    owner = _opener(hook, known)
    if owner is not None:
        if owner.state == ACTIVE:
            return (
                FAILED,
                f"unknown hook `{hook}`: the plugin {owner.name} does not open it{_guess(hook, owner.opens)}",
            )
        return WAITING, f"`{hook}` is opened by the plugin {owner.name}, which is {owner.state}"
    close = nearest(hook, CORE_HOOKS)
    likely = close and _alike(hook, close)
    if likely or "_" not in hook.removeprefix("shanyrak_"):
        return FAILED, f"unknown hook `{hook}`{f' (did you mean `{close}`?)' if close else ''}"
    who = hook.removeprefix("shanyrak_").split("_")[0]
    return WAITING, f"no installed plugin opens `{hook}` (by its name, `{who}` would)"


def _opener(hook: str, known: dict[str, Judged]) -> Judged | None:
    """The installed plugin to which the name of `hook` belongs; the longest name wins."""
    fitting = [p for p in known.values() if hook.startswith(hook_prefix(p.name))]
    return max(fitting, key=lambda p: len(p.name), default=None)


def _alike(a: str, b: str) -> bool:
    from difflib import SequenceMatcher

    shared = len("shanyrak_")
    return SequenceMatcher(None, a[shared:], b[shared:]).ratio() > 0.8


def _guess(hook: str, opens: tuple[str, ...]) -> str:
    close = nearest(hook, opens)
    return f" (did you mean `{close}`?)" if close else ""
