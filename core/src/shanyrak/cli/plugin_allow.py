"""`shanyrak plugin allow`: the lines that allow what is installed now, and nothing else."""

from __future__ import annotations

import json

import click

from shanyrak.cli.mishaps import say
from shanyrak.errors import UsageProblem


@click.command()
@click.argument("names", nargs=-1)
def allow(names: tuple[str, ...]) -> None:
    """Print `allow = [...]` for `[plugins]` of commons.toml: the plugins NAMES (all, if none is named) as they are installed now.

    Each is listed by its distribution, its version and a digest of its files; look at them before you paste it.
    """
    from shanyrak.plugins.allow import identity
    from shanyrak.plugins.discovery import find
    from shanyrak.plugins.guard import Broken, guarded

    found = {one.name: one for one in find()}
    missing = next((name for name in names if name not in found), "")
    if missing:
        raise UsageProblem(f"no plugin `{missing}` is installed", fix="see `shanyrak plugin list`")
    lines = []
    for name in names or found:
        for entry in found[name].entries:
            try:
                with guarded("its metadata cannot be read"):
                    is_ = identity(entry.dist, str(entry.value).partition(":")[0])
            except Broken as broken:
                say(f"{name} is left out: {broken}")
                continue
            if is_.fault:
                say(f"{name} is left out: {is_.fault}")
                continue
            if is_.digest.startswith("editable:"):
                say(f"{name} is editable: whatever is in that folder is allowed")
            lines.append(is_.line)
    click.echo("allow = [" + "".join(f"\n    {json.dumps(line)}," for line in sorted(set(lines))) + "\n]")
