"""`shanyrak events`, `verify`, `backup`, `restore` and `store`: the journal and its proofs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import counting, emit_json, table, tell, tell_short
from shanyrak.model.quantities import instant_words

SHOWN = 20
"""So many differences are told; `--json` has them all."""


@click.command()
@click.option("--after", default=0, help="Only those with a higher number.")
@click.option("--last", type=click.IntRange(1), help="Only the last so many.")
@as_json
@pass_frame
def events(frame: Frame, after: int, last: int | None, as_json: bool) -> None:
    """Show the journal: every fact about this site, in order, each with its actor; on a terminal one line each, cut."""
    with opened(frame) as site:
        if last:
            after = max(after, site.store_info()["events"] - last)
        found = site.events(after)[-(last or 0) :]
    if as_json:
        emit_json([event.public() for event in found])
        return
    for event in found:
        tell_short(
            f"{event.seq:>6}  {instant_words(event.time)}  {event.actor}  {event.type}  {event.subject}  "
            f"{json.dumps(event.data(), ensure_ascii=False)}"
        )


@click.group(invoke_without_command=True)
@as_json
@pass_frame
@click.pass_context
def verify(context: click.Context, frame: Frame, as_json: bool) -> int:
    """Prove the journal: the file, the chain of hashes, the tables against the events, the account."""
    if context.invoked_subcommand:
        return 0
    from shanyrak.control.proofs import verify as prove

    proofs = prove(frame.workspace(), frame.plugins)
    good = all(proof["holds"] for proof in proofs)
    if as_json:
        emit_json({"holds": good, "proofs": proofs})
    else:
        for proof in proofs:
            click.echo(f"{'holds' if proof['holds'] else 'BROKEN':<7} {proof['proof']}")
            for fault in proof["faults"]:
                tell(f"        {fault}")
    return 0 if good else 6


@verify.command()
@as_json
@pass_frame
def decisions(frame: Frame, as_json: bool) -> int:
    """Take every decision in the journal once more, from the events before it, and compare the plans."""
    from shanyrak.control.decisions import verify_decisions

    with counting("events") as tick:
        found = verify_decisions(frame.workspace(), frame.plugins, tick)
    if as_json:
        emit_json(found)
        return 0 if found["holds"] else 6
    for one in found["differences"][:SHOWN]:
        tell(f"DIFFERS decision {one['seq']} ({one['policy']}, {one['outcome']}): {one['words']}")
    if len(found["differences"]) > SHOWN:
        click.echo(f"        and {len(found['differences']) - SHOWN:,} more: see --json")
    for one in found["not_rerunnable"]:
        tell(f"cannot be taken again: {one['decisions']:,} by {one['policy']}: {one['why']}")
    click.echo(f"{found['same']:,} of {found['decisions']:,} decisions taken again are the same")
    return 0 if found["holds"] else 6


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@pass_frame
def backup(frame: Frame, target: Path) -> None:
    """Copy the journal and commons.toml to FILE (a .tar) while everything goes on; the copy is verified."""
    from shanyrak.control.backup import backup as copy

    with opened(frame) as site:
        seq = copy(site, target)
    click.echo(f"{target} holds the journal up to event {seq}. Secrets and logs are not in it.")


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@pass_frame
def restore(frame: Frame, source: Path, folder: Path) -> None:
    """Bring the workspace in FILE back as DIR, a new folder."""
    from shanyrak.control.backup import restore as bring

    seq = bring(source, folder, tell)
    click.echo(f"{folder} is a workspace again, up to event {seq}.")
    click.echo(f"Next: put its secrets back into {folder / 'secrets'}, then shanyrak -C {folder} verify")


@click.group()
def store() -> None:
    """Show where the journal is kept, or bring it elsewhere."""


@store.command()
@as_json
@pass_frame
def info(frame: Frame, as_json: bool) -> None:
    """Say where the journal is, how large, and which stores there are."""
    with opened(frame) as site:
        found = site.store_info()
    if as_json:
        emit_json(found)
        return
    table(({"key": key, "value": value} for key, value in found.items()), {"key": "STORE", "value": ""})


@store.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@as_json
@pass_frame
def copy_(frame: Frame, source: str, target: str, as_json: bool) -> None:
    """Copy the journal FROM one store TO another, which is empty, and prove the copy. No controller may run meanwhile.

    FROM and TO are written as in [accounts] store: sqlite:journal.db, postgres:dbname=commons schema=site.
    """
    from shanyrak.control.store_copy import copy_store

    copied = copy_store(frame.workspace(), frame.plugins, source, target)
    if as_json:
        emit_json({**copied._asdict(), "store": target})
        return
    click.echo(
        f"{target} holds the journal up to event {copied.events} (hash {copied.hash[:16]}): {copied.rows:,} rows, all"
    )
    click.echo("compared; its chain, its tables and its account hold. What is submitted from now on is not in it.")
    click.echo(f"Next: in [accounts] of commons.toml write  store = {json.dumps(target, ensure_ascii=False)}")
