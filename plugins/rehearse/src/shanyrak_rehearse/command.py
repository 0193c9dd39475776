"""`shanyrak rehearse`: past work through policies, side by side."""

from __future__ import annotations

import os
from pathlib import Path

import click
from shanyrak.api import Frame, pass_frame


@click.command()
@click.argument("traces", metavar="[TRACE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--journal", is_flag=True, help="This site's own past work in place of a trace, and what waits and runs now."
)
@click.option("--policy", "policies", multiple=True, metavar="P", help="A policy; several are compared with the first.")
@click.option("--nodes", metavar="64x8", help="The machine: so many nodes of so many units.")
@click.option("--pool", type=click.IntRange(1, 10_000_000), metavar="512", help="The machine: units without nodes.")
@click.option(
    "--procs-per-unit",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Processors of the trace that are one unit.",
)
@click.option(
    "--estimates",
    default="given",
    show_default=True,
    metavar="given|exact|xN",
    help="Walltimes: as asked for, as it ran, or N times that.",
)
@click.option(
    "--events",
    type=click.Choice(["batch", "single"]),
    default="batch",
    show_default=True,
    help="What happens at one instant: together, or one by one.",
)
@click.option(
    "--promises",
    type=click.Choice(["off", "site"]),
    help="Keep start promises as the site does, or make none. Default: off; with --journal: site.",
)
@click.option(
    "--clean",
    type=click.Choice(["archive", "none"]),
    default="archive",
    show_default=True,
    help="Leave out what cannot be rehearsed, counted by cause, or refuse the trace.",
)
@click.option("--schedule", type=click.Path(path_type=Path), metavar="FILE", help="Write job, start, end as CSV.")
@click.option("--timing", is_flag=True, help="Tell the speed too; the report then differs from run to run.")
@click.option("--json", "as_json", is_flag=True, help="Print data.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one page with plots.")
@pass_frame
def rehearse(
    frame: Frame, traces: tuple[Path, ...], journal: bool, policies: tuple[str, ...], nodes: str | None, pool: int | None,
    procs_per_unit: int, estimates: str, events: str, promises: str | None, clean: str, schedule: Path | None,
    timing: bool, as_json: bool, html: Path | None,
) -> None:  # fmt: skip
    """Run the past work of TRACE through policies, with the code that decides live, and tell who waits how long.

    TRACE is a file in Standard Workload Format, a CSV with headings, or what `sacct --parsable2` prints; several are
    taken together. Within a workspace its sectors, classes and settings of policies hold, by name. With --journal the active
    policy is always the first.
    """
    from shanyrak.api import UsageProblem, emit_json, tell

    from shanyrak_rehearse.page import COLOURS
    from shanyrak_rehearse.request import Request, rehearsed

    request = Request(
        traces, journal, policies, nodes, pool, procs_per_unit, estimates, events, promises, clean, timing
    )  # fmt: skip
    for option, file in (("--schedule", schedule), ("--html", html)):
        if file is not None and not os.access(file if file.exists() else file.parent, os.W_OK):
            raise UsageProblem(f"{option} {file}", "it cannot be written", "choose a file in a folder that is there")
    if html is not None and len(set(policies)) > COLOURS:
        raise UsageProblem(f"--html {html}", f"a page compares at most {COLOURS} policies", "leave some out")
    done = rehearsed(frame, request)
    if done.work is not None and schedule is not None:
        from shanyrak_rehearse.schedule import write

        write(done.work, done.played, schedule)
    if done.work is not None and html is not None:
        from shanyrak_rehearse.page.write import write_page

        write_page(html, done.document, done.work, done.played)
    if done.work is None and (schedule or html):
        raise UsageProblem("--schedule and --html", "no work has ended here yet", "they need past work")
    if as_json:
        emit_json(done.document)
        return
    from shanyrak_rehearse.show import show

    show(done.document)
    if html is not None:
        tell(f"The page is {html}.")
