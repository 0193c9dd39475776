"""`shanyrak account`: issued = used + held + left, for each unit and project, proved on every read."""

from __future__ import annotations

from typing import Any

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json, table, tell


@click.group(invoke_without_command=True)
@as_json
@pass_frame
@click.pass_context
def account(ctx: click.Context, frame: Frame, as_json: bool) -> int:
    """Show the account; `account check` proves it entry by entry."""
    if ctx.invoked_subcommand:
        return 0
    with opened(frame) as site:
        found = site.account()
    return show(found, as_json)


@account.command()
@as_json
@pass_frame
def check(frame: Frame, as_json: bool) -> int:
    """Prove the account: entries, balances, holds and charges. Exit code 1 when it does not hold."""
    with opened(frame) as site:
        found = site.check_account()
    return show(found, as_json)


def show(found: dict[str, Any], as_json: bool) -> int:
    """Print an account; gives the exit code."""
    if as_json:
        emit_json(found)
    else:
        lines = [{"of": "all", "unit": unit, **pots} for unit, pots in found["units"].items()]
        lines += [
            {"of": project, "unit": unit, **pots}
            for project, units in found["projects"].items()
            for unit, pots in units.items()
        ]
        for line in lines:
            for pot in ("issued", "used", "held", "left"):
                line[pot] = f"{line[pot]:,}"
        table(
            lines,
            {"of": "ACCOUNT", "unit": "UNIT", "issued": "ISSUED", "used": "USED", "held": "HELD", "left": "LEFT"},
            empty="Nothing has been granted yet.",
        )
        click.echo("It balances: issued = used + held + left." if found["balanced"] else "It does NOT balance:")
        for fault in found["faults"]:
            tell(f"  {fault}")
    return 0 if found["balanced"] else 1
