"""`shanyrak policy`: which policy decides, and which others there are."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json, table


@click.group()
def policy() -> None:
    """Show or change the policy that decides what runs next."""


@policy.command("list")
@as_json
@pass_frame
def list_(frame: Frame, as_json: bool) -> None:
    """List policies; the active one is marked."""
    with opened(frame) as site:
        rows = site.policies()
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        row["active"] = "active" if row["active"] else ""
    table(rows, {"name": "POLICY", "version": "VERSION", "plugin": "PLUGIN", "summary": "SUMMARY", "active": ""})


@policy.command()
@click.argument("name")
@pass_frame
def activate(frame: Frame, name: str) -> None:
    """Make policy NAME decide, from the controller's next round on."""
    with opened(frame) as site:
        site.activate_policy(name)
    click.echo(f"Policy {name} is active.")
