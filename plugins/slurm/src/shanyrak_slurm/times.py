"""Slurm's times, and its lists of places in an array."""

from __future__ import annotations

from datetime import UTC, datetime


def ms(text: str) -> int:
    """`2026-11-25T18:00:00` (UTC) as ms since the epoch; 0 for N/A, Unknown and the like."""
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0


def duration(text: str) -> int:
    """`1-02:03:04` or `3:04` in ms; 0 for INVALID and the like."""
    days, _, clock = text.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in (days or "0", *parts)):
        return 0
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return (int(days or 0) * 86_400 + seconds) * 1000


def limit(walltime_ms: int) -> str:
    """A walltime as the limit that Slurm gets: whole minutes, and one more, since our own deadline is the exact one."""
    return str(-(-walltime_ms // 60_000) + 1)


def places(text: str) -> list[int]:
    """`0-3,7,9-11:2%4` as the places it names. Raises ValueError for anything else."""
    found: list[int] = []
    for part in text.strip("[]").partition("%")[0].split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1, int(step or 1))
    return found
