"""The order of visits: the policy's keys, submission, id. Rows are told apart by their id, so every sort gives the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shanyrak.policy.board import J_ID, J_SUBMIT
from shanyrak.policy.compiled import COMPILED, inner
from shanyrak.policy.desk import C_ROWS, D_ORDER, KEYS


@inner
def before(b: Any, d: Any, levels: int, one: int, other: int) -> bool:
    """Whether one row is visited before another."""
    key = d[KEYS]
    for _ in range(levels):
        if d[key + one] != d[key + other]:
            return bool(d[key + one] < d[key + other])
        key += d[C_ROWS]
    submit, ids = b[J_SUBMIT], b[J_ID]
    if b[submit + one] != b[submit + other]:
        return bool(b[submit + one] < b[submit + other])
    return bool(b[ids + one] < b[ids + other])


@inner
def _heap_sort(b: Any, d: Any, levels: int, count: int) -> None:
    order = d[D_ORDER]
    for i in range(count // 2 - 1, -1, -1):
        _sift(b, d, levels, i, count)
    for end in range(count - 1, 0, -1):
        d[order], d[order + end] = d[order + end], d[order]
        _sift(b, d, levels, 0, end)


@inner
def _sift(b: Any, d: Any, levels: int, root: int, end: int) -> None:
    order = d[D_ORDER]
    row = d[order + root]
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and before(b, d, levels, d[order + child], d[order + child + 1]):
            child += 1
        if not before(b, d, levels, row, d[order + child]):
            break
        d[order + root] = d[order + child]
        root = child
    d[order + root] = row


def _sorted(b: Any, d: Any, levels: int, count: int) -> None:
    keys = [(d, d[KEYS] + level * d[C_ROWS]) for level in range(levels)] + [(b, b[J_SUBMIT]), (b, b[J_ID])]
    order = d[D_ORDER]
    rows = sorted(d[order : order + count].tolist(), key=lambda row: tuple(m[at + row] for m, at in keys))
    for i, row in enumerate(rows):
        d[order + i] = row


sort_rows: Callable[[Any, Any, int, int], None] = _heap_sort if COMPILED else _sorted
"""Sort the first `count` rows of `D_ORDER`."""
