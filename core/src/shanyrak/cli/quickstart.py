"""`shanyrak quickstart`: the first run, live on a terminal, and the page at its end."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import as_json
from shanyrak.cli.output import amount, duration, emit_json

if TYPE_CHECKING:
    from shanyrak.quickstart.run import Quickstart, Tick

GLYPH = {"queued": "·", "starting": "▸", "running": "▶", "stopping": "▪", "done": "✓", "failed": "✗", "refused": "⊘",
         "cancelled": "○", "lost": "?", "expired": "○"}  # fmt: skip
COLOUR = {"queued": "dim", "starting": "cyan", "running": "cyan", "done": "green", "failed": "red", "refused": "yellow"}


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Where to make the site; default: a new temporary folder."
)
@as_json
def quickstart(folder: Path | None, as_json: bool) -> int:
    """Make a small site on this machine, run a dozen real programs for five projects, and show the account."""
    from shanyrak.quickstart.run import Quickstart

    first = Quickstart(folder, say)
    try:
        first.prepare()
        screen, tick = _progress(first, as_json)
        with screen:
            first.run(tick)
        found = first.result()
    except BaseException:
        if folder is None:
            first.discard()
        raise
    if as_json:
        emit_json(found)
    else:
        _page(first, found)
    first.site.close()
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
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    live = Live(refresh_per_second=8, transient=True)

    def draw(rows: list[dict[str, Any]]) -> None:
        shown = Table.grid(padding=(0, 2))
        shown.add_row(Text(f"Running real work in {first.folder}", style="bold"))
        grid = Table.grid(padding=(0, 2))
        for row in rows:
            state = Text(f"{GLYPH.get(row['state'], ' ')} {row['state']}", style=COLOUR.get(row["state"], ""))
            grid.add_row(str(row["id"]), row["project"], row["name"], state, _tasks(row))
        shown.add_row(grid)
        ended = sum(row["ended"] is not None for row in rows)
        shown.add_row(Text(f"{ended} of {len(rows)} have ended", style="dim"))
        live.update(shown)

    return live, draw


def _tasks(row: dict[str, Any]) -> str:
    tasks = row.get("tasks")
    if not tasks or row["ended"]:
        return ""
    done = tasks["done"] + tasks["failed"]
    return str("█" * done + "▒" * tasks["running"] + "░" * tasks["waiting"] + f" {done}/{tasks['total']}")


# ---- the page at its end --------------------------------------------------------------------------------------


def _page(first: Quickstart, found: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 110)

    def shown(title: str, columns: list[tuple[str, str]], lines: list[list[Any]]) -> None:
        table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
        for name, justify in columns:
            table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for line in lines:
            table.add_row(*line)
        console.print(table)

    pools = ", ".join(f"{pool.nodes} node of {pool.units} {pool.unit}s" for pool in first.site.commons.pools)
    console.print()
    console.print(Text(f"The first run took {found['seconds']:.0f} s. The facility is this machine: {pools}."))
    console.print()
    _work(first, found, shown)
    _account(first, found, shown)
    total = found["account"]["units"].get("cpu-second", {})
    verdict = "It balances" if found["account"]["balanced"] else "It does NOT balance"
    console.print(Text(f"{verdict}: issued {total.get('issued', 0):,} = used {total.get('used', 0):,} + held "
                       f"{total.get('held', 0):,} + left {total.get('left', 0):,} cpu-seconds."))  # fmt: skip
    console.print()
    console.print(Text("Try next:", style="bold"))
    refused = next((row["id"] for row in found["workloads"] if row["state"] == "refused"), found["workloads"][-1]["id"])
    project = found["workloads"][0]["project"]
    for command, purpose in (
        (f"shanyrak -C {found['workspace']} why {refused}", "why that request was refused, and what would have passed"),
        (f"shanyrak -C {found['workspace']} run --project {project} --walltime 1m --wait -- echo hello",
         "submit work of your own (start `up` in another terminal)"),
        (f"shanyrak -C {found['workspace']} up", "the controller: runs what is submitted until Ctrl-C"),
    ):  # fmt: skip
        console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
        console.print(Text(f"      {purpose}", style="dim"))


def _work(first: Quickstart, found: dict[str, Any], shown: Any) -> None:
    from rich.text import Text

    from shanyrak.quickstart.plan import PROJECTS
    from shanyrak.quickstart.run import outcome_words

    sector = {project.id: project.sector for project in PROJECTS}
    lines = []
    for row in found["workloads"]:
        waited = duration(row["started"] - row["submitted"]) if row["started"] else "-"
        words = row["words"] if row["state"] == "refused" else first.said(row["id"]) or row["words"]
        name = row["name"] + (f" x{row['tasks']['total']}" if "tasks" in row else "")
        lines.append([str(row["id"]), f"{row['project']} ({sector.get(row['project'], '')})", name,
                      Text(outcome_words(row), style=COLOUR.get(row["state"], "")), waited,
                      duration(row["ran_ms"]) if row["started"] else "-", Text(words)])  # fmt: skip
    shown("Who ran what", [("ID", "right"), ("PROJECT", "left"), ("WORK", "left"), ("OUTCOME", "left"), ("WAITED", "right"),
                           ("RAN", "right"), ("WHAT IT FOUND, OR WHY NOT", "left")], lines)  # fmt: skip


def _account(first: Quickstart, found: dict[str, Any], shown: Any) -> None:
    from shanyrak.quickstart.plan import PROJECTS

    lines = []
    for project in PROJECTS:
        pots = found["account"]["projects"].get(project.id, {}).get("cpu-second")
        if pots:
            lines.append([project.organisation, project.sector, project.title,
                          *(amount(pots[pot], "cpu-second") for pot in ("issued", "used", "held", "left"))])  # fmt: skip
    shown("Who got what", [("ORGANISATION", "left"), ("SECTOR", "left"), ("FOR", "left"), ("ISSUED", "right"),
                           ("USED", "right"), ("HELD", "right"), ("LEFT", "right")], lines)  # fmt: skip
