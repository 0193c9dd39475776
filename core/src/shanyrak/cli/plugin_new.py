"""`shanyrak plugin new`: begin a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.errors import UsageProblem


@click.command()
@click.argument("name")
@click.option("--kind", default="", help="What it adds: admission, command, engine, meter, policy, store, ...")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to make shanyrak-NAME.")
@pass_frame
def new(frame: Frame, name: str, kind: str, folder: Path) -> None:
    """Begin a plugin: DIR/shanyrak-NAME, which installs, is listed and passes its own tests as it is."""
    from shanyrak.plugins.kinds import KINDS
    from shanyrak.plugins.new import render

    kinds = {one.name: one for one in KINDS}
    kinds |= {key: offer.record for key, offer in frame.plugins.kinds().items()}
    if not kind:
        raise UsageProblem(
            "--kind is missing", f"there are {', '.join(sorted(kinds))}", "say which the plugin is to be"
        )
    home = folder / f"shanyrak-{name}"
    for path in render(name, kind, kinds, home):
        click.echo(f"made {path}")
    where = home if home.is_absolute() else f"./{home}"
    click.echo(f"\nNext: `shanyrak plugin install {where}`, `shanyrak plugin check {name}`, and `pytest` in {where}.")
