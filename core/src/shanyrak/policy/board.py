"""The board: everything a decision is made on, as tables in one memory that the loops read and change in place.

Read `b[JOBS]` for the number of pending rows and `b[b[J_LIMIT] + row]` for an item; see `memory`. Rows have ids in ascending order
where they have ids. Times are ms since the epoch, durations ms, amounts whole units or unit-seconds.
"""

from __future__ import annotations

from itertools import count

from shanyrak.policy.arrays import Ints
from shanyrak.policy.memory import memory

_next = count()


def _names(number: int) -> tuple[int, ...]:
    return tuple(next(_next) for _ in range(number))


POOLS, NODES, ACCOUNTS, JOBS, RUNS, HELD, WINDOWS, SHUT = _names(8)
"""Rows in use of each table. (Blocks have none: they follow the pending rows.)"""

TABLES = 8

LIVE, PROMISED, CAPPED, STOPPING, TANGLED, KINDS = _names(6)
"""More numbers: pending rows with tasks, those with a promise, accounts with a cap, runs that are being stopped, whether the
pending rows are out of the order of submission (0 or 1), and unit kinds."""

(ROOM_POOLS, ROOM_NODES, ROOM_ACCOUNTS, ROOM_JOBS, ROOM_RUNS, ROOM_HELD, ROOM_WINDOWS, ROOM_SHUT) = _names(8)
"""For how many rows there is room."""

(POOL_UNIT,) = _names(1)
"""Pools, by index: the unit kind."""

N_POOL, N_UNITS, N_FREE, N_OPEN = _names(4)
"""Nodes, by index: the pool, what may be used, that less what runs, and whether work may start there."""

A_PARENT, A_WEIGHT, A_FLOOR, A_CAP, A_USE, A_SETTLED, A_SETTLED_AT = _names(7)
"""Accounts, by index, a parent before its children (-1: a root). `A_USE` counts units in use, children included.
`A_SETTLED`: past use of the account itself in unit-ms, decayed to the time `A_SETTLED_AT`; what runs is not in it."""

(J_ID, J_ACCOUNT, J_POOL, J_WIDTH, J_UNITS, J_TASKS, J_ROOM, J_LIMIT, J_PREDICTED, J_SUBMIT, J_CLASS, J_ATTAINED, J_TRIES,
 J_PROMISE, J_BLOCK) = _names(15)  # fmt: skip
"""Pending work, sorted by id; a row with `J_TASKS` 0 is dead. See `View` for what each column means."""

R_ID, R_JOB, R_ACCOUNT, R_WIDTH, R_UNITS, R_START, R_END, R_CLASS, R_GUARD, R_SAFE, R_STOP = _names(11)
"""Running attempts, sorted by id. `R_UNITS` are units on each node. `R_STOP`: the job it is being stopped for, 0: none."""

H_END, H_RUN, H_NODE, H_UNITS, H_ACCOUNT = _names(5)
"""What running work holds: a row for each node of each attempt, sorted by (end, run): the coming releases."""

W_FROM, W_UNTIL = _names(2)
"""Windows, sorted by id."""

S_WINDOW, S_NODE = _names(2)
"""The nodes of windows, by the row of the window."""

BLOCK = 64
B_LIVE, B_UNITS, B_LIMIT = _names(3)
"""Pending rows in blocks of `BLOCK`: how many are live, and bounds that no live row of the block is below: its units on a
node, its walltime. So a scan of the queue passes over whole blocks that are too large for what is free."""

(LEFT,) = _names(1)
"""What is left of grants: `b[b[LEFT] + kind * b[ROOM_ACCOUNTS] + account]` unit-seconds."""

HEADER = next(_next)

COLUMNS: tuple[tuple[int, ...], ...] = (
    (POOL_UNIT,),
    tuple(range(N_POOL, N_OPEN + 1)),
    tuple(range(A_PARENT, A_SETTLED_AT + 1)),
    tuple(range(J_ID, J_BLOCK + 1)),
    tuple(range(R_ID, R_STOP + 1)),
    tuple(range(H_END, H_ACCOUNT + 1)),
    (W_FROM, W_UNTIL),
    (S_WINDOW, S_NODE),
)
"""The columns of each table, in the order of `POOLS` to `SHUT`."""


def new_board(rooms: list[int], kinds: int, before: Ints | None = None) -> Ints:
    """A board with room for so many rows of each table, and what is on the board before."""
    lengths = {column: room for columns, room in zip(COLUMNS, rooms, strict=True) for column in columns}
    lengths |= dict.fromkeys((B_LIVE, B_UNITS, B_LIMIT), -(-rooms[JOBS] // BLOCK))
    lengths[LEFT] = kinds * rooms[ACCOUNTS]
    made = memory(HEADER, lengths)
    made[ROOM_POOLS : ROOM_POOLS + TABLES] = rooms
    if before is not None:
        made[:ROOM_POOLS] = before[:ROOM_POOLS]
        for table, columns in enumerate(COLUMNS):
            for column in columns:
                _copy(before, made, column, int(before[table]))
        for column in (B_LIVE, B_UNITS, B_LIMIT):
            _copy(before, made, column, -(-int(before[ROOM_JOBS]) // BLOCK))
        for kind in range(int(before[KINDS])):
            old, new = (int(m[LEFT] + kind * m[ROOM_ACCOUNTS]) for m in (before, made))
            made[new : new + before[ACCOUNTS]] = before[old : old + before[ACCOUNTS]]
    made[KINDS] = kinds
    return made


def _copy(before: Ints, made: Ints, column: int, length: int) -> None:
    old, new = int(before[column]), int(made[column])
    made[new : new + length] = before[old : old + length]
