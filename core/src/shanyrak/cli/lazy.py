"""A click group whose commands are records: listed from the records, imported when called."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shanyrak.cli.frame import Frame
from shanyrak.cli.verbs import SECTIONS, VERBS
from shanyrak.errors import PluginProblem, Problem, UsageProblem
from shanyrak.plugins.names import did_you_mean
from shanyrak.records import Command


class LazyGroup(click.Group):
    """The core's verbs, and below them one command for each plugin that has one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *sorted(_of_plugins(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is not None:
            return _loaded(verb, "")
        record = _of_plugins(ctx).get(cmd_name)
        return _loaded(record, cmd_name) if record is not None else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and name.startswith("-"):
            return super().resolve_command(ctx, args)
        if command is None:
            raise _unknown(ctx, name, self.list_commands(ctx))
        if name not in VERBS and not {"-h", "--help"}.isdisjoint(args[1:]):
            _explain_settings(ctx, name, command)
        return name, command, args[1:]

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (Problem, click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise
        except Exception as error:
            plugin = ctx.invoked_subcommand
            if plugin is None or plugin in VERBS:
                raise
            from shanyrak.plugins.guard import one_line

            raise PluginProblem(
                f"plugin {plugin}", one_line(error), "SHANYRAK_DEBUG=1 shows where; tell its author"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in SECTIONS:
            _section(formatter, title, verbs)
        plugins = _of_plugins(ctx)
        _section(formatter, "Plugins", [plugins[name] for name in sorted(plugins)])


def _section(formatter: click.HelpFormatter, title: str, records: Sequence[Command]) -> None:
    if records:
        with formatter.section(title):
            formatter.write_dl([(record.name, record.summary) for record in records])


def _of_plugins(ctx: click.Context) -> dict[str, Command]:
    frame = ctx.ensure_object(Frame)
    return {name: offer.record for name, offer in frame.plugins.commands().items()}


def _explain_settings(ctx: click.Context, plugin: str, command: click.Command) -> None:
    """Let `--help` of a plugin's command say which settings the plugin takes."""
    from shanyrak.plugins.settings import help_text

    record = ctx.ensure_object(Frame).plugins.record(plugin)
    words = help_text(record) if record is not None else ""
    if words:
        command.epilog = f"{command.epilog}\n\n{words}" if command.epilog else words


def _loaded(record: Command, plugin: str) -> click.Command:
    from shanyrak.plugins.loading import load

    command = load(record.target, plugin)
    if not isinstance(command, click.Command):
        raise PluginProblem(
            f"plugin {plugin}" if plugin else "core",
            f"`{record.target}` is a {type(command).__name__}, not a click command",
            f"run `shanyrak plugin check {plugin}`" if plugin else "install shanyrak again",
        )
    return command


def _unknown(ctx: click.Context, name: str, known: list[str]) -> Problem:
    """An unknown name may be that of a plugin which is installed and not active."""
    for state in ctx.ensure_object(Frame).plugins.states():
        if state.name == name and state.state != "active":
            return PluginProblem(f"plugin {name}", f"it is {state.state}: {state.reason}", "see `shanyrak plugin list`")
    return UsageProblem(
        f"no command `{name}`",
        fix=did_you_mean(name, known) or "`shanyrak --help` lists all; a plugin may bring more",
    )
