"""Running a plugin's code so that what it raises stays there, while Ctrl-C still ends the command."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any

from shanyrak.errors import Problem


class Broken(Exception):
    """What a plugin raised or answered wrongly, in one line. The cause, if any, is `__cause__`."""


def one_line(error: BaseException) -> str:
    """`ValueError: words`, a `Problem` by its words alone; without line ends or control characters, 300 characters at most."""
    try:
        words = str(error)
    except Exception:
        words = "(its message cannot be shown)"
    told = words if isinstance(error, Problem) else f"{type(error).__name__}: {words}"
    text = " ".join(told.split()).rstrip(": ")
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 300 else text[:297] + "..."


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turn anything raised inside into `Broken("<doing>: <what>")`, even SystemExit.

    A KeyboardInterrupt goes on only if a signal was really received. In the main thread, what a plugin prints goes to
    stderr: stdout belongs to the command's own answer. (Elsewhere it does not: stdout is one for all threads.)
    """
    received: list[int] = []

    def interrupted(number: int, _frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    mine = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, interrupted)
    try:
        with redirect_stdout(sys.stderr) if main else nullcontext():
            yield
    except (Broken, GeneratorExit):
        raise
    except KeyboardInterrupt as error:
        if received or (main and not mine):  # whoever set another handler decides what it means
            raise
        raise Broken(f"{doing}: {one_line(error)}") from error
    except BaseException as error:
        raise Broken(f"{doing}: {one_line(error)}") from error
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
