"""The plugin manager: a typed face over pluggy, and the only code that touches `pm.hook`.

Every plugin is called by itself, so that the failure of one is never the failure of another. The set of
registered plugins is rebuilt whenever a verdict changes: a plugin has all its hooks registered or none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import pluggy

from shanyrak import hookspecs
from shanyrak.errors import PluginProblem, UnfitProblem, UsageProblem
from shanyrak.plugins import calls
from shanyrak.plugins.discovery import Found, find
from shanyrak.plugins.guard import Broken
from shanyrak.plugins.judge import judge
from shanyrak.plugins.kinds import KINDS
from shanyrak.plugins.names import did_you_mean
from shanyrak.plugins.record_check import command_fault, key_of
from shanyrak.plugins.settle import idle_hooks, settle
from shanyrak.plugins.states import ACTIVE, DISABLED, FAILED, INCOMPATIBLE, Judged, PluginState, describe
from shanyrak.plugins.switches import Switches
from shanyrak.records import Command, Engine, Kind, Meter, Plugin, Policy, Service, Store, Unit

if TYPE_CHECKING:
    from shanyrak.exchange import Refusal, Request

R = TypeVar("R")

COLLECTED: dict[str, type] = {
    "shanyrak_commands": Command,
    "shanyrak_engines": Engine,
    "shanyrak_policies": Policy,
    "shanyrak_stores": Store,
    "shanyrak_units": Unit,
    "shanyrak_meters": Meter,
    "shanyrak_services": Service,
    "shanyrak_kinds": Kind,
}
"""The hooks of the core whose answers are records."""

TAKEN: dict[str, frozenset[str]] = {
    "shanyrak_stores": frozenset({"sqlite"}),
    "shanyrak_kinds": frozenset(kind.name for kind in KINDS),
}
"""Names of records that the core itself has."""


class Offer(NamedTuple, Generic[R]):
    """A record and the plugin that offers it."""

    plugin: str
    record: R


def warn_on_stderr(line: str) -> None:
    """One line for a person, beside the answer of the command."""
    sys.stderr.write(f"shanyrak: {line}\n")


class PluginManager:
    """Finds, judges and calls plugins. Nothing is imported before the first question that needs it."""

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        finder: Callable[[], list[Found]] = find,
        warn: Callable[[str], None] = warn_on_stderr,
    ) -> None:
        self.switches = switches or Switches()
        self._finder, self._warn = finder, warn
        self._plugins: dict[str, Judged] | None = None
        self._pm = pluggy.PluginManager("shanyrak")
        self._answers: dict[str, list[Offer[Any]]] = {}
        self._missed: dict[str, int] = {}
        self._settings: dict[str, Any] = {}

    # ---- what there is -------------------------------------------------------------------------------------

    def states(self) -> list[PluginState]:
        """Every installed plugin by name, after its records were asked for: nothing broken hides."""
        self.collect_all()
        known = self._load()
        for plugin in known.values():
            if plugin.state == ACTIVE:
                idle = [f"`{hook}` waits for its opener" for hook in idle_hooks(plugin, known.values())]
                plugin.notes = [note for note in plugin.notes if not note.endswith("its opener")] + idle
        return [describe(plugin) for plugin in known.values()]

    def state(self, name: str) -> PluginState:
        """One plugin, or UsageProblem."""
        for state in self.states():
            if state.name == name:
                return state
        raise UsageProblem(
            f"no plugin `{name}` is installed",
            fix=did_you_mean(name, self._load()) or "see `shanyrak plugin list`",
        )

    def record(self, name: str) -> Plugin | None:
        """What a plugin says of itself; None if it did not load."""
        plugin = self._load().get(name)
        return plugin.record if plugin is not None else None

    def records(self, hook: str, name: str) -> list[Any]:
        """What one active plugin gives for a collecting hook of the core."""
        offers: list[Offer[Any]] = self.collect(hook, COLLECTED[hook])
        return [offer.record for offer in offers if offer.plugin == name]

    def opened(self, name: str) -> list[tuple[str, bool]]:
        """The hooks that a plugin opens, and whether each is documented."""
        plugin = self._load()[name]
        return [(hook, bool((getattr(plugin.specs, hook).__doc__ or "").strip())) for hook in plugin.opens]

    def require(self) -> None:
        """UnfitProblem if a plugin that commons.toml requires is not active."""
        if not self.switches.required:
            return
        states = {state.name: state for state in self.states()}
        for name in self.switches.required:
            state = states.get(name)
            if state is None:
                raise UnfitProblem(
                    f"the required plugin {name} is not installed",
                    "`[plugins] required` in commons.toml names it",
                    did_you_mean(name, states) or "install it, or take its name out",
                )
            if state.state != ACTIVE:
                raise UnfitProblem(
                    f"the required plugin {name} is {state.state}",
                    state.reason,
                    f"repair it (`shanyrak plugin check {name}`), or take it out of `[plugins] required`",
                )

    # ---- collect: one that fails is failed as a whole ------------------------------------------------------

    def commands(self) -> dict[str, Offer[Command]]:
        return self._offers("shanyrak_commands")

    def engines(self) -> dict[str, Offer[Engine]]:
        return self._offers("shanyrak_engines")

    def policies(self) -> dict[str, Offer[Policy]]:
        return self._offers("shanyrak_policies")

    def stores(self) -> dict[str, Offer[Store]]:
        """By URL scheme."""
        return self._offers("shanyrak_stores")

    def units(self) -> dict[str, Offer[Unit]]:
        return self._offers("shanyrak_units")

    def meters(self) -> dict[str, Offer[Meter]]:
        return self._offers("shanyrak_meters")

    def services(self) -> dict[str, Offer[Service]]:
        return self._offers("shanyrak_services")

    def kinds(self) -> dict[str, Offer[Kind]]:
        """Kinds of plugins that plugins open; the core's own are in `plugins.kinds`."""
        return self._offers("shanyrak_kinds")

    def engine(self, name: str) -> Offer[Engine]:
        """The engine of that name, or PluginProblem that says which plugin should have offered it."""
        return self._one("engine", name, self.engines())

    def policy(self, name: str) -> Offer[Policy]:
        """The policy of that name, or PluginProblem."""
        return self._one("policy", name, self.policies(), "kernel")

    def store(self, scheme: str) -> Offer[Store]:
        """The store for that URL scheme, or PluginProblem."""
        return self._one("store", scheme, self.stores(), "sqlite")

    def collect(self, hook: str, kind: type[R], **arguments: Any) -> list[Offer[R]]:
        """The records of every plugin for a hook of the core or one that a plugin opened, by plugin.

        Without arguments each plugin is asked once in the life of this manager. Records with a `name` (or
        `scheme`) are unique among plugins: the later plugin, by name, is failed.
        """
        if not arguments and hook in self._answers:
            return self._still_active(self._answers[hook])
        offers: list[Offer[R]] = []
        taken = dict.fromkeys(TAKEN.get(hook, ()), "the core")
        for plugin, function in self._implementations(hook, arguments):
            if not self._is_active(plugin):
                continue
            try:
                records = calls.collect(hook, function, kind)
                self._check_names(plugin, hook, records, taken)
            except Broken as broken:
                self._fail(plugin, FAILED, str(broken))
                continue
            offers += [Offer(plugin, record) for record in records]
        if not arguments:
            self._answers[hook] = offers
        return self._still_active(offers)

    def collect_all(self) -> None:
        """Ask every core hook that gives records, so that a plugin which breaks there is known to."""
        for hook, kind in COLLECTED.items():
            self.collect(hook, kind)

    # ---- decide: one that fails refuses --------------------------------------------------------------------

    def decide_admission(self, request: Request) -> list[Refusal]:
        """All refusals of a request by plugins; empty: none refuses. Never raises for a plugin's fault."""
        hook = "shanyrak_decide_admission"
        if not self._implementations(hook, {"request": request}):
            return []
        shown = replace(request, spec=MappingProxyType(deepcopy(dict(request.spec))))  # theirs to read only
        return self.decide(hook, request=shown)

    def decide(self, hook: str, **arguments: Any) -> list[Refusal]:
        """Ask all; a plugin that raises or answers wrongly refuses under the rule `plugin.NAME`."""
        answers = [calls.decide(hook, function, plugin) for plugin, function in self._implementations(hook, arguments)]
        return [answer for answer in answers if answer is not None]

    # ---- observe: one that fails is counted ----------------------------------------------------------------

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Show a journal event to every plugin. Never raises for a plugin's fault."""
        self.observe("shanyrak_on_event", event=MappingProxyType(dict(event)))

    def observe(self, hook: str, **arguments: Any) -> None:
        """Tell all; failures are counted, and logged the 1st, 2nd, 4th, 8th ... time for each plugin."""
        for plugin, function in self._implementations(hook, arguments):
            wrong = calls.observe(function)
            if wrong:
                count = self._missed[plugin] = self._missed.get(plugin, 0) + 1
                if count & (count - 1) == 0:
                    _log().warning("plugin %s: `%s` failed, %d times so far: %s", plugin, hook, count, wrong)

    def listens(self, hook: str) -> bool:
        """Whether any active plugin implements `hook`."""
        self._load()
        caller = getattr(self._pm.hook, hook, None)
        return bool(caller is not None and caller.get_hookimpls())

    def missed(self) -> dict[str, int]:
        """How often each plugin failed to observe something, in the life of this manager."""
        return dict(self._missed)

    # ---- settings ------------------------------------------------------------------------------------------

    def settings(self, name: str) -> Any:
        """The settings of an active plugin from `[plugins.NAME]` and the environment, validated; None: it has none."""
        from shanyrak.plugins.settings import own_variables, settings_for

        plugin = self._load().get(name)
        if plugin is None or plugin.record is None:
            raise PluginProblem(f"plugin {name}", "it is not installed or did not load", "see `shanyrak plugin list`")
        if name not in self._settings:
            env = own_variables(name, self._load(), self.switches.variables)
            self._settings[name] = settings_for(plugin.record, self.switches.tables.get(name, {}), env)
        return self._settings[name]

    # ---- within --------------------------------------------------------------------------------------------

    def _load(self) -> dict[str, Judged]:
        if self._plugins is None:
            found = self._finder()
            self._plugins = {one.name: self._judge(one) for one in found}
            self._assemble()
            for plugin in self._plugins.values():
                self._tell(plugin)
        return self._plugins

    def _judge(self, found: Found) -> Judged:
        off = self.switches.off(found.name)
        if not off and self.switches.allow is not None:
            from shanyrak.plugins.allow import refusal

            off = refusal(found, self.switches.allow)
        if not off:
            return judge(found)
        judged = Judged(found)
        judged.refuse(DISABLED, off)
        return judged

    def _assemble(self) -> None:
        """Register the active plugins anew, until each that is registered is so with all its hooks."""
        assert self._plugins is not None
        while True:
            settle(self._plugins.values())
            active = [plugin for plugin in self._plugins.values() if plugin.state == ACTIVE]
            manager = pluggy.PluginManager("shanyrak")
            manager.add_hookspecs(hookspecs)
            for plugin in active:
                if plugin.specs is not None:
                    manager.add_hookspecs(plugin.specs)
            if all(_register(manager, plugin) for plugin in active):
                self._pm = manager
                return

    def _fail(self, name: str, state: str, reason: str) -> None:
        known = self._load()
        before = {plugin.name: plugin.state for plugin in known.values()}
        known[name].refuse(state, reason)
        self._assemble()
        for plugin in known.values():
            if plugin.state != before[plugin.name]:
                self._tell(plugin)

    def _tell(self, plugin: Judged) -> None:
        if plugin.state in (FAILED, INCOMPATIBLE):
            self._warn(f"plugin {plugin.name} is {plugin.state}: {plugin.reason}")

    def _is_active(self, name: str) -> bool:
        return self._load()[name].state == ACTIVE

    def _still_active(self, offers: Iterable[Offer[R]]) -> list[Offer[R]]:
        return [offer for offer in offers if self._is_active(offer.plugin)]

    def _implementations(self, hook: str, arguments: dict[str, Any]) -> list[tuple[str, Callable[[], Any]]]:
        """(plugin, bound call) of each active plugin that implements `hook`, by name."""
        self._load()
        caller = getattr(self._pm.hook, hook, None)
        if caller is None:
            return []
        found = [
            (one.plugin_name, partial(self._call, one.plugin_name, one.function, one.argnames, arguments))
            for one in caller.get_hookimpls()
        ]
        return sorted(found, key=lambda pair: pair[0])

    def _call(self, plugin: str, function: Callable[..., Any], names: tuple[str, ...], given: dict[str, Any]) -> Any:
        """One implementation with the arguments it names; `settings`, unless the caller gives them, are its plugin's own."""
        own = {"settings": self.settings(plugin)} if "settings" in names and "settings" not in given else {}
        return function(*[{**own, **given}[name] for name in names])

    def _check_names(self, plugin: str, hook: str, records: list[Any], taken: dict[str, str]) -> None:
        if hook == "shanyrak_commands":
            wrong = command_fault(plugin, records)
            if wrong:
                raise Broken(wrong)
        mine: dict[str, str] = {}
        for record in records:
            if not hasattr(record, "name") and not hasattr(record, "scheme"):
                continue
            key = key_of(record)
            if key in taken or key in mine:
                owner = taken.get(key, "itself, once more")
                raise Broken(f"`{hook}` offers `{key}`, which is offered by {owner} already")
            mine[key] = plugin
        taken.update(mine)

    def _offers(self, hook: str) -> dict[str, Offer[Any]]:
        offers: list[Offer[Any]] = self.collect(hook, COLLECTED[hook])
        return {key_of(offer.record): offer for offer in offers}

    def _one(self, noun: str, name: str, offers: dict[str, Offer[R]], *own: str) -> Offer[R]:
        """The offer of that name; `own` are names that the core knows by itself."""
        if name in offers:
            return offers[name]
        out = {p.name: p for p in self._load().values() if p.state != ACTIVE}
        names = [*own, *sorted(offers)]
        there = (
            f"{'there are' if names[1:] else 'there is'} {', '.join(names)}"
            if names
            else f"no plugin offers any {noun}"
        )
        why = there + (f", and these plugins are not active: {', '.join(sorted(out))}" if out else "")
        if name in out:
            why = f"the plugin {name} is {out[name].state}: {out[name].reason}"
        raise PluginProblem(
            f"no active plugin offers the {noun} `{name}`",
            why,
            did_you_mean(name, offers) or "see `shanyrak plugin list`, or install one that does",
        )


def _register(manager: pluggy.PluginManager, plugin: Judged) -> bool:
    try:
        manager.register(plugin.shown, name=plugin.name)
    except (pluggy.PluginValidationError, ValueError) as error:
        words = " ".join(str(error).strip().splitlines()[-1].split())
        plugin.refuse(FAILED, f"a hook does not fit its specification: {words}")
        return False
    return True


def _log() -> Any:
    from logging import getLogger

    return getLogger("shanyrak.plugins")
