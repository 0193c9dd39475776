"""How far a rehearsal is: a bar with the time left on a terminal, now and then a line elsewhere. On stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shanyrak_rehearse.words import span

Tick = Callable[[int, int], None]
EVERY_S = 10.0


@contextmanager
def progress(jobs: int) -> Iterator[Callable[[str], Tick]]:
    """Gives `begin(policy)`, which gives what is called with (jobs done, virtual time)."""
    if not sys.stderr.isatty():
        yield lambda policy: _Lines(policy, jobs).tick
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    left = TimeRemainingColumn(elapsed_when_finished=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), left)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def begin(policy: str) -> Tick:
            task = bar.add_task(policy, total=jobs)
            return lambda done, now: bar.update(task, completed=done)

        yield begin


class _Lines:
    """A line every ten seconds."""

    def __init__(self, policy: str, jobs: int) -> None:
        self._policy, self._jobs, self._began = policy, jobs, time.monotonic()
        self._said = self._began

    def tick(self, done: int, now: int) -> None:
        moment = time.monotonic()
        if moment - self._said < EVERY_S or 100 * done < self._jobs:  # of less nothing can be told
            return
        self._said = moment
        left = (moment - self._began) * (self._jobs - done) / done
        sys.stderr.write(f"shanyrak: {self._policy}: {done:,} of {self._jobs:,} jobs, about {span(left)} left\n")
