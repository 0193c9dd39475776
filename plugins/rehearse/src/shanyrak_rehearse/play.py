"""One policy over work: the core's own virtual clock, mirror and `decide`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from shanyrak.api import Arrivals, Ints, Log, Mirror, Params, PluginProblem, Problem, replay

from shanyrak_rehearse.choosing import Chosen
from shanyrak_rehearse.work import Work

_WARM = 200
Tick = Callable[[int, int], None]
"""Called now and then with (jobs done, virtual time)."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of the work. Attempts are in order of their start; jobs are places in `Work`, from 0."""

    policy: Chosen
    job: Ints
    at: Ints
    end: Ints
    promise: Ints
    """What the attempt was promised, 0 for nothing."""
    stopped_for: Ints
    """The place of the job it was stopped for, -1: it ran to its end."""
    start: Ints
    """Of each job: when the attempt that ran to its end began; -1 when none did."""
    over: Ints
    """Of each job: when it ended; -1 when it did not."""
    given: int
    rounds: int
    skipped: int
    seconds: float
    without: Played | None = None
    """The same with promises off, where any was given: what they cost."""

    @property
    def jobs_per_second(self) -> float:
        return len(self.start) / max(self.seconds, 1e-9)


def play(
    work: Work, policy: Chosen, params: Params, single: bool, tick: Tick | None = None, measured: bool = False
) -> Played:
    """Run all of it. Raises PluginProblem, naming the plugin, when the policy fails.

    `measured`: run a little of it before, so that `seconds` does not count what a compiler takes the first time.
    """
    mirror, arrivals = work.mirror(int(params["half_life"])), work.arrivals()
    if measured:
        forward(mirror.copy(), policy, params, 0, _first(arrivals), single, None)
    began = time.perf_counter()
    log = forward(mirror, policy, params, 0, arrivals, single, tick)
    seconds = time.perf_counter() - began
    job = log.job - 1
    start, over = np.full(len(work), -1, np.int64), np.full(len(work), -1, np.int64)
    whole = log.stopped_for == 0
    start[job[whole]], over[job[whole]] = log.at[whole], log.end[whole]
    return Played(
        policy, job, log.at, log.end, log.promise, np.where(whole, -1, log.stopped_for - 1), start, over,
        log.given, log.rounds, log.skipped, seconds,
    )  # fmt: skip


def _first(arrivals: Arrivals) -> Arrivals:
    """Enough of the work to have each loop compiled or loaded."""
    columns = {one.name: getattr(arrivals, one.name) for one in fields(arrivals)}
    return replace(arrivals, **{name: column[:_WARM] for name, column in columns.items() if column is not None})


def forward(
    mirror: Mirror, policy: Chosen, params: Params, now: int, arrivals: Arrivals, single: bool, tick: Tick | None
) -> Log:
    """The virtual clock; what a policy raises names it. `mirror` is used up."""
    try:
        return replay(mirror, policy.decide, params, now, arrivals, single=single, progress=tick)
    except Problem:
        raise
    except Exception as error:
        raise PluginProblem(
            f"policy {policy.name}" + (f" of plugin {policy.plugin}" if policy.plugin else ""),
            f"it failed on this work ({type(error).__name__}: {error})",
            "SHANYRAK_DEBUG=1 shows where; tell its author",
        ) from error
