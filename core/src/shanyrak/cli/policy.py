"""`shanyrak policy`: which policy decides, and which others there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json, table, tell
from shanyrak.model.quantities import instant_words


@click.group()
def policy() -> None:
    """Show or change the policy that decides what runs next."""


@policy.command("list")
@as_json
@pass_frame
def list_(frame: Frame, as_json: bool) -> None:
    """List policies; the active one is marked, and one that waits for a second operator."""
    with opened(frame) as site:
        rows = site.policies()
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        row["state"] = "active" if row["active"] else ""
        if row["proposed"]:
            row["state"] = f"{row['state']} proposed by {row['proposed']['by']}".strip()
    table(rows, {"name": "POLICY", "version": "VERSION", "plugin": "PLUGIN", "summary": "SUMMARY", "state": ""})


@policy.command()
@click.argument("name", required=False, default="")
@as_json
@pass_frame
def show(frame: Frame, name: str, as_json: bool) -> None:
    """Show policy NAME, by default the active one: since when it decides, what it is told, the service classes."""
    with opened(frame) as site:
        found = site.policy(name)
    if as_json:
        emit_json(found)
        return
    tell(f"{found['name']} {found['version']}: {found['summary']}")
    if found["active"]:
        tell(f"It decides, {_since(found['activated'])}.")
    if found["proposed"]:
        one = found["proposed"]
        tell(
            f"It is proposed, by {one['by']} at {instant_words(one['at'])}{_on(one)}, and waits for a second operator."
        )
    tell(f"It {'is' if found['active'] else 'would be'} told, beside what is there and what is asked (times in ms):")
    for key, value in found["params"].items():
        tell(f"  {key} = {value}")
    for row in found["classes"]:
        row["sectors"] = row["sectors"] or "all"
    table(
        found["classes"],
        {"class": "CLASS, LOWEST FIRST", "promise": "PROMISE", "sectors": "FOR SECTORS", "description": "DESCRIPTION"},
    )


def _since(activated: dict[str, Any] | None) -> str:
    if activated is None:
        return "as commons.toml says"
    proposed = f", proposed by {activated['proposed_by']}" if activated["proposed_by"] else ""
    return f"made active by {activated['by']} at {instant_words(activated['at'])}{proposed}{_on(activated)}"


def _on(fact: dict[str, Any]) -> str:
    return f", on a rehearsal (sha256 {fact['rehearsal'][:16]})" if fact["rehearsal"] else ""


@policy.command()
@click.argument("name")
@click.option(
    "--rehearsal",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="The JSON report of its rehearsal, to be recorded.",
)
@pass_frame
def activate(frame: Frame, name: str, rehearsal: Path | None) -> None:
    """Make policy NAME decide, from the controller's next round on. A site may ask two operators to say so."""
    with opened(frame) as site:
        state = site.activate_policy(name, rehearsal)
    if state == "active":
        click.echo(f"Policy {name} is active.")
    else:
        click.echo(f"Policy {name} is proposed. It becomes active when a second operator gives the same command.")
