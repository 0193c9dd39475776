"""Arrays: many tasks of one workload, written `0-99%8` (tasks 0 to 99, at most 8 at once) or `1,5,10-20`."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_TASKS = 1_000_000
_PART = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Array:
    """Ranges of task indexes, both ends included, in order; `at_once` 0 means no limit of its own."""

    ranges: tuple[tuple[int, int], ...] = ((0, 0),)
    at_once: int = 0

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def index(self, ordinal: int) -> int:
        """The task index at place `ordinal` (0-based)."""
        for first, last in self.ranges:
            if ordinal <= last - first:
                return first + ordinal
            ordinal -= last - first + 1
        raise IndexError("no such task")


SINGLE = Array()


def parse_array(text: str) -> Array:
    """Read an array as people write it. Raises ValueError with what is wrong."""
    if len(text) > 10_000:
        raise ValueError("too long")
    body, percent, most = text.replace(" ", "").partition("%")
    if percent and not (re.fullmatch(r"\d{1,9}", most) and int(most) > 0):
        raise ValueError("after % stands how many tasks may run at once, at least 1")
    ranges: list[tuple[int, int]] = []
    for part in body.split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError("an array is written like 0-99, 0-99%8 or 1,5,10-20")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise ValueError(f"{part} runs backwards")
        if any(first <= b and a <= last for a, b in ranges):
            raise ValueError(f"{part} names a task twice")
        ranges.append((first, last))
    array = Array(tuple(ranges), int(most) if percent else 0)
    if len(array) > MOST_TASKS:
        raise ValueError(f"{len(array):,} tasks are more than {MOST_TASKS:,}")
    return array
