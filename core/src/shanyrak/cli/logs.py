"""`shanyrak logs`: what work printed."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from collections.abc import Callable

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import opened, work_id

CHUNK = 1 << 20
LONGEST = 1 << 60
Read = Callable[[int, int], bytes]
"""(offset, limit) -> bytes of a log."""


@click.command()
@work_id
@click.option("-f", "--follow", is_flag=True, help="Go on until the work has ended.")
@click.option("--err", is_flag=True, help="What it wrote to stderr.")
@click.option("--task", type=click.IntRange(0), help="Of this task of an array.")
@click.option("--tail", type=click.IntRange(1), help="Only the last so many bytes.")
@pass_frame
def logs(frame: Frame, id_: int, follow: bool, err: bool, task: int | None, tail: int | None) -> None:
    """Print what workload ID wrote (its newest attempt)."""
    from shanyrak.control.reports import state_of
    from shanyrak.errors import UsageProblem
    from shanyrak.model import states

    token, at = "", 0
    read: Read | None = None
    with opened(frame) as site:
        while True:
            with site.journal.read() as rows:
                ended = state_of(rows, id_)[0] in states.ENDED
            try:
                newest, reader = site.log(id_, "stderr" if err else "stdout", task)
            except UsageProblem:
                if ended or not follow:
                    raise
            else:
                if newest != token:
                    if read:
                        _print(read, at)  # the last words of the attempt before
                    at = max(0, _length(reader) - tail) if tail and not read else 0
                    token, read = newest, reader
                at = _print(reader, at)
            if ended or not follow:
                return
            time.sleep(0.2)


def _length(read: Read) -> int:
    """Bytes of a log: where the first place is that has none. Its engine does not say how long it is."""
    return bisect_left(range(LONGEST), True, key=lambda at: not read(at, 1))


def _print(read: Read, at: int) -> int:
    """Print what there is from `at` on; where that ends."""
    while part := read(at, CHUNK):
        sys.stdout.buffer.write(part)
        at += len(part)
        if len(part) < CHUNK:
            break
    sys.stdout.buffer.flush()
    return at
