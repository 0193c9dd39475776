"""Several calls of sbatch under way at once: most of the time of each goes to its start and to waiting for slurmctld."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from shanyrak.api import EngineProblem

from shanyrak_slurm.calls import NOT_SENT, Declined, Unreachable
from shanyrak_slurm.jobs import Order, Transport

AT_ONCE = 8


class Skipped(Unreachable):
    """Slurm was not asked, since a call before had no answer."""


def ask(transport: Transport, orders: Sequence[tuple[Order, int]]) -> list[str | EngineProblem]:
    """What became of each (order, not after; see `api.Launch`): Slurm's id, or what went wrong. After the first call
    that Slurm did not answer no other begins: each would wait as long.
    """
    silent = threading.Event()

    def call(order: Order, not_after_ms: int) -> str | EngineProblem:
        if silent.is_set():
            return Skipped("Slurm", "it did not answer")
        if 0 < not_after_ms < time.monotonic() * 1000:
            return Declined("Slurm", "it was asked for too late: another controller may act by now")
        try:
            return transport.submit(order)
        except EngineProblem as problem:
            if not isinstance(problem, Declined):
                silent.set()
            return problem

    if len(orders) == 1:
        return [call(*orders[0])]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda order: call(*order), orders))


def untaken(said: str | EngineProblem) -> bool:
    """Whether Slurm surely has nothing of what was asked."""
    if isinstance(said, str):
        return False
    return not isinstance(said, Unreachable) or isinstance(said, Skipped) or bool(NOT_SENT.search(str(said)))
