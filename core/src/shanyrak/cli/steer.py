"""`shanyrak stop`, `hold` and `release`."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import opened

ids = click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 2**53))


@click.command()
@ids
@pass_frame
def stop(frame: Frame, ids: tuple[int, ...]) -> None:
    """Stop work ID: what waits is cancelled, what runs is ended with all its processes."""
    with opened(frame) as site:
        for id_ in ids:
            click.echo(f"Workload {id_} is {site.stop(id_)}.")


@click.command()
@ids
@pass_frame
def hold(frame: Frame, ids: tuple[int, ...]) -> None:
    """Keep work ID from starting; what runs goes on."""
    with opened(frame) as site:
        for id_ in ids:
            state = site.hold(id_)
            click.echo(f"Workload {id_} is held.")
            if state != "queued":
                say(f"workload {id_} is {state}: what runs goes on")


@click.command()
@ids
@pass_frame
def release(frame: Frame, ids: tuple[int, ...]) -> None:
    """Let held work ID start again."""
    with opened(frame) as site:
        for id_ in ids:
            site.release(id_)
            click.echo(f"Workload {id_} is released.")
