"""`shanyrak init DIR`: a workspace that describes this machine, or the nodes that are named."""

from __future__ import annotations

from pathlib import Path

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.config.light import DEFAULT_STORE


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--nodes", metavar="NxU", help="N nodes of U units each, such as 64x8, instead of what this machine is.")
@click.option("--unit", type=click.Choice(["gpu", "cpu"]), help="What a unit is; default: gpu where there are GPUs.")
@click.option("--engine", default="local", show_default=True, help="The engine that runs work there.")
@click.option("--store", metavar="URL", default=DEFAULT_STORE, show_default=True, help="Where the journal is kept.")
@pass_frame
def init(frame: Frame, folder: Path, nodes: str | None, unit: str | None, engine: str, store: str) -> None:
    """Make a workspace in DIR: commons.toml, the journal, a folder for secrets."""
    from shanyrak.control.init import make

    site, warnings = make(folder, nodes or "", unit or "", engine, store=store)
    site.close()
    for line in warnings:
        say(line)
    click.echo(
        f"{folder} is a workspace: "
        + ", ".join(f"{pool.nodes} node(s) of {pool.units} {pool.unit}(s)" for pool in site.commons.pools)
        + "."
    )
    click.echo(f"Next: shanyrak -C {folder} project add PROJECT --sector {next(iter(site.commons.sectors))} --org NAME")
