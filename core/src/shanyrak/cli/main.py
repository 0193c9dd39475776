"""The console script: start quickly, then hand over to `app`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """What the start makes is kept to the end: searching it for garbage is a tenth of the time of `--help`."""
    gc.disable()
    stand_in()
    try:
        from shanyrak.cli.app import run

        gc.freeze()
        gc.enable()
        code = run()
    except KeyboardInterrupt:  # while still starting
        code = 130
    sys.exit(code)


def stand_in() -> None:
    """A closed stdin, stdout or stderr becomes one that holds nothing, so that no journal is opened in its place."""
    for name, mode in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, mode)  # the lowest that is free: the one that was closed
            setattr(sys, name, os.fdopen(number, "r" if mode == os.O_RDONLY else "w", closefd=False))
