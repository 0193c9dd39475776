"""Where and when one task may run: best fit now, the earliest start, and what starts and reservations take."""

from __future__ import annotations

from typing import Any

from shanyrak.policy.arrays import FAR
from shanyrak.policy.board import (
    A_PARENT, HELD, H_ACCOUNT, H_END, H_NODE, H_UNITS, J_ACCOUNT, J_BLOCK, J_LIMIT, J_POOL, J_ROOM, J_TASKS, J_UNITS, J_WIDTH,
    LEFT, NODES, N_POOL, POOL_UNIT, ROOM_ACCOUNTS,
)  # fmt: skip
from shanyrak.policy.compiled import inner, jit
from shanyrak.policy.desk import (
    BY_POOL, CLAIMED, C_ACCOUNTS, C_COLS, C_ENTRIES, C_HOLDS, C_HOLD_NODES, C_SHORT, C_STARTS, C_START_NODES, D_BOOKED,
    D_MOST, D_STARTED, E_ACCOUNT, E_AT, E_NODE, E_UNITS, HOLD_NODES, K_FIT, K_NODE, K_SINCE, K_WEIGHT, LOW, MOST_HOLDS,
    MOST_HOLD_NODES, P_FIRST, P_NODES, P_RESERVED, SPENT, START_NODES, S_OFF, S_ROW, V_AT, V_KIND, V_OFF, V_ROW, WALK,
)  # fmt: skip
from shanyrak.policy.room import add_entries, add_instant, add_to_walk, drop_entries, lasts, occupy


@inner
def hold_of(b: Any, row: int) -> int:
    """The unit-seconds that one task of a row takes from its grants."""
    return b[b[J_WIDTH] + row] * b[b[J_UNITS] + row] * ((b[b[J_LIMIT] + row] + 999) // 1000)  # type: ignore[no-any-return]


@jit
def short(b: Any, d: Any, row: int) -> bool:
    """Whether the grants do not last for one more task of a row."""
    kind, account = b[b[POOL_UNIT] + b[b[J_POOL] + row]], b[b[J_ACCOUNT] + row]
    left = b[b[LEFT] + kind * b[ROOM_ACCOUNTS] + account]
    return bool(left - d[d[SPENT] + kind * d[C_ACCOUNTS] + account] < hold_of(b, row))


@inner
def _spend(b: Any, d: Any, row: int, sign: int) -> None:
    kind = b[b[POOL_UNIT] + b[b[J_POOL] + row]]
    d[d[SPENT] + kind * d[C_ACCOUNTS] + b[b[J_ACCOUNT] + row]] += hold_of(b, row) * sign


@inner
def may_start(b: Any, d: Any, row: int) -> int:
    """How many tasks of a row may still start in this round; below 1: none."""
    if b[b[J_BLOCK] + row]:
        return 0
    may = min(b[b[J_TASKS] + row], b[b[J_ROOM] + row])
    if d[d[D_MOST] + row]:
        may = min(may, d[d[D_MOST] + row])
    return may - d[d[D_STARTED] + row]  # type: ignore[no-any-return]


@inner
def choose(d: Any, found: int, width: int) -> None:
    """Of the `found` nodes in `K_FIT`, the `width` of least weight into `K_NODE`; ties to the one that is listed first."""
    node, weight, have = d[K_NODE], d[K_WEIGHT], 0
    for i in range(found):
        candidate, heavy = d[d[K_FIT] + i], d[weight + i]
        place = have
        if have == width:
            if heavy >= d[weight + have - 1]:
                continue
            place = have - 1
        else:
            have += 1
        while place > 0 and d[weight + place - 1] > heavy:
            d[node + place], d[weight + place] = d[node + place - 1], d[weight + place - 1]
            place -= 1
        d[node + place], d[weight + place] = candidate, heavy


@inner
def place(b: Any, d: Any, row: int, layer: int) -> None:
    """Nodes for one task now, into `K_NODE`: best fit (least free first), ties to the lowest id. They are there."""
    units, pool = b[b[J_UNITS] + row], b[b[J_POOL] + row]
    first, low, now, found = d[d[P_FIRST] + pool], d[LOW] + layer * d[C_COLS], d[LOW], 0
    for i in range(first, first + d[d[P_NODES] + pool]):
        node = d[d[BY_POOL] + i]
        if d[low + node] >= units:
            d[d[K_FIT] + found], d[d[K_WEIGHT] + found] = node, d[now + node]
            found += 1
    choose(d, found, b[b[J_WIDTH] + row])


@inner
def walk_headroom(b: Any, d: Any, row: int, at: int) -> bool:
    """Whether the caps allow a task of the row over [at, at + limit), with the room of `at` in `walk`."""
    nodes = b[NODES]
    if d[C_COLS] > nodes:
        account, need, end = b[b[J_ACCOUNT] + row], b[b[J_UNITS] + row] * b[b[J_WIDTH] + row], at + b[b[J_LIMIT] + row]
        while account >= 0:
            if d[d[WALK] + nodes + account] < need or not lasts(d, nodes + account, need, at, end):
                return False
            account = b[b[A_PARENT] + account]
    return True


@jit
def earliest(b: Any, d: Any, now: int, row: int, caps: bool) -> int:
    """The earliest start of one task, from now on, at which `width` nodes have room over the whole walltime.

    With `caps` its accounts have headroom too. Leaves in `K_NODE` the nodes that free first, ties to the lowest id, and in
    `walk` the room at that time. -1 when no known release brings it about.
    """
    walk, since, low, by_pool = d[WALK], d[K_SINCE], d[LOW], d[BY_POOL]
    pool, units, width, limit = b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row], b[b[J_LIMIT] + row]
    first, nodes, cols, count = d[d[P_FIRST] + pool], b[NODES], d[C_COLS], 0
    last = first + d[d[P_NODES] + pool]
    for c in range(cols):
        d[walk + c] = d[low + c]
    for i in range(first, last):
        node = d[by_pool + i]
        d[since + node] = now
        count += d[walk + node] >= units
    ends, times, pool_of = b[H_END], d[E_AT], b[N_POOL]
    releases, entries, h, e = b[HELD], d[C_ENTRIES], 0, 0
    when, grew = now, True
    while True:
        if grew and count >= width and (not caps or walk_headroom(b, d, row, when)):
            found = 0
            for i in range(first, last):
                node = d[by_pool + i]
                if d[walk + node] >= units and lasts(d, node, units, when, when + limit):
                    d[d[K_FIT] + found], d[d[K_WEIGHT] + found] = node, d[since + node]
                    found += 1
            if found >= width:
                choose(d, found, width)
                return int(when)
        due = FAR
        if h < releases:
            due = max(b[ends + h], now + 1)
        if e < entries and d[times + e] < due:
            due = d[times + e]
        if due >= FAR:
            return -1
        when, grew = due, False
        while True:
            if h < releases and max(b[ends + h], now + 1) == when:
                node, by, account = b[b[H_NODE] + h], b[b[H_UNITS] + h], b[b[H_ACCOUNT] + h]
                h += 1
            elif e < entries and d[times + e] == when:
                node, by, account = d[d[E_NODE] + e], d[d[E_UNITS] + e], d[d[E_ACCOUNT] + e]
                e += 1
            else:
                break
            before = d[walk + node]
            if cols > nodes:
                add_to_walk(b, d, nodes, node, by, account)
            else:
                d[walk + node] = before + by
            grew = grew or by > 0
            if b[pool_of + node] == pool:
                if before < units <= before + by:
                    count += 1
                    d[since + node] = when
                elif before + by < units <= before:
                    count -= 1


@inner
def _take(b: Any, d: Any, now: int, row: int, at: int, nodes: int, sign: int) -> None:
    """The nodes `d[nodes:]` for a task over [at, at + limit), its headroom and its hold; `sign` -1 gives them back."""
    units, account, end = b[b[J_UNITS] + row], b[b[J_ACCOUNT] + row], at + b[b[J_LIMIT] + row]
    width = b[b[J_WIDTH] + row]
    for w in range(width):
        occupy(b, d, now, d[nodes + w], units * sign, at, end)
    if sign > 0:
        if at > now:
            add_entries(d, at, nodes, width, -units, account)
        add_entries(d, end, nodes, width, units, account)
    else:
        if at > now:
            drop_entries(d, at, nodes, width, -units, account)
        drop_entries(d, end, nodes, width, units, account)
    _take_headroom(b, d, now, row, at, sign)
    _spend(b, d, row, sign)


@inner
def _take_headroom(b: Any, d: Any, now: int, row: int, at: int, sign: int) -> None:
    nodes = b[NODES]
    if d[C_COLS] > nodes:
        account, need, end = b[b[J_ACCOUNT] + row], b[b[J_UNITS] + row] * b[b[J_WIDTH] + row], at + b[b[J_LIMIT] + row]
        while account >= 0:
            occupy(b, d, now, nodes + account, need * sign, at, end)
            account = b[b[A_PARENT] + account]


@jit
def start(b: Any, d: Any, now: int, row: int) -> None:
    """One task starts now on the nodes in `K_NODE`."""
    width, s, used = b[b[J_WIDTH] + row], d[C_STARTS], d[C_START_NODES]
    d[d[S_ROW] + s], d[d[S_OFF] + s] = row, used
    d[C_STARTS], d[C_START_NODES] = s + 1, used + width
    nodes = d[START_NODES] + used
    for w in range(width):
        d[nodes + w] = d[d[K_NODE] + w]
    _take(b, d, now, row, now, nodes, 1)
    d[d[D_STARTED] + row] += 1


@jit
def reserve(b: Any, d: Any, now: int, row: int, at: int, kind: int, walked: bool) -> int:
    """A reservation [at, at + limit) on the nodes in `K_NODE`; its index, or -1 when the desk is too small.

    `walked`: the room of `at` is in `walk`.
    """
    width, h, used = b[b[J_WIDTH] + row], d[C_HOLDS], d[C_HOLD_NODES]
    if h >= d[MOST_HOLDS] or used + width > d[MOST_HOLD_NODES]:
        d[C_SHORT] = 1
        return -1
    nodes = d[HOLD_NODES] + used
    for w in range(width):
        d[nodes + w] = d[d[K_NODE] + w]
    if at > now:
        add_instant(b, d, now, at, walked)
    d[d[V_ROW] + h], d[d[V_AT] + h], d[d[V_OFF] + h], d[d[V_KIND] + h] = row, at, used, kind
    d[C_HOLDS], d[C_HOLD_NODES] = h + 1, used + width
    _take(b, d, now, row, at, nodes, 1)
    d[d[D_BOOKED] + row] = 1
    if kind != CLAIMED:
        d[d[P_RESERVED] + b[b[J_POOL] + row]] += 1
    return int(h)


@inner
def lift(b: Any, d: Any, now: int, h: int) -> None:
    """Take a reservation back."""
    row, at, off = d[d[V_ROW] + h], d[d[V_AT] + h], d[d[V_OFF] + h]
    _take(b, d, now, row, at, d[HOLD_NODES] + off, -1)
    d[d[V_AT] + h] = -1
    d[d[D_BOOKED] + row] = 0
    if d[d[V_KIND] + h] != CLAIMED:
        d[d[P_RESERVED] + b[b[J_POOL] + row]] -= 1
