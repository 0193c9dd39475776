"""Ledger time: never goes back, whatever the wall clock does."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_MS = 5_000
"""A wall clock that moves this much against the monotonic one has been stepped."""


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _monotonic() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Clock:
    """Ledger time = max(wall, last + monotonic time since last), in ms. Both sources are arguments, for tests."""

    def __init__(self, wall: Callable[[], int] = _wall, monotonic: Callable[[], int] = _monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ledger, self._mono, self._seen = 0, monotonic(), wall()
        self._step = 0

    def now(self, last: int = 0) -> int:
        """Ledger time now, at least `last` (the journal's newest)."""
        wall, mono = self._wall(), self._monotonic()
        elapsed = max(0, mono - self._mono)
        self._step += wall - self._seen - elapsed
        self._ledger = max(wall, self._ledger + elapsed, last)
        self._mono, self._seen = mono, wall
        return self._ledger

    def monotonic(self) -> int:
        """Milliseconds that no step touches, for timeouts within one process."""
        return self._monotonic()

    def take_step(self) -> int:
        """By how much the wall clock was stepped since last asked, when that is worth an event; else 0."""
        if abs(self._step) < STEP_MS:
            return 0
        step, self._step = self._step, 0
        return step
