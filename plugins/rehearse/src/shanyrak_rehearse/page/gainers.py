"""The plot of who gains and who loses: hours waited in all, less to the left, more to the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shanyrak_rehearse.page.svg import bar, line, linear, picture, text
from shanyrak_rehearse.words import signed, span

WIDTH, MIDDLE, HALF = 1000, 520, 250
_ROW, _HEAD = 24, 26


def gainers(entry: Mapping[str, Any], kind: str) -> str:
    """The winners and losers of a policy among groups of one kind."""
    of = entry["against"]["by"][kind]
    rows = [*of["winners"], *reversed(of["losers"])]
    top = max((abs(row["hours"]) for row in rows), default=1.0)
    x = linear(-top, top, MIDDLE - HALF, MIDDLE + HALF)
    height = _HEAD + _ROW * len(rows) + 8
    parts = [
        text(MIDDLE - 10, 14, "← waits less", "tick", "end"), text(MIDDLE + 10, 14, "waits more →", "tick"),
        text(WIDTH, 14, "mean wait, before → after", "tick", "end"), line(MIDDLE, _HEAD - 4, MIDDLE, height - 4, "axis"),
    ]  # fmt: skip
    for number, row in enumerate(rows):
        y = _HEAD + number * _ROW
        gain, end = row["hours"] < 0, x(row["hours"])
        change = f"{span(row['mean_before_s'])} → {span(row['mean_after_s'])}"
        words = f"{row['name']}, {row['jobs']:,} jobs: {signed(row['hours'])} of waiting in all; mean wait {change}"
        parts += [
            bar(min(end, MIDDLE), y + 4, abs(end - MIDDLE), _ROW - 8, "gain" if gain else "lose", words),
            text(0, y + 16, row["name"][:28], "label"), text(240, y + 16, f"{row['jobs']:,} jobs", "tick", "end"),
            text(WIDTH, y + 16, change, "tick", "end"),
        ]  # fmt: skip
        outside = abs(end - MIDDLE) < HALF - 70
        at = (end - 6 if gain else end + 6) if outside else (end + 6 if gain else end - 6)
        parts.append(
            text(
                at, y + 16, signed(row["hours"]), "tick" if outside else "inside", "end" if gain == outside else "start"
            )
        )
    return picture(WIDTH, height, parts, f"Who gains and who loses under {entry['name']}")
