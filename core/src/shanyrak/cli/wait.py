"""`shanyrak wait`: until work has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.mishaps import say
from shanyrak.cli.opened import opened, parsed

if TYPE_CHECKING:
    from shanyrak.control.site import Site


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 2**53))
@click.option("--timeout", help="Give up waiting after this time, with exit code 1.")
@pass_frame
def wait(frame: Frame, ids: tuple[int, ...], timeout: str | None) -> int:
    """Wait until work ID has ended. Exit code 0 when all is done, 1 when any failed."""
    from shanyrak.model.quantities import duration_ms

    limit = parsed("--timeout", duration_ms, timeout) if timeout else None
    with opened(frame) as site:
        return wait_for(site, ids, limit)


def wait_for(site: Site, ids: Sequence[int], limit_ms: int | None) -> int:
    """Poll the journal until all have ended; say how each ended; 0 when all are done, else 1."""
    from shanyrak.control.reports import state_of
    from shanyrak.control.why import controller_words
    from shanyrak.model import states

    until = None if limit_ms is None else time.monotonic() + limit_ms / 1000
    left, failed, warned = list(dict.fromkeys(ids)), False, False
    while True:
        with site.journal.read() as rows:
            now = {id_: state_of(rows, id_) for id_ in left}
        for id_, (state, reason, words, _) in now.items():
            if state in states.ENDED:
                left.remove(id_)
                failed |= state != states.DONE
                say(f"workload {id_} is {state} ({reason}): {words}")
        if not left:
            return int(failed)
        if until is not None and time.monotonic() >= until:
            say(f"still not ended: {', '.join(map(str, left))}")
            return 1
        if not warned and (words := controller_words(site)).startswith("no "):
            say(words)
        warned = True
        time.sleep(0.1)
