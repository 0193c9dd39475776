"""`shanyrak plugin ...`: what is installed, in what state and why. Works with every plugin broken."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.output import emit_json, table
from shanyrak.cli.plugin_allow import allow
from shanyrak.cli.plugin_install import install, remove
from shanyrak.cli.plugin_new import new
from shanyrak.errors import PluginProblem, Problem, UsageProblem
from shanyrak.plugins.manager import PluginManager
from shanyrak.plugins.names import did_you_mean

as_json = click.option("--json", "as_json", is_flag=True, help="Print data.")


@click.group()
def plugin() -> None:
    """List, inspect, check, install, remove, enable and disable plugins; begin a new one.

    Beside `[plugins] disabled` in commons.toml, SHANYRAK_PLUGINS_DISABLE=a,b disables these plugins and
    SHANYRAK_PLUGINS=0 all of them. `[plugins] required` names those without which `shanyrak up` refuses to start.
    """


@plugin.command("list")
@as_json
@pass_frame
def list_(frame: Frame, as_json: bool) -> None:
    """List every installed plugin, its state, and why it is not active; `plugin info NAME` and `--json` say all of it."""
    states = [state._asdict() for state in _quiet(frame).states()]
    if as_json:
        emit_json(states)
        return
    for state in states:
        state["words"] = "; ".join(filter(None, (state["reason"] or state["summary"], *state["notes"])))
    table(
        states,
        {
            "name": "NAME",
            "version": "VERSION",
            "state": "STATE",
            "words": "WHAT IT DOES, OR WHY IT DOES NOT",
        },
        empty="No plugin is installed. `pip install shanyrak-local` brings the engine of this machine.",
    )


@plugin.command()
@click.argument("name")
@click.option("--markdown", is_flag=True, help="Print its settings as a table for a page.")
@as_json
@pass_frame
def info(frame: Frame, name: str, markdown: bool, as_json: bool) -> None:
    """Show one plugin: its hooks, what it opens, and the settings it takes."""
    manager = _quiet(frame)
    if markdown:
        from shanyrak.plugins.settings import described
        from shanyrak.plugins.settings import markdown as table_of

        manager.state(name)
        record = manager.record(name)
        click.echo(table_of(described(record)) if record is not None else "", nl=False)
        return
    known = manager.state(name)._asdict()
    known["settings"] = _settings(manager, name)
    if as_json:
        emit_json(known)
        return
    settings = known.pop("settings")
    table(({"key": key, "value": value} for key, value in known.items()), {"key": "PLUGIN", "value": name})
    if settings:
        variable = settings[0]["variable"].removesuffix(settings[0]["key"].upper()) + "KEY"
        click.echo(f"\nSettings, in commons.toml under [plugins.{name}], or in the environment as {variable}:")
        columns = {"key": "KEY", "type": "TYPE", "default": "DEFAULT", "description": "MEANING"}
        table(settings, columns)


@plugin.command()
@click.argument("name", required=False)
@click.option("--quick", is_flag=True, help="Only load it and all it names; leave the conformance kit out.")
@as_json
@pass_frame
def check(frame: Frame, name: str | None, quick: bool, as_json: bool) -> None:
    """Load a plugin and everything it names, and run the conformance kit on it; without NAME, load them all.

    Exit code 3 if something is wrong.
    """
    from shanyrak.plugins import kit
    from shanyrak.plugins.check import check as look

    installed = _installed()
    if name is not None and name not in installed:
        raise _unknown(name, installed)
    answers = look([name] if name is not None else installed, _switches(frame))
    if name is not None and not quick and all(answer.ok for answer in answers):
        lacking = kit.lacking()
        if lacking:
            say(f"the conformance kit was not run: {lacking}; `{kit.HOW}` brings it.")
        else:
            answers += kit.run(name, show=sys.stderr.isatty())
    bad = sorted({answer.plugin for answer in answers if not answer.ok})
    if as_json:
        emit_json([asdict(answer) for answer in answers])
    else:
        rows = [{**asdict(answer), "ok": "ok" if answer.ok else "WRONG"} for answer in answers]
        table(
            rows,
            {"plugin": "PLUGIN", "check": "CHECK", "ok": "", "words": "FOUND"},
            "No plugin is installed.",
        )
    if bad:
        raise PluginProblem(f"{', '.join(bad)}", "the check found something wrong", "see the lines marked WRONG")


@plugin.command()
@click.argument("name")
@pass_frame
def enable(frame: Frame, name: str) -> None:
    """Take a plugin out of `[plugins] disabled` in commons.toml."""
    from shanyrak.config.write import set_disabled

    workspace = frame.workspace()
    changed = set_disabled(workspace, name, False)
    installed = _installed()
    if not changed and name not in installed:
        raise _unknown(name, installed)
    still = "" if changed else " already"
    click.echo(f"{name} is enabled{still} in {workspace}. A controller that runs sees it when it starts again.")
    if name not in installed:
        say(f"plugin {name} is not installed; enabling it does nothing until it is.")


@plugin.command()
@click.argument("name")
@pass_frame
def disable(frame: Frame, name: str) -> None:
    """Put a plugin into `[plugins] disabled` in commons.toml; it is then not even imported."""
    from shanyrak.config.write import set_disabled

    workspace = frame.workspace()
    installed = _installed()
    switches = frame.switches
    if name not in installed and name not in switches.required:
        raise _unknown(name, installed)
    changed = set_disabled(workspace, name, True)
    still = "" if changed else " already"
    click.echo(f"{name} is disabled{still} in {workspace}. A controller that runs sees it when it starts again.")
    if name in switches.required:
        say(f"{name} is in `[plugins] required` too: `shanyrak up` refuses to start until one is changed.")


plugin.add_command(allow)
plugin.add_command(new)
plugin.add_command(install)
plugin.add_command(remove)


def _quiet(frame: Frame) -> PluginManager:
    """The plugins, without a line on stderr for each broken one: the answer tells."""
    return PluginManager(_switches(frame), warn=lambda line: None)


def _switches(frame: Frame) -> Any:
    switches = frame.switches
    if switches.trouble:
        say(f"{switches.trouble}; only the environment switches plugins off now.")
    return switches


def _installed() -> list[str]:
    from shanyrak.plugins.discovery import find

    return [found.name for found in find()]


def _unknown(name: str, installed: list[str]) -> UsageProblem:
    return UsageProblem(
        f"no plugin `{name}` is installed", "", did_you_mean(name, installed) or "see `shanyrak plugin list`"
    )


def _settings(manager: PluginManager, name: str) -> list[dict[str, Any]]:
    """Each key that the plugin takes; one row that says why when its model cannot be read."""
    from shanyrak.plugins.settings import described

    record = manager.record(name)
    try:
        return [one._asdict() for one in described(record)] if record is not None else []
    except Problem as problem:
        return [{"key": "?", "type": "?", "default": None, "description": str(problem), "variable": ""}]
