"""`shanyrak plugin install` and `remove`: say what will change, refuse what would break another plugin, do it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.output import tell
from shanyrak.errors import PluginProblem, RefusedProblem, UsageProblem

if TYPE_CHECKING:
    from shanyrak.plugins.installer import Change

dry_run = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")


@click.command()
@click.argument("what")
@dry_run
@pass_frame
def install(frame: Frame, what: str, dry_run: bool) -> None:
    """Install a plugin: its name (`local` is shanyrak-local), a wheel, an address, or a folder with its source.

    Through the pip or uv of this environment. Refused when it would break an installed plugin. Plugins run with the
    controller's rights: install those you trust.
    """
    from shanyrak.plugins import installer

    by = installer.installer()
    command = by.command("install", *installer.wanted(what))
    say(f"asking {by.name} what would change ...")
    changes = installer.planned(by, what)
    _tell(command, changes, dry_run)
    _refuse_broken(installer.broken_by(changes), what)
    if dry_run or not changes:
        return
    before = installer.states_now()
    installer.do(command, what)
    after = installer.states_now()
    for name, state in after.items():
        if name not in before or state["version"] != before[name]["version"] or _of(state, changes):
            tell(f"{name} {state['version']} is {state['state']}: {state['reason'] or state['summary']}")
    trouble = list(installer.worse(before, after))
    if trouble:
        raise PluginProblem(f"installing {what}", "; ".join(trouble), "take it out again with `shanyrak plugin remove`")


@click.command()
@click.argument("name")
@dry_run
@pass_frame
def remove(frame: Frame, name: str, dry_run: bool) -> None:
    """Remove the distribution of a plugin. Refused when another plugin or this site needs it."""
    from shanyrak.plugins import installer

    states = frame.plugins.states()
    if name not in {state.name for state in states}:
        raise UsageProblem(f"no plugin `{name}` is installed", fix="see `shanyrak plugin list`")
    by = installer.installer()
    change, broken = installer.removal(name, states)
    rest = ["-y"] if by.name == "pip" else []
    command = by.command("uninstall", *rest, change.name)
    _tell(command, [change], dry_run)
    if name in frame.switches.required:
        broken.append("`[plugins] required` of this site names it")
    _refuse_broken(broken, name)
    if dry_run:
        return
    installer.do(command, name)
    tell(f"{name} is removed.")


def _tell(command: Sequence[str], changes: Sequence[Change], dry_run: bool) -> None:
    tell(f"{'Would run' if dry_run else 'Running'}: {shlex.join(command)}")
    for change in changes:
        tell(f"  {change.words()}")
    if not changes:
        tell("  nothing would change" if dry_run else "  nothing changes")


def _refuse_broken(broken: Sequence[str], what: str) -> None:
    if broken:
        raise RefusedProblem(f"{what} is left as it is", "; ".join(broken), "change that first")


def _of(state: dict[str, str], changes: Sequence[Change]) -> bool:
    from shanyrak.plugins.installer import canonical

    return canonical(state["distribution"]) in {change.name for change in changes}
