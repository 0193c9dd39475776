"""Throw-away distributions: a plugin as it would be installed, written into a folder of a test."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

HEAD = """
from shanyrak.api import Command, Engine, EngineRecord, Meter, Plugin, Policy, Refusal, Service, Store, Unit
from shanyrak.api import hookimpl, hookspec
"""
"""What `write_plugin` puts before the source of an entry-point module."""


def write_distribution(
    folder: Path, distribution: str, entries: dict[str, str], modules: dict[str, str], version: str = "1.0"
) -> None:
    """Write `*.dist-info` with these entry points (name -> module), each module (name -> source), and the RECORD of them.

    It is installed for a process that has `folder` on its import path. A dotted module name makes packages.
    """
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entries.items())
    (info / "entry_points.txt").write_text(f"[shanyrak.plugins]\n{lines}")
    written = [info / "METADATA", info / "entry_points.txt"]
    for name, source in modules.items():
        *packages, last = name.split(".")
        place = folder
        for package in packages:
            place = place / package
            place.mkdir(exist_ok=True)
            (place / "__init__.py").touch()
            written.append(place / "__init__.py")
        (place / f"{last}.py").write_text(dedent(source))
        written.append(place / f"{last}.py")
    record(folder, info, written)


def record(folder: Path, info: Path, files: list[Path]) -> None:
    """Write the RECORD of a distribution: the path, hash and size of each of its files."""
    lines = []
    for file in dict.fromkeys(files):
        digest = urlsafe_b64encode(sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{file.relative_to(folder)},sha256={digest},{file.stat().st_size}\n")
    lines.append(f"{info.name}/RECORD,,\n")
    (info / "RECORD").write_text("".join(lines))


def write_plugin(
    folder: Path,
    name: str,
    source: str = "",
    *,
    record: str | None = None,
    more: dict[str, str] | None = None,
) -> str:
    """Write the plugin `name` as the distribution `x-NAME` and return its entry-point module, `x_NAME`.

    `source` is what its entry-point module holds below the imports and the record; `record` is the line of
    the record itself, when it is not to be an ordinary one; `more` are further modules.
    """
    module = "x_" + name.replace("-", "_")
    if record is None:
        record = f"PLUGIN = Plugin({name!r}, '1', 'The plugin {name}.')"
    head = f"{HEAD}\n{record}\n"
    write_distribution(folder, f"x-{name}", {name: module}, {module: head + dedent(source), **(more or {})})
    return module


def command_source(name: str) -> tuple[str, dict[str, str]]:
    """Source of a plugin's hook for one command, and the module with a click command that prints its name."""
    module = f"x_{name.replace('-', '_')}_command"
    hook = f"""
@hookimpl
def shanyrak_commands():
    return [Command({name!r}, 'Say the name {name}.', {module + ":say"!r})]
"""
    body = f"""
import click

@click.command()
def say():
    '''Say the name {name}.'''
    click.echo('this is {name}')
"""
    return hook, {module: body}
