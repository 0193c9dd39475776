"""`shanyrak pause`, `resume`, `node` and `window`: what an operator does to the whole machine."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened, parsed
from shanyrak.cli.output import emit_json, shortened, table
from shanyrak.model.quantities import instant_words

project = click.argument("project", required=False, default="")
names = click.argument("names", metavar="NODE...", nargs=-1, required=True)


@click.command()
@project
@pass_frame
def pause(frame: Frame, project: str) -> None:
    """Stop starting work, of PROJECT or of all; what runs goes on."""
    with opened(frame) as site:
        site.pause(project, True)
    click.echo(f"{project or 'The site'} is paused. Let it start again: shanyrak resume {project}".rstrip())


@click.command()
@project
@pass_frame
def resume(frame: Frame, project: str) -> None:
    """Start work again, of PROJECT or of all."""
    with opened(frame) as site:
        site.pause(project, False)
    click.echo(f"{project or 'The site'} starts work again.")


@click.group()
def node() -> None:
    """List, drain and bring back nodes."""


@node.command("list")
@as_json
@pass_frame
def list_nodes(frame: Frame, as_json: bool) -> None:
    """List nodes with their units and state."""
    with opened(frame) as site:
        rows = site.nodes()
    if as_json:
        emit_json(rows)
        return
    table(
        rows,
        {
            "node": "NODE",
            "pool": "POOL",
            "unit": "UNIT",
            "units": "UNITS",
            "usable": "USABLE",
            "busy": "BUSY",
            "state": "STATE",
            "reason": "REASON",
        },
    )


@node.command()
@names
@click.option("--reason", default="", help="Why, for those who ask.")
@pass_frame
def drain(frame: Frame, names: tuple[str, ...], reason: str) -> None:
    """Start nothing new on NODE (or on all nodes of a pool); what runs goes on."""
    with opened(frame) as site:
        site.drain(names, reason)
    click.echo(f"{', '.join(names)}: drained. What runs there goes on.")


@node.command("resume")
@names
@pass_frame
def resume_node(frame: Frame, names: tuple[str, ...]) -> None:
    """Use NODE again."""
    with opened(frame) as site:
        site.undrain(names)
    click.echo(f"{', '.join(names)}: in use again.")


@click.group()
def window() -> None:
    """Plan times in which nodes are not used."""


@window.command("add")
@names
@click.option("--from", "start", help="When it begins (2026-12-31T18:00, UTC); default: now.")
@click.option("--until", help="When it ends; default: until it is removed.")
@click.option("--for", "length", help="How long it lasts, instead of --until: 2h, 1d.")
@click.option("--reason", default="", help="Why, for those who ask.")
@pass_frame
def add_window(
    frame: Frame, names: tuple[str, ...], start: str | None, until: str | None, length: str | None, reason: str
) -> None:
    """Keep NODE (or all nodes of a pool) free in this time: work that would reach into it does not start."""
    from shanyrak.errors import UsageProblem
    from shanyrak.model.quantities import duration_ms, instant_ms

    if until and length:
        raise UsageProblem("--for and --until", "both say when the window ends", "give one of them")
    with opened(frame) as site:
        begin = parsed("--from", instant_ms, start) if start else site.journal.now()
        end = parsed("--until", instant_ms, until) if until else 0
        if length:
            end = begin + parsed("--for", duration_ms, length)
        number = site.add_window(names, begin, end, reason)
    click.echo(
        f"Window {number}: {', '.join(names)} from {instant_words(begin)} until {instant_words(end) if end else 'it is removed'}."
    )


@window.command("list")
@as_json
@pass_frame
def list_windows(frame: Frame, as_json: bool) -> None:
    """List windows that are planned or open."""
    with opened(frame) as site:
        rows = site.windows()
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        row["nodes"] = shortened(row["nodes"])
        row["start"], row["until"] = instant_words(row["start"]), instant_words(row["until"])
    table(
        rows,
        {"window": "WINDOW", "nodes": "NODES", "start": "FROM", "until": "UNTIL", "reason": "REASON"},
        empty="No window is planned.",
    )


@window.command("remove")
@click.argument("number", metavar="WINDOW", type=int)
@pass_frame
def remove_window(frame: Frame, number: int) -> None:
    """Take WINDOW back, or end it now."""
    with opened(frame) as site:
        site.remove_window(number)
    click.echo(f"Window {number} is removed.")
