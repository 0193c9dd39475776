"""Why a piece of work waits: one bit for each test it fails, all of them at once."""

from __future__ import annotations

from enum import IntFlag


class Why(IntFlag):
    """The tests. The kernel makes the first group; the second reaches it as `job_block`, set by `control`."""

    GRANT = 1
    """What is left of the project's grants is less than the hold of one task."""
    CAP = 2
    """The account or one above it would pass its cap."""
    FIT = 4
    """Too few nodes of the pool have enough free units now."""
    RESERVATION = 8
    """It would fit, but a start would make a reservation later."""
    WINDOW = 16
    """An operator's window covers nodes it needs, now or before its walltime ends."""
    ORDER = 32
    """The policy is strict and someone ahead waits."""
    TASKS = 64
    """Its own `%N`: as many of its tasks run as may."""
    NODES = 128
    """The pool has too few open nodes of this size: it cannot start as things stand."""

    HOLD = 1 << 16
    """A person held it."""
    AFTER = 1 << 17
    """What it comes after has not ended."""
    PAUSED = 1 << 18
    """The queue, pool or project is paused."""
    BACKOFF = 1 << 19
    """It failed for a cause of the machine's and waits before its next try."""


def names(why: int) -> tuple[str, ...]:
    """The tests in a mask, lowest bit first, as lower-case words: `("grant", "fit")`."""
    return tuple(str(bit.name).lower() for bit in Why if bit & why)
