"""Floors: which work fills the floor of its sector and may stop others' for it, and who is stopped first.

A job's *lane* is the nearest of its account and those above it that has a floor: its sector, as sites are configured. What a lane
has in use beyond its floor is *lent* to it: others that are under their floors can have it back. Work of an account without
a lane runs on lent units only.
"""

from __future__ import annotations

import heapq
from typing import Any

from shanyrak.api import FAR, jit, row_of
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.scratch import zeros

STEP = 1 << 56
"""More unit-ms than attempts lose: 2 years of 1,000,000 units. All prices stay below `FAR`, which is none."""


@jit
def lanes(b: Any) -> Any:
    """[accounts] the lane of each, -1 for none."""
    parent, floor = b[of.A_PARENT], b[of.A_FLOOR]
    lane = zeros(b[of.ACCOUNTS])
    for a in range(b[of.ACCOUNTS]):
        above = b[parent + a]
        lane[a] = a if b[floor + a] > 0 else lane[above] if above >= 0 else -1
    return lane


@jit
def may_run(b: Any, row: int) -> bool:
    """Whether only busy nodes, a block or its own `%N` can hold a pending row back: not its grant, a cap, its size."""
    pool, units, account = b[b[of.J_POOL] + row], b[b[of.J_UNITS] + row], b[b[of.J_ACCOUNT] + row]
    width, large = b[b[of.J_WIDTH] + row], 0
    left = b[b[of.LEFT] + b[b[of.POOL_UNIT] + pool] * b[of.ROOM_ACCOUNTS] + account]
    if left < units * width * ((b[b[of.J_LIMIT] + row] + 999) // 1000):
        return False
    while account >= 0:
        cap = b[b[of.A_CAP] + account]
        if 0 <= cap < b[b[of.A_USE] + account] + units * width:
            return False
        account = b[b[of.A_PARENT] + account]
    for node in range(b[of.NODES]):
        if b[b[of.N_POOL] + node] == pool and b[b[of.N_OPEN] + node] != 0 and b[b[of.N_UNITS] + node] >= units:
            large += 1
    return bool(large >= width)


@jit
def is_ready(b: Any, row: int) -> bool:
    """Whether a pending row has a task that neither a block nor its own `%N` holds back."""
    return bool(b[b[of.J_TASKS] + row] > 0 and b[b[of.J_ROOM] + row] > 0 and b[b[of.J_BLOCK] + row] == 0)


@jit
def rooms(b: Any, lane: Any, level: int) -> Any:
    """([accounts] units of a lane's floor that it does not use, that nothing with this guard uses)."""
    count, floor, use = b[of.ACCOUNTS], b[of.A_FLOOR], b[of.A_USE]
    room, bare = zeros(count), zeros(count)
    for a in range(count):
        if lane[a] == a:
            room[a], bare[a] = b[floor + a] - b[use + a], b[floor + a]
    for run in range(b[of.RUNS]):
        home = lane[b[b[of.R_ACCOUNT] + run]]
        if home >= 0 and b[b[of.R_GUARD] + run] >= level:
            bare[home] -= b[b[of.R_WIDTH] + run] * b[b[of.R_UNITS] + run]
    return room, bare


@jit
def give_claim(b: Any, d: Any, row: int, fit: int, level: int) -> None:
    """So many tasks of a row may start in this round, with claim and guard."""
    d[d[on.D_CLAIM] + row], d[d[on.D_GUARD] + row] = level, level
    if fit < min(b[b[of.J_TASKS] + row], b[b[of.J_ROOM] + row]):
        d[d[on.D_MOST] + row] = fit


@jit
def fill_floors(b: Any, d: Any, least_class: int, level: int) -> None:
    """Give claim and guard `level` to the work that fits the floors, beside all that its lanes have in use.

    Work is taken in its order: first that for which others are being stopped, then what is promised, then by the keys. What
    others are being stopped for keeps its claim also when its lane has borrowed units meanwhile, so what starts on a claim is
    always guarded. Of an array of which only some tasks fit, only so many start in this round.
    """
    lane = lanes(b)
    room, bare = rooms(b, lane, level)
    keys, rows, claim, class_ = d[on.KEYS], d[on.C_ROWS], d[on.D_CLAIM], b[of.J_CLASS]
    account, width, units = b[of.J_ACCOUNT], b[of.J_WIDTH], b[of.J_UNITS]
    for run in range(b[of.RUNS]):
        row = row_of(b, b[b[of.R_STOP] + run]) if b[b[of.R_STOP] + run] != 0 else -1
        if row >= 0 and d[claim + row] == 0 and b[class_ + row] >= least_class and is_ready(b, row) and may_run(b, row):
            home, need = lane[b[account + row]], b[width + row] * b[units + row]
            if home >= 0 and need <= bare[home]:
                bare[home], room[home] = bare[home] - need, room[home] - need
                give_claim(b, d, row, 1, level)
    least, open_ = zeros(b[of.ACCOUNTS]), 0
    heap = [(0, 0, 0, 0, 0, 0, row) for row in range(0)]
    for row in range(b[of.JOBS]):
        home, need = lane[b[account + row]], b[width + row] * b[units + row]
        if (
            home >= 0
            and need <= room[home]
            and b[class_ + row] >= least_class
            and d[claim + row] == 0
            and is_ready(b, row)
        ):
            promise, key = b[b[of.J_PROMISE] + row], keys + row
            first, submit = promise if promise > 0 else FAR, b[b[of.J_SUBMIT] + row]
            heap.append((first, d[key], d[key + rows], d[key + 2 * rows], d[key + 3 * rows], submit, row))
            open_ += least[home] == 0
            least[home] = need if least[home] == 0 else min(least[home], need)
    heapq.heapify(heap)
    while open_ > 0 and len(heap) > 0:
        row = heapq.heappop(heap)[6]
        home, need = lane[b[account + row]], b[width + row] * b[units + row]
        if need <= room[home] and may_run(b, row):
            fit = min(b[b[of.J_TASKS] + row], b[b[of.J_ROOM] + row], room[home] // need)
            room[home] -= fit * need
            give_claim(b, d, row, fit, level)
            open_ -= room[home] < least[home]


@jit
def price_stops(b: Any, now: int, d: Any, spare_floors: bool) -> None:
    """Of the lowest guard, let those be stopped first that run on lent units, and of these who loses least unit-time.

    Going back from the youngest attempt, so many of a lane run on lent units as its floor can spare, beside those that are
    being stopped already. With `spare_floors` none of the others is stopped in this round.
    """
    lane, count, stop = lanes(b), b[of.ACCOUNTS], b[of.R_STOP]
    lent = zeros(count)
    for a in range(count):
        if lane[a] == a:
            lent[a] = b[b[of.A_USE] + a] - b[b[of.A_FLOOR] + a]
    for run in range(b[of.RUNS]):
        home = lane[b[b[of.R_ACCOUNT] + run]]
        if home >= 0 and b[stop + run] != 0:
            lent[home] -= b[b[of.R_WIDTH] + run] * b[b[of.R_UNITS] + run]
    for run in range(b[of.RUNS] - 1, -1, -1):
        home, units = lane[b[b[of.R_ACCOUNT] + run]], b[b[of.R_WIDTH] + run] * b[b[of.R_UNITS] + run]
        lost = min(units * max(0, now - b[b[of.R_START] + run]), STEP - 1)
        cost = 2 * min(b[b[of.R_GUARD] + run], 3) * STEP + lost
        if home >= 0 and b[stop + run] == 0:
            if units <= lent[home]:
                lent[home] -= units
            else:
                cost = FAR if spare_floors else cost + STEP
        d[d[on.M_COST] + run] = cost
