"""The kernel's loops: node-exact placement, reservations, strict FIFO and EASY to a depth.

Plain loops over the arrays of `Ground`, `Queue` and `Desk`, compiled when numba is there, with equal results.
Nothing here reads a clock or allocates by the length of the queue.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shanyrak.policy.arrays import FAR, Ints
from shanyrak.policy.compiled import jit
from shanyrak.policy.ground import Ground, Queue

LOOK = 64
"""How many waiting rows of a pool a round tests for a reservation, beside the depth itself."""

PLACED, NO_NODES, NO_HEADROOM = 0, 1, 2


class Desk(NamedTuple):
    """What a round decides. `fill`: holds, nodes of holds, starts, nodes of starts."""

    hold_row: Ints
    hold_at: Ints
    hold_entry: Ints
    """First entry of the reservation on the ground; lifted ones have `hold_at` -1."""
    hold_off: Ints
    hold_nodes: Ints
    start_row: Ints
    """One for each task."""
    start_off: Ints
    start_nodes: Ints
    started: Ints
    """[rows] tasks started."""
    held: Ints
    """[rows] 1 where the row's next task has a reservation."""
    reserved: Ints
    """[pools] reservations."""
    tested: Ints
    """[pools] how many rows were tested for a reservation."""
    blocker: Ints
    """[pools] the row that nothing may pass, -1 for none (strict)."""
    fill: Ints


@jit
def _lasts(g: Ground, col: int, need: int, start: int, end: int) -> bool:
    """Whether the column has `need` at every instant inside (start, end)."""
    for k in range(g.fill[1]):  # noqa: SIM110 (the compiler takes no generators)
        if start < g.instant[k] < end and g.extra[k, col] < need:
            return False
    return True


@jit
def _entry(g: Ground, at: int, col: int, by: int) -> None:
    e = g.fill[0]
    g.at[e], g.col[e], g.by[e] = at, col, by
    g.fill[0] = e + 1


@jit
def _hold(q: Queue, row: int) -> int:
    """Unit-seconds of one task."""
    return q.width[row] * q.units[row] * ((q.limit[row] + 999) // 1000)  # type: ignore[no-any-return]


@jit
def _occupy(g: Ground, q: Queue, row: int, at: int, nodes: Ints, off: int, sign: int) -> None:
    """Take (sign 1) or give back (-1) the room of one task over [at, at + limit), now and at the instants."""
    end = at + q.limit[row]
    units, need = q.units[row] * sign, q.units[row] * q.width[row] * sign
    for w in range(q.width[row]):
        node = nodes[off + w]
        if at <= g.now:
            g.room[node] -= units
        for k in range(g.fill[1]):
            if at <= g.instant[k] < end:
                g.extra[k, node] -= units
    account = q.account[row]
    g.left[account, g.pool_unit[q.pool[row]]] -= _hold(q, row) * sign
    while account >= 0:
        col = g.nodes + account
        if at <= g.now:
            g.room[col] -= need
        for k in range(g.fill[1]):
            if at <= g.instant[k] < end:
                g.extra[k, col] -= need
        account = g.parent[account]


@jit
def _entries(g: Ground, q: Queue, row: int, at: int, nodes: Ints, off: int) -> None:
    """The entries of one task over [at, at + limit); those at or before now are in `room` already."""
    end = at + q.limit[row]
    for w in range(q.width[row]):
        if at > g.now:
            _entry(g, at, nodes[off + w], -q.units[row])
        _entry(g, end, nodes[off + w], q.units[row])
    account, need = q.account[row], q.units[row] * q.width[row]
    while account >= 0:
        if g.capped[account]:
            if at > g.now:
                _entry(g, at, g.nodes + account, -need)
            _entry(g, end, g.nodes + account, need)
        account = g.parent[account]


@jit
def _room_at(g: Ground, when: int) -> Ints:
    room = g.room.copy()
    for e in range(g.fill[0]):
        if g.at[e] <= when:
            room[g.col[e]] += g.by[e]
    return room


@jit
def _headroom(g: Ground, q: Queue, row: int, room: Ints, at: int) -> bool:
    """Whether the caps allow the row over [at, at + limit), given the room at `at`."""
    account, need, end = q.account[row], q.units[row] * q.width[row], at + q.limit[row]
    while account >= 0:
        col = g.nodes + account
        if room[col] < need or not _lasts(g, col, need, at, end):
            return False
        account = g.parent[account]
    return True


@jit
def place(g: Ground, q: Queue, row: int, chosen: Ints) -> int:
    """Nodes for one task now: best fit (least free first), ties to the lowest id. Changes nothing."""
    units, width, end = q.units[row], q.width[row], g.now + q.limit[row]
    lo, hi = g.pool_ptr[q.pool[row]], g.pool_ptr[q.pool[row] + 1]
    fitting = np.empty(hi - lo, np.int64)
    found = 0
    for i in range(lo, hi):
        node = g.pool_nodes[i]
        if g.room[node] >= units and _lasts(g, node, units, g.now, end):
            fitting[found] = node
            found += 1
    if found < width:
        return NO_NODES
    if not _headroom(g, q, row, g.room, g.now):
        return NO_HEADROOM
    free = np.empty(found, np.int64)
    for i in range(found):
        free[i] = g.room[fitting[i]]
    order = np.argsort(free, kind="mergesort")
    for w in range(width):
        chosen[w] = fitting[order[w]]
    return PLACED


@jit
def earliest(g: Ground, q: Queue, row: int, caps: bool, chosen: Ints) -> int:
    """The earliest start of one task, from now on, at which `width` nodes have room over the whole walltime.

    With `caps` its accounts have headroom too. Takes the nodes that free first, ties to the lowest id.
    -1 when no known release brings it about. Changes nothing.
    """
    pool, units, width, limit = q.pool[row], q.units[row], q.width[row], q.limit[row]
    lo, hi = g.pool_ptr[pool], g.pool_ptr[pool + 1]
    count, total = 0, g.fill[0]
    room = g.room.copy()
    since = np.zeros(g.nodes, np.int64)
    for i in range(lo, hi):
        count += room[g.pool_nodes[i]] >= units
    order = np.argsort(g.at[:total], kind="mergesort")
    fitting = np.empty(hi - lo, np.int64)
    freed = np.empty(hi - lo, np.int64)
    when, grew, i = g.now, True, 0
    while True:
        if grew and count >= width and (not caps or _headroom(g, q, row, room, when)):
            found = 0
            for j in range(lo, hi):
                node = g.pool_nodes[j]
                if room[node] >= units and _lasts(g, node, units, when, when + limit):
                    fitting[found], freed[found] = node, since[node]
                    found += 1
            if found >= width:
                best = np.argsort(freed[:found], kind="mergesort")
                for w in range(width):
                    chosen[w] = fitting[best[w]]
                return int(when)
        if i == total or g.at[order[i]] >= FAR:
            return -1
        when, grew = g.at[order[i]], False
        while i < total and g.at[order[i]] == when:
            col, by = g.col[order[i]], g.by[order[i]]
            i += 1
            before = room[col]
            room[col] = before + by
            grew = grew or by > 0
            if col < g.nodes and g.node_pool[col] == pool:
                if before < units <= room[col]:
                    count += 1
                    since[col] = when
                elif room[col] < units <= before:
                    count -= 1


@jit
def reserve(g: Ground, q: Queue, d: Desk, row: int, at: int, nodes: Ints, off: int) -> int:
    """Lay a reservation [at, at + limit) on the ground; its index on the desk."""
    if at > g.now:
        known = False
        for k in range(g.fill[1]):
            known = known or g.instant[k] == at
        if not known:
            g.extra[g.fill[1]] = _room_at(g, at)
            g.instant[g.fill[1]] = at
            g.fill[1] += 1
    h, used = int(d.fill[0]), d.fill[1]
    d.hold_row[h], d.hold_at[h], d.hold_entry[h], d.hold_off[h] = row, at, g.fill[0], used
    for w in range(q.width[row]):
        d.hold_nodes[used + w] = nodes[off + w]
    d.fill[0], d.fill[1] = h + 1, used + q.width[row]
    _occupy(g, q, row, at, nodes, off, 1)
    _entries(g, q, row, at, nodes, off)
    d.held[row] = 1
    d.reserved[q.pool[row]] += 1
    return h


@jit
def _lift(g: Ground, q: Queue, d: Desk, h: int, until: int) -> None:
    """Take a reservation off the ground: its entries end before `until`."""
    row, at = d.hold_row[h], d.hold_at[h]
    _occupy(g, q, row, at, d.hold_nodes, d.hold_off[h], -1)
    for e in range(d.hold_entry[h], until):
        g.by[e] = 0
    d.hold_at[h] = -1
    d.held[row] = 0
    d.reserved[q.pool[row]] -= 1


@jit
def start(g: Ground, q: Queue, d: Desk, row: int, nodes: Ints) -> None:
    """One task starts now on `nodes`."""
    s, used = d.fill[2], d.fill[3]
    d.start_row[s], d.start_off[s] = row, used
    for w in range(q.width[row]):
        d.start_nodes[used + w] = nodes[w]
    d.fill[2], d.fill[3] = s + 1, used + q.width[row]
    d.started[row] += 1
    _occupy(g, q, row, g.now, nodes, 0, 1)
    _entries(g, q, row, g.now, nodes, 0)


@jit
def _stands(g: Ground, q: Queue, row: int, at: int, nodes: Ints, off: int) -> bool:
    """Whether the reservation [at, at + limit) on these nodes is still possible."""
    room = _room_at(g, at)
    for w in range(q.width[row]):
        node = nodes[off + w]
        if room[node] < q.units[row] or not _lasts(g, node, q.units[row], at, at + q.limit[row]):
            return False
    return bool(_headroom(g, q, row, room, at))


@jit
def keep(g: Ground, q: Queue, d: Desk, rows: Ints, slot_at: Ints, slot_ptr: Ints, slot_nodes: Ints) -> None:
    """Promised rows, in order: lay all reservations, then start each or move it earlier, the others staying.

    A row comes with the slot that the last round gave it (`slot_at` -1: none), so no promise moves another.
    A row whose grant is short gets nothing.
    """
    n = len(rows)
    chosen = np.empty(g.nodes, np.int64)
    index = np.full(n, -1, np.int64)
    upto = np.zeros(n, np.int64)
    for again in range(2):
        for i in range(n):
            row = rows[i]
            if index[i] >= 0 or g.left[q.account[row], g.pool_unit[q.pool[row]]] < _hold(q, row):
                continue
            if again == 0:
                at = max(slot_at[i], g.now)
                if slot_at[i] >= 0 and _stands(g, q, row, at, slot_nodes, slot_ptr[i]):
                    index[i] = reserve(g, q, d, row, at, slot_nodes, slot_ptr[i])
                    upto[i] = g.fill[0]
            else:
                at = earliest(g, q, row, True, chosen)
                if at >= 0:
                    index[i] = reserve(g, q, d, row, at, chosen, 0)
                    upto[i] = g.fill[0]
    for i in range(n):
        if index[i] < 0:
            continue
        row = rows[i]
        _lift(g, q, d, index[i], upto[i])
        if place(g, q, row, chosen) == PLACED:
            start(g, q, d, row, chosen)
            continue
        at = earliest(g, q, row, True, chosen)
        reserve(g, q, d, row, at, chosen, 0)


@jit
def visit(g: Ground, q: Queue, d: Desk, rows: Ints, strict: bool, depth: int, sizes: int) -> None:
    """The other rows, in order: start what fits; then the row blocks its pool (strict) or reserves (EASY).

    A row that only its cap, grant or `%N` holds back is passed over, and so is one that no release helps.
    """
    pools = len(d.reserved)
    chosen = np.empty(g.nodes, np.int64)
    # Room only shrinks within a round: what failed once fails again, while the instants are the same.
    failed = np.full((pools, sizes, LOOK), FAR, np.int64)
    instants = g.fill[1]
    for i in range(len(rows)):
        row = rows[i]
        pool, account = q.pool[row], q.account[row]
        if d.blocker[pool] >= 0 or d.held[row]:
            continue
        if g.fill[1] != instants:
            instants = g.fill[1]
            failed[:] = FAR
        inside = 0
        for k in range(instants):
            inside += g.instant[k] < g.now + q.limit[row]
        memo = min(inside, LOOK - 1)
        size, unit, result = q.size[q.shape[row]], g.pool_unit[pool], PLACED
        may = min(q.tasks[row], q.room[row]) - d.started[row]
        while may > 0 and result == PLACED and g.left[account, unit] >= _hold(q, row):
            if inside < LOOK and q.width[row] >= failed[pool, size, memo]:
                result = NO_NODES
            else:
                result = place(g, q, row, chosen)
            if result == PLACED:
                start(g, q, d, row, chosen)
                may -= 1
            elif result == NO_NODES:
                failed[pool, size, memo] = min(failed[pool, size, memo], q.width[row])
        if result != NO_NODES or d.tested[pool] >= LOOK + depth or not (strict or d.reserved[pool] < depth):
            continue
        d.tested[pool] += 1
        at = earliest(g, q, row, False, chosen)
        if at < 0 or not _headroom(g, q, row, _room_at(g, at), at):
            continue
        if strict:
            d.blocker[pool] = row
        else:
            reserve(g, q, d, row, at, chosen, 0)
