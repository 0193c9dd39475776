"""`shanyrak run`: submit work, from flags or a TOML file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import as_json, opened
from shanyrak.cli.output import emit_json
from shanyrak.errors import RefusedProblem, UsageProblem

REFUSED = RefusedProblem.exit_code


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("command", metavar="-- CMD ...", nargs=-1, type=click.UNPROCESSED)
@click.option("--project", help="The project that pays.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path), help="A TOML file with the request; flags win over it."
)
@click.option("--name", help="A name for people.")
@click.option("--pool", help="Run in this pool only.")
@click.option("--class", "class", help="Its service class; default: batch.")
@click.option("--gpus", type=int, help="GPUs a node.")
@click.option("--cpus", type=int, help="CPUs a node.")
@click.option("--mem", help="Memory a node, such as 4G.")
@click.option("--width", type=int, help="Nodes, all at once.")
@click.option("--walltime", help="The longest it may run: 90s, 10m, 1:30:00, 2h, 7d.")
@click.option("--min-runtime", help="Not stopped for other work before it has run so long.")
@click.option("--checkpoint-every", help="It saves its state so often; not stopped before it did so once.")
@click.option("--array", help="Tasks, such as 0-99 or 0-99%8 (at most 8 at once).")
@click.option("--after", type=int, multiple=True, metavar="ID", help="Start when this is done (may be repeated).")
@click.option("--key", help="The same key twice is the same workload.")
@click.option("--env", multiple=True, metavar="A=B", help="A variable for the job; it inherits none (may be repeated).")
@click.option("--secret", multiple=True, metavar="NAME", help="A file in DIR/secrets, as a variable (may be repeated).")
@click.option("--cwd", help="Its working folder; default: this one.")
@click.option("--output", multiple=True, metavar="PATH", help="Another path it may write (may be repeated).")
@click.option("--network", is_flag=True, default=None, help="Let it reach the network.")
@click.option("--term", help="Give up when it has not started within this time.")
@click.option("--tries", type=int, help="Attempts in all when the infrastructure fails.")
@click.option("--wait", "wait_", is_flag=True, help="Wait for its end; exit code 1 when it fails.")
@as_json
@pass_frame
def run(
    frame: Frame,
    /,
    command: tuple[str, ...],
    file: Path | None,
    env: tuple[str, ...],
    secret: tuple[str, ...],
    output: tuple[str, ...],
    tries: int | None,
    wait_: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Submit a command for a project. Prints its id; what that costs, or why it is refused, goes to stderr."""
    data: dict[str, Any] = read_spec(file) if file else {}
    data |= {name: value for name, value in flags.items() if value not in (None, ())}
    if command:
        data["command"] = list(command)
    if env:
        data["env"] = {**data.get("env", {}), **dict(_pair(one) for one in env)}
    if secret:
        data["secrets"] = [*data.get("secrets", []), *secret]
    if output:
        data["outputs"] = [*data.get("outputs", []), *output]
    if tries is not None:
        data["retry"] = {**data.get("retry", {}), "tries": tries}
    place(data)
    with opened(frame) as site:
        receipt = site.submit(data)
    if as_json:
        emit_json(receipt._asdict())
    else:
        click.echo(receipt.id)
    if receipt.state == "refused":
        nearest = f". What would pass: {receipt.nearest}" if receipt.nearest else ""
        say(f"workload {receipt.id} is refused by rule {receipt.reason}: {receipt.words}{nearest}")
        return REFUSED
    if not as_json:
        known = " (its key was known)" if receipt.existing else ""
        say(
            f"workload {receipt.id} is {receipt.state}{known}: {receipt.words}"
            + (f"; it {receipt.note}" if receipt.note else "")
        )
    if wait_:
        from shanyrak.cli.wait import wait_for

        with opened(frame) as site:
            return wait_for(site, [receipt.id], None)
    return 0


def read_spec(file: Path) -> dict[str, Any]:
    """The request in a TOML file. Raises UsageProblem."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"--file {file}", f"it cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageProblem(f"--file {file}", f"not TOML: {error}", "correct that line") from None


def place(data: dict[str, Any]) -> None:
    """Fill in where the caller stands: the working folder, and the PATH on which the command was meant."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageProblem("the working folder", "it is not there any more", "go to one that is") from None
    cwd = data.get("cwd") or str(here)
    data["cwd"] = _from(here, cwd)
    outputs = data.get("outputs")
    if isinstance(outputs, list):
        data["outputs"] = [_from(here, one) for one in outputs]
    env = data.setdefault("env", {})
    if isinstance(env, dict):
        env.setdefault("PATH", os.environ.get("PATH", os.defpath))


def _from(here: Path, path: Any) -> Any:
    """A path as it is meant here; what cannot be one is left to the check of the request."""
    return str((here / path).resolve()) if isinstance(path, str) and "\0" not in path else path


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageProblem(f"--env {text[:60]!r}", "a variable is written NAME=VALUE")
    return name, value
