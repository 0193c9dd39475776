"""Marks on an axis of time: months and days where the trace tells its clock, else days from its begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAY = 86_400.0
_MOST = 8


def marks(origin_ms: int | None, length_s: float) -> list[tuple[float, str]]:
    """(seconds from the begin, words)."""
    if origin_ms is None:
        step = next(one for one in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if length_s / DAY / one <= _MOST)
        return [(step * DAY * i, f"day {step * i}") for i in range(int(length_s / DAY / step) + 1)]
    begin = datetime.fromtimestamp(origin_ms / 1000, UTC)
    end = begin + timedelta(seconds=length_s)
    if length_s < 100 * DAY:
        return _days(begin, end, length_s)
    months = (end.year - begin.year) * 12 + end.month - begin.month
    step = next(one for one in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if months / one <= _MOST)
    out = []
    number = begin.year * 12 + begin.month
    number += -(number - 1) % step
    while (at := datetime((number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)) <= end:
        if at >= begin:
            out.append(((at - begin).total_seconds(), f"{at:%b %Y}"))
        number += step
    return out


def _days(begin: datetime, end: datetime, length_s: float) -> list[tuple[float, str]]:
    step = next(one for one in (0.25, 0.5, 1, 2, 5, 7, 14) if length_s / DAY / one <= _MOST)
    at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    out = []
    while at <= end:
        if at >= begin:
            out.append(((at - begin).total_seconds(), f"{at:%d %b}" if step >= 1 else f"{at:%d %b %H:%M}"))
        at += timedelta(days=step)
    return out
