"""A line chart as SVG text, without a drawing library."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = ("#0b6e99", "#d9730d", "#0f7b6c", "#9b51e0")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 60, 40, 20, 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name in the legend, and points from left to right."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers (1, 2 or 5 times a power of ten apart) within the range."""
    raw = (high - low) / 5 or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


def svg(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """The chart of at least one line with at least one point, as a whole SVG document."""
    xs, ys = [v for line in lines for v in line.x], [v for line in lines for v in line.y]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / ((x1 - x0) or 1.0) * (WIDTH - LEFT - RIGHT)
        up = (y - y0) / ((y1 - y0) or 1.0) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{html.escape(title)}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x_name)}</text>',
        f'<text x="8" y="{TOP - 6}">{html.escape(y_name)}</text>',
    ]
    for value in ticks(x0, x1):
        across, _ = at(value, y0)
        parts.append(f'<text x="{across}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    for value in ticks(y0, y1):
        _, up = at(x0, value)
        parts.append(f'<path d="M{LEFT} {up}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{up + 4}" text-anchor="end">{value:g}</text>')
    for number, line in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], ' stroke-dasharray="6 4"' if line.dashed else ""
        points = " ".join(f"{a},{b}" for a, b in map(at, line.x, line.y))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>')
        place = f'x="{LEFT + 10}" y="{TOP + 14 + 16 * number}"'
        parts.append(f'<text {place} fill="{colour}">{html.escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
