"""The plot of waits as distributions: for each group of work and each policy, from who waits least to who waits most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from shanyrak.api import Ints

from shanyrak_rehearse.figures import quantile
from shanyrak_rehearse.page.svg import Scale, bar, by_log, element, line, picture, text
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.words import percent, span
from shanyrak_rehearse.work import Work

WIDTH, LEFT, RIGHT = 1000, 190, 96
_ROW, _GAP, _HEAD = 15, 16, 30
_MARKS = ((0, "0"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (6 * 3600, "6 h"), (86_400, "1 d"), (4 * 86_400, "4 d"),
          (14 * 86_400, "14 d"), (60 * 86_400, "60 d"), (365 * 86_400, "1 y"), (1e9, "32 y"))  # fmt: skip
_AT_ONCE = 60_000


def strips(work: Work, played: Sequence[Played], index: Ints, names: Sequence[str], chosen: Sequence[int]) -> str:
    """A row for each group number of `chosen` and each policy."""
    submit = work.of(work.past.submit)
    waits = [np.where(one.start >= 0, one.start - submit, -1) for one in played]
    rows = []
    for number in chosen:
        mine = np.flatnonzero(index == number)
        rows.append((names[number] if number >= 0 else "unknown", len(mine), [_sorted(wait[mine]) for wait in waits]))
    top = max((float(wait[-1]) / 1000 for _, _, those in rows for wait in those if len(wait)), default=60.0)
    x = by_log(top, LEFT, WIDTH - RIGHT)
    height = _HEAD + len(rows) * (len(played) * _ROW + _GAP)
    parts = [text(WIDTH - RIGHT + 12, 14, "start at once", "tick")]
    for at, words in _MARKS:
        if at <= top * 1.02 or at == 0:
            parts += [line(x(at), _HEAD - 8, x(at), height - 4, "grid"), text(x(at), 14, words, "tick", "middle")]
    y = float(_HEAD)
    for name, jobs, those in rows:
        middle = y + len(played) * _ROW / 2
        shown = name if len(name) <= 20 else name[:19] + "…"
        parts += [text(0, middle + 1, shown, "label"), text(LEFT - 14, middle + 1, f"{jobs:,}", "tick", "end")]
        for number, (one, wait) in enumerate(zip(played, those, strict=True)):
            parts += _strip(x, y, number, f"{name}, {one.policy.name}", wait)
            y += _ROW
        y += _GAP
    return picture(WIDTH, height, parts, "Waits by group of work and policy, as distributions on a logarithmic axis")


def _sorted(wait: Ints) -> Ints:
    return np.sort(wait[wait >= 0])


def _strip(x: Scale, y: float, number: int, name: str, wait: Ints) -> list[str]:
    """Thin: 5 to 95 of 100. Thick: 25 to 75. Dot: the median."""
    if not len(wait):
        return [text(LEFT, y + 11, "none started", "tick")]
    low, quarter, half, three, high = (quantile(wait, part) / 1000 for part in (0.05, 0.25, 0.5, 0.75, 0.95))
    at_once = float(np.count_nonzero(wait < _AT_ONCE)) / len(wait)
    words = f"{name}: half wait {span(half)} or less, 75 of 100 {span(three)}, 95 of 100 {span(high)}"
    centre = y + _ROW / 2
    return [
        bar(x(low), centre - 1.5, x(high) - x(low), 3, f"fill p{number} faint", words),
        bar(x(quarter), centre - 4.5, x(three) - x(quarter), 9, f"fill p{number}", words),
        element("circle", element("title", words), cx=float(x(half)), cy=centre, r=4.2, class_=f"dot p{number}"),
        text(WIDTH - RIGHT + 12, centre + 4, percent(at_once), f"tick p{number}"),
    ]
