"""The plot of use and queue over time, all policies in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shanyrak_rehearse.page.calendar import marks
from shanyrak_rehearse.page.series import Floats, in_use, waiting
from shanyrak_rehearse.page.svg import Scale, line, linear, path, picture, round_steps, steps, text
from shanyrak_rehearse.play import Played
from shanyrak_rehearse.work import Work

WIDTH, LEFT, RIGHT = 1000, 64, 8
_STRETCHES = 220
_USE, _QUEUE, _GAP = 130, 190, 52


def over_time(work: Work, played: Sequence[Played]) -> str:
    """Above: units in use. Below: units that waiting work asks for, counted in machines."""
    last = max(int(one.over.max(initial=0)) for one in played)
    edges = np.unique(np.linspace(0, max(last, 1), _STRETCHES + 1).astype(np.int64))
    total = work.machine.total
    use = [in_use(work, one, edges) / total for one in played]
    queue = [waiting(work, one, edges) / total for one in played]
    seconds = (edges / 1000).tolist()
    x = linear(0, seconds[-1], LEFT, WIDTH - RIGHT)
    top, parts = 30, list[str]()
    for words, height, values, share in (
        ("Part of the machine in use", _USE, use, True),
        ("Work that waits, in machines full of it", _QUEUE, queue, False),
    ):
        parts.append(text(0, top - 16, words, "heading"))
        parts += _panel(x, seconds, top, height, values, [one.policy.name for one in played], share)
        top += height + _GAP
    bottom = top - _GAP
    for at, words in marks(work.past.origin, seconds[-1]):
        parts += [line(x(at), bottom, x(at), bottom + 5, "axis"), text(x(at), bottom + 19, words, "tick", "middle")]
    names = ", ".join(one.policy.name for one in played)
    return picture(WIDTH, bottom + 26, parts, f"Use of the machine and length of the queue over time under {names}")


def _panel(
    x: Scale,
    seconds: Sequence[float],
    top: float,
    height: float,
    values: Sequence[Floats],
    names: Sequence[str],
    share: bool,
) -> list[str]:
    high = 1.0 if share else max(float(max(one.max(initial=0.0) for one in values)), 0.01)
    y = linear(0, high, top + height, top)
    parts = []
    for mark in [0.0, 0.5, 1.0] if share else round_steps(high):
        words = f"{100 * mark:.0f} %" if share else f"{mark:g}"
        parts += [
            line(LEFT, y(mark), WIDTH - RIGHT, y(mark), "axis" if mark == 0 else "grid"),
            text(LEFT - 8, y(mark) + 4, words, "tick", "end"),
        ]
    for number, (name, one) in enumerate(zip(names, values, strict=True)):
        points = steps(seconds, one.tolist(), x, y)
        if number == 0:
            ground = [(points[0][0], y(0)), *points, (points[-1][0], y(0))]
            parts.append(path(ground, f"area p{number}"))
        parts.append(path(points, f"line p{number}", name))
    return parts
