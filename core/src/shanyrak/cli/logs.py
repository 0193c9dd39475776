"""`shanyrak logs`: what work printed."""

from __future__ import annotations

import sys
import time

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import opened, work_id

CHUNK = 1 << 20


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

    stream, at = "stderr" if err else "stdout", -tail if tail else 0
    with opened(frame) as site:
        while True:
            with site.journal.read() as rows:
                ended = state_of(rows, id_)[0] in states.ENDED
            try:
                part = site.logs(id_, stream, task, at, CHUNK)
            except UsageProblem:
                if ended or not follow:
                    raise
                part = b""
            while part:
                sys.stdout.buffer.write(part)
                at = len(part) if at < 0 else at + len(part)
                part = site.logs(id_, stream, task, at, CHUNK) if len(part) == CHUNK else b""
            sys.stdout.buffer.flush()
            if ended or not follow:
                return
            time.sleep(0.2)
