"""`shanyrak quickstart`: the first run, live on a terminal, and the page at its end."""

from __future__ import annotations

import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shanyrak.cli.called import called
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import as_json
from shanyrak.cli.output import emit_json
from shanyrak.model.quantities import duration_words

if TYPE_CHECKING:
    from rich.table import Table

    from shanyrak.quickstart.run import Quickstart, Tick

GLYPH = {"queued": "·", "starting": "▸", "running": "▶", "stopping": "▪", "done": "✓", "failed": "✗", "refused": "⊘",
         "cancelled": "○", "lost": "?", "expired": "○"}  # fmt: skip
COLOUR = {"queued": "dim", "starting": "cyan", "running": "cyan", "done": "green", "failed": "red", "refused": "yellow"}


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Where to make the site; default: a new temporary folder."
)
@click.option(
    "--engine",
    metavar="NAME",
    default="local",
    show_default=True,
    help="The engine that runs the work; one of another name is brought up here for the run, and stopped at its end.",
)
@as_json
def quickstart(folder: Path | None, engine: str, as_json: bool) -> int:
    """Make a small site on this machine, run a dozen real programs for five projects, and show the account."""
    from shanyrak.quickstart.run import first_run

    with first_run(folder, engine, say) as first:
        first.prepare()
        screen, tick = _progress(first, as_json)
        with screen:
            first.run(tick)
        found = first.result()
        if as_json:
            emit_json(found)
        else:
            _page(first, found)
    return 0 if found["account"]["balanced"] else 1


# ---- while it runs --------------------------------------------------------------------------------------------


def _progress(first: Quickstart, quiet: bool) -> tuple[AbstractContextManager[Any], Tick]:
    if quiet:
        return nullcontext(), lambda rows: None
    if not sys.stdout.isatty():
        seen: dict[int, str] = {}

        def lines(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                if seen.get(row["id"]) != row["state"] and row["state"] != "starting":
                    seen[row["id"]] = row["state"]
                    click.echo(f"{row['state']:<9} {row['id']:>3}  {row['project']}/{row['name']}")

        click.echo(f"A site in {first.folder}; running {len(first.ids)} workloads of 5 projects.")
        return nullcontext(), lines
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    live = Live(refresh_per_second=8, transient=True)

    def draw(rows: list[dict[str, Any]]) -> None:
        grid = Table.grid(padding=(0, 2))
        for row in rows:
            state = Text(f"{GLYPH.get(row['state'], ' ')} {row['state']}", style=COLOUR.get(row["state"], ""))
            grid.add_row(str(row["id"]), row["project"], row["name"], state, _tasks(row))
        ended = sum(row["ended"] is not None for row in rows)
        live.update(
            Group(
                Text(f"Running real work in {first.folder}", style="bold"),
                grid,
                Text(f"{ended} of {len(rows)} have ended", style="dim"),
            )
        )

    return live, draw


def _tasks(row: dict[str, Any]) -> str:
    tasks = row.get("tasks")
    if not tasks or row["ended"]:
        return ""
    done = tasks["done"] + tasks["failed"]
    return str("█" * done + "▒" * tasks["running"] + "░" * tasks["waiting"] + f" {done}/{tasks['total']}")


# ---- the page at its end --------------------------------------------------------------------------------------

FOUND = 80
"""Characters of a program's last line that the page shows."""


def _page(first: Quickstart, found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    from shanyrak.quickstart.run import HERE

    console = Console(width=min(100, Console().width) if sys.stdout.isatty() else 100)
    pools = ", ".join(f"{pool.nodes} node{'s' * (pool.nodes > 1)} of {pool.units} {pool.unit}s"
                      for pool in first.site.commons.pools)  # fmt: skip
    passing = first.engine != HERE
    facility = f"{first.engine} on this machine, stopped after this page" if passing else "this machine"
    console.print()
    console.print(Text(f"The first run took {found['seconds']:.0f} s. The facility is {facility}: {pools}."))
    console.print()
    console.print(_work(first, found))
    console.print(_account(found))
    total = found["account"]["units"].get("cpu-second", {})
    verdict = "It balances" if found["account"]["balanced"] else "It does NOT balance"
    console.print(Text(f"{verdict}: issued {total.get('issued', 0):,} = used {total.get('used', 0):,} + held "
                       f"{total.get('held', 0):,} + left {total.get('left', 0):,} cpu-seconds."))  # fmt: skip
    console.print()
    console.print(Text("Try next:", style="bold"))
    begin = f"{called()} -C {shlex.quote(found['workspace'])}"
    refused = next((row["id"] for row in found["workloads"] if row["state"] == "refused"), found["workloads"][-1]["id"])
    project = found["workloads"][0]["project"]
    here = [
        ("up", "the controller: runs what is submitted until Ctrl-C (in another terminal)"),
        (f"run --project {project} --walltime 1m --wait -- echo hello", "submit work of your own"),
    ]
    gone = [("account", "the account of every project"), ("verify", "proves the journal and the account")]
    for command, purpose in (
        (f"why {refused}", "why that request was refused, and what would have passed"),
        *(gone if passing else here),
    ):
        console.print(Text(f"  {begin} {command}", style="cyan"), soft_wrap=True)
        console.print(Text(f"      {purpose}", style="dim"))


def _table(title: str, columns: list[tuple[str, str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold", no_wrap=justify == "right")  # type: ignore[arg-type]
    return table


def _work(first: Quickstart, found: dict[str, Any]) -> Table:
    """Each project's work in a group of its own."""
    from textwrap import shorten

    from rich.text import Text

    from shanyrak.quickstart.plan import PROJECTS
    from shanyrak.quickstart.run import outcome_words

    table = _table("Who ran what", [("ID", "right"), ("WORK", "left"), ("OUTCOME", "left"), ("WAITED", "right"),
                                    ("RAN", "right"), ("WHAT IT FOUND, OR WHY NOT", "left")])  # fmt: skip
    for project in PROJECTS:
        table.add_row("", Text(project.id, style="bold"), Text(project.sector, style="dim"), "", "",
                      Text(project.organisation, style="dim"))  # fmt: skip
        mine = [row for row in found["workloads"] if row["project"] == project.id]
        for row in mine:
            words = row["words"]
            if row["state"] != "refused":
                words = shorten(first.said(row["id"]) or words, FOUND, placeholder=" ...")
            name = row["name"] + (f" x{row['tasks']['total']}" if "tasks" in row else "")
            table.add_row(str(row["id"]), f"  {name}", Text(outcome_words(row), style=COLOUR.get(row["state"], "")),
                          duration_words(row["started"] - row["submitted"]) if row["started"] else "-",
                          duration_words(row["ran_ms"]) if row["started"] else "-", Text(words),
                          end_section=row is mine[-1])  # fmt: skip
    return table


def _account(found: dict[str, Any]) -> Table:
    from shanyrak.quickstart.plan import PROJECTS

    pots = ("issued", "used", "held", "left")
    table = _table("Who got what, in cpu-seconds", [("ORGANISATION", "left"), ("SECTOR", "left"),
                                                     *((pot.upper(), "right") for pot in pots)])  # fmt: skip
    for project in PROJECTS:
        mine = found["account"]["projects"].get(project.id, {}).get("cpu-second")
        if mine:
            table.add_row(project.organisation, project.sector, *(f"{mine[pot]:,}" for pot in pots))
    return table
