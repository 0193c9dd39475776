"""`shanyrak`: find the command, run it, and turn what went wrong into one line and an exit code.

0 good, 1 the work waited for failed, 2 usage, 3 plugin failed, 4 refused, 5 engine error, 6 not fit to start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from shanyrak import __version__
from shanyrak.cli.frame import Frame
from shanyrak.cli.lazy import LazyGroup
from shanyrak.cli.mishaps import BROKEN_PIPE, INTERRUPTED, debugging, drain, explained, hush, say

NAME = "shanyrak"


@click.group(
    cls=LazyGroup,
    name=NAME,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 good, 1 the work waited for failed, 2 usage, 3 plugin failed, 4 refused, "
    "5 engine error, 6 not fit to start.",
)
@click.option(
    "-C",
    "folder",
    metavar="DIR",
    help="The workspace. Else $SHANYRAK_DIR, else the nearest commons.toml.",
    is_eager=True,  # so that it counts for --help too
    expose_value=False,
    callback=lambda ctx, param, value: setattr(ctx.ensure_object(Frame), "given", value),
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def shanyrak() -> None:
    """Share one AI supercomputer: grants, admission, policy, engines, accounts that balance."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Defects raise."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if f"_{NAME.upper()}_COMPLETE" in os.environ:  # the shell asks for completions
        shanyrak.main(given, prog_name=NAME)
    try:
        code = _invoke(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        hush()
        return BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except Exception as error:
        told = explained(error)
        if told is None or debugging():
            raise
        line, code = told
        say(line)
        drain()
        return code


def _invoke(arguments: list[str]) -> int:
    try:
        with shanyrak.make_context(NAME, arguments) as ctx:
            answer = shanyrak.invoke(ctx)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else 0
