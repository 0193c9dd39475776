"""From an exception to one line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys

import click

from shanyrak.errors import Problem, UnfitProblem, UsageProblem

USAGE = UsageProblem.exit_code
UNFIT = UnfitProblem.exit_code
INTERRUPTED = 130
BROKEN_PIPE = 141

_REMEDIES = {
    errno.ENOSPC: "make room, then repeat the command; what was acknowledged is safe",
    errno.EDQUOT: "make room in the quota, then repeat the command; what was acknowledged is safe",
    errno.EROFS: "mount it writable, or choose another folder with -C DIR",
    errno.EACCES: "ask its owner for access, or choose another folder with -C DIR",
    errno.EPERM: "ask its owner for access, or choose another folder with -C DIR",
    errno.EIO: "check the disk; `shanyrak verify` proves the journal",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the limit of open files of this machine",
    errno.ESTALE: "the file system went away; mount it again",
}


def debugging() -> bool:
    """SHANYRAK_DEBUG=1: every error keeps its traceback."""
    return os.environ.get("SHANYRAK_DEBUG", "") not in ("", "0")


def explained(error: BaseException) -> tuple[str, int] | None:
    """(line, exit code) of what a person can act on; None: it is a defect, and keeps its traceback."""
    if isinstance(error, Problem):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        return usage_line(error), USAGE
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        what = str(error.filename) if error.filename else "the disk" if error.errno == errno.ENOSPC else "a file"
        return str(UnfitProblem(what, error.strerror or "", _REMEDIES[error.errno])), UNFIT
    return None


def usage_line(error: click.ClickException) -> str:
    """Click's message, what was probably meant, and where help is."""
    message = error.format_message().replace("\n", " ").rstrip(".")
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path.removeprefix("shanyrak ") if ctx is not None else "shanyrak"
    option = getattr(error, "option_name", None)
    if option in ("-C",) and ctx is not None and ctx.parent is not None:
        return f"{path}: -C comes first: `shanyrak -C DIR {path}`."
    if isinstance(option, str) and re.fullmatch(r"-\d.*", option):
        return f"{path}: {option}: a number here is not negative. See `{_help(path)}`."
    message = re.sub(r"is not a valid integer( range)?", "is not a whole number", message)
    close = [str(name) for name in getattr(error, "possibilities", None) or ()]
    if close and "did you mean" not in message.lower():
        message += f". Did you mean {' or '.join(f'`{name}`' for name in close[:2])}?"
    end = "" if message.endswith("?") else "."
    return f"{path}: {message}{end} See `{_help(path)}`."


def _help(path: str) -> str:
    return "shanyrak --help" if path == "shanyrak" else f"shanyrak {path} --help"


def say(line: str) -> None:
    """One line on stderr, free of control characters."""
    clean = "".join(c if c.isprintable() else " " for c in " ".join(line.split()))
    try:
        click.echo(f"shanyrak: {clean.removeprefix('shanyrak: ')}", err=True)
    except OSError:  # nobody listens; the exit code still tells
        pass


def drain() -> None:
    """Before the end: what stdout cannot take now, the interpreter's own last flush shall not try again."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        hush()


def hush() -> None:
    """After a broken pipe: let the interpreter's own last flush go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
