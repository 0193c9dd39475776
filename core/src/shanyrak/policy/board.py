"""The board: everything a decision is made on, as a few int64 tables that the kernel's loops read and change in place.

A table is columns of equal length, `board.jobs[J_LIMIT][row]`, with spare rows after the `size` in use. Compiled loops get
two-dimensional arrays, interpreted ones memoryviews of the same memory, whose items are plain ints and three times as
fast as numpy's. Times are ms since the epoch, durations ms, amounts whole units or unit-seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from shanyrak.policy.arrays import Ints
from shanyrak.policy.compiled import COMPILED

POOLS, NODES, ACCOUNTS, JOBS, RUNS, HELD, WINDOWS, SHUT = range(8)
"""Where `Board.size` counts the rows of each table."""

N_POOL, N_UNITS, N_FREE, N_OPEN = range(4)
"""Nodes, by index: the pool, what may be used, that less what runs, and whether work may start there."""

A_PARENT, A_WEIGHT, A_FLOOR, A_CAP, A_USE, A_SETTLED, A_SETTLED_AT = range(7)
"""Accounts, by index, a parent before its children (-1: a root). `A_USE` counts units in use, children included.
`A_SETTLED`: past use of the account itself in unit-ms, decayed to the time `A_SETTLED_AT`; what runs is not in it."""

(J_ID, J_ACCOUNT, J_POOL, J_WIDTH, J_UNITS, J_TASKS, J_ROOM, J_LIMIT, J_PREDICTED, J_SUBMIT, J_CLASS, J_ATTAINED, J_TRIES,
 J_PROMISE, J_BLOCK) = range(15)  # fmt: skip
"""Pending work, sorted by id; a row with `J_TASKS` 0 is dead. See `View` for what each column means."""

R_ID, R_JOB, R_ACCOUNT, R_WIDTH, R_UNITS, R_START, R_END, R_CLASS, R_GUARD, R_SAFE, R_STOP = range(11)
"""Running attempts, sorted by id. `R_UNITS` are units on each node. `R_STOP`: the job it is being stopped for, 0: none."""

H_END, H_RUN, H_NODE, H_UNITS = range(4)
"""What running work holds: a row for each node of each attempt, sorted by (end, run): the coming releases."""

W_FROM, W_UNTIL = range(2)
"""Windows, sorted by id."""

S_WINDOW, S_NODE = range(2)
"""The nodes of windows, by the row of the window."""

WIDTHS = (1, 4, 7, 15, 11, 4, 2, 2)
"""Columns of each table, in the order of `POOLS` to `SHUT`."""


class Board(NamedTuple):
    """The tables. `pools[0][p]` is the unit kind of pool p; `left[kind][account]` unit-seconds left of grants."""

    pools: Any
    nodes: Any
    accounts: Any
    left: Any
    jobs: Any
    runs: Any
    held: Any
    windows: Any
    shut: Any
    size: Any
    """Rows in use of each table, by `POOLS` to `SHUT`."""


def face(table: Ints) -> Any:
    """A table, or a single column, as the loops take it: itself when they are compiled, else memoryviews."""
    if COMPILED:
        return table
    return memoryview(table) if table.ndim == 1 else tuple(memoryview(column) for column in table)


def columns(count: int, rows: int) -> Ints:
    """A table of zeros, each column by itself in memory."""
    return np.zeros((count, rows), np.int64)
