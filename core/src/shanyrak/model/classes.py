"""Service classes: what kind of promise work may count on. The number of a class is its place in the site's order, its rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STANDARD = "batch"
"""The class of work that names none, and of all work from before classes were declared; without it the first is."""


def standard(names: Sequence[str]) -> int:
    """The number of the class of work that names none."""
    return names.index(STANDARD) if STANDARD in names else 0


def renumbered(before: Sequence[str], after: Sequence[str]) -> Mapping[int, int]:
    """What becomes of the numbers of work when the classes `before` are declared anew as `after`: old -> new, if they differ.

    A class keeps its name wherever it goes; work of one that is gone is of the standard class from then on.
    """
    new = {name: number for number, name in enumerate(after)}
    other = standard(after)
    moves = {number: new.get(name, other) for number, name in enumerate(before or (STANDARD,))}
    return {old: to for old, to in moves.items() if old != to}
