"""What a command is held to: it helps, it fails in one line, and never with a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from shanyrak.errors import UsageProblem
from shanyrak.plugins.loading import load
from shanyrak.records import Command
from shanyrak.testing.cli import Cli
from shanyrak.testing.trial import Trial

HOOK = "shanyrak_commands"
CAPABILITIES: dict[str, str] = {}


def commands(record: Command, plugin: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command and all below it, each with the words that call it."""
    waiting: list[tuple[tuple[str, ...], click.Command]] = [((record.name,), load(record.target, plugin))]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                for name in command.list_commands(context):
                    found = command.get_command(context, name)
                    assert found is not None, f"{' '.join(words)} lists `{name}`, which is not there"
                    waiting.append(((*words, name), found))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line in an empty folder."""
    return Cli(tmp_path)


def test_it_is_listed(record: Command, cli: Cli) -> None:
    shown = cli.ok("--help")
    assert record.name in shown and record.summary.split()[0] in shown


def test_every_command_helps(record: Command, trial: Trial, cli: Cli) -> None:
    """Without a workspace, with an explanation of the command and of each option."""
    for words, command in commands(record, trial.name):
        shown = cli.ok(*words, "--help")
        assert "Usage: shanyrak " + " ".join(words) in shown
        assert (command.help or "").strip(), f"{' '.join(words)} says what it does"
        mute = [one.name for one in command.params if isinstance(one, click.Option) and not (one.help or one.hidden)]
        assert mute == [], f"{' '.join(words)}: each option says what it does"


def test_a_wrong_option_is_one_line(record: Command, trial: Trial, cli: Cli) -> None:
    for words, _ in commands(record, trial.name):
        done = cli(*words, "--no-such-option-at-all")
        assert done.returncode == UsageProblem.exit_code
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_without_a_workspace_it_fails_in_one_line_or_works(record: Command, trial: Trial, cli: Cli) -> None:
    for words, command in commands(record, trial.name):
        if isinstance(command, click.Group) or any(one.required for one in command.params):
            continue
        done = cli(*words)
        assert "Traceback" not in done.stderr
        assert done.returncode in range(7), "exit codes are those of the command line"
        assert done.returncode == 0 or len(done.stderr.strip().splitlines()) == 1
