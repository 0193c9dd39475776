"""Room over time, on the desk: what is free now, at each instant where it shrinks, and at the end of a walk into the future.

Scalar loops, compiled when numba is there, interpreted with equal results otherwise.
"""

from __future__ import annotations

from typing import Any

from shanyrak.policy.arrays import FAR, MANY
from shanyrak.policy.board import (
    A_PARENT, A_USE, HELD, H_ACCOUNT, H_END, H_NODE, H_UNITS, NODES, N_FREE, N_OPEN, N_POOL, N_UNITS, POOLS, SHUT, S_NODE,
    S_WINDOW, WINDOWS, W_FROM, W_UNTIL,
)  # fmt: skip
from shanyrak.policy.compiled import inner, jit
from shanyrak.policy.desk import (
    BY_POOL, CAP, C_COLS, C_ENTRIES, C_FITS, C_INSTANTS, C_QUIET, C_SHORT, C_STOPS, EXTRA, E_ACCOUNT, E_AT, E_NODE, E_UNITS,
    FIT, INSTANT, LOW, MOST, MOST_ENTRIES, MOST_INSTANTS, P_BLOCKER, P_FIRST, P_NODES, P_RESERVED, P_TESTED, SIZES, UNITS, WALK,
)  # fmt: skip
from shanyrak.policy.facts import move_down, move_up, place_of


@jit
def lay_out(b: Any, d: Any, now: int) -> None:
    """Begin a round: the room of now, the windows as entries and instants, nothing decided."""
    nodes, cols = b[NODES], d[C_COLS]
    for number in range(C_INSTANTS, C_STOPS + 1):
        d[number] = 0
    d[C_QUIET] = d[C_SHORT] = 0
    for p in range(b[POOLS]):
        d[d[P_RESERVED] + p], d[d[P_TESTED] + p], d[d[P_BLOCKER] + p] = 0, 0, -1
    low, units = d[LOW], d[UNITS]
    for node in range(nodes):
        open_ = b[b[N_OPEN] + node]
        d[low + node] = b[b[N_FREE] + node] if open_ else -MANY
        d[units + node] = b[b[N_UNITS] + node] if open_ else -1
    for account in range(cols - nodes):
        d[low + nodes + account] = d[d[CAP] + account] - b[b[A_USE] + account]
    if b[WINDOWS]:
        _lay_windows(b, d, now)
    tally(b, d, d, units, d, d[FIT])
    for layer in range(d[C_INSTANTS] + 1):
        _relayer(b, d, layer)


@inner
def _lay_windows(b: Any, d: Any, now: int) -> None:
    for i in range(b[SHUT]):
        row, node = b[b[S_WINDOW] + i], b[b[S_NODE] + i]
        from_, until = b[b[W_FROM] + row], b[b[W_UNTIL] + row]
        if until <= max(from_, now):
            continue
        if from_ <= now:
            d[d[LOW] + node] -= MANY
        else:
            add_entry(d, from_, node, -MANY, -1)
        if until < FAR:
            add_entry(d, until, node, MANY, -1)
    for row in range(b[WINDOWS]):
        from_, until = b[b[W_FROM] + row], b[b[W_UNTIL] + row]
        if until > from_ > now and d[C_SHORT] == 0:
            add_instant(b, d, now, from_, False)


@inner
def add_entry(d: Any, at: int, node: int, units: int, account: int) -> None:
    """A node (and an account) get `units` at a time after now."""
    place = _open_entries(d, at, 1)
    if place >= 0:
        d[d[E_NODE] + place], d[d[E_UNITS] + place], d[d[E_ACCOUNT] + place] = node, units, account


@inner
def add_entries(d: Any, at: int, nodes: int, width: int, units: int, account: int) -> None:
    """Each of the nodes in `d[nodes:]` gets `units` at a time after now, and the account all of them."""
    place = _open_entries(d, at, width)
    if place >= 0:
        for w in range(width):
            d[d[E_NODE] + place + w] = d[nodes + w]
            d[d[E_UNITS] + place + w], d[d[E_ACCOUNT] + place + w] = units, account


@inner
def _open_entries(d: Any, at: int, width: int) -> int:
    """Room for so many entries of a time, after those of the same time; the first, or -1 when the desk is too small."""
    size, when = d[C_ENTRIES], d[E_AT]
    if size + width > d[MOST_ENTRIES]:
        d[C_SHORT] = 1
        return -1
    place = size
    while place > 0 and d[when + place - 1] > at:
        place -= 1
    if place < size:
        for name in range(E_AT, E_ACCOUNT + 1):
            move_up(d, d[name] + place, d[name] + size, width)
    for w in range(width):
        d[when + place + w] = at
    d[C_ENTRIES] = size + width
    return place  # type: ignore[no-any-return]


@inner
def drop_entries(d: Any, at: int, nodes: int, width: int, units: int, account: int) -> None:
    """Take back what `add_entries` added when it was told the same."""
    size = d[C_ENTRIES]
    for i in range(size - width + 1):
        same = d[d[E_AT] + i] == at and d[d[E_UNITS] + i] == units and d[d[E_ACCOUNT] + i] == account
        w = 0
        while same and w < width:
            same = d[d[E_AT] + i + w] == at and d[d[E_NODE] + i + w] == d[nodes + w]
            w += 1
        if same:
            for name in range(E_AT, E_ACCOUNT + 1):
                move_down(d, d[name] + i + width, d[name] + size, width)
            d[C_ENTRIES] = size - width
            return


@inner
def walk_to(b: Any, d: Any, now: int, until: int) -> None:
    """Leave the room at a time after now in `WALK`."""
    nodes, walk, low = b[NODES], d[WALK], d[LOW]
    for c in range(d[C_COLS]):
        d[walk + c] = d[low + c]
    for i in range(b[HELD]):
        if max(b[b[H_END] + i], now + 1) > until:
            break
        add_to_walk(b, d, nodes, b[b[H_NODE] + i], b[b[H_UNITS] + i], b[b[H_ACCOUNT] + i])
    for i in range(d[C_ENTRIES]):
        if d[d[E_AT] + i] > until:
            break
        add_to_walk(b, d, nodes, d[d[E_NODE] + i], d[d[E_UNITS] + i], d[d[E_ACCOUNT] + i])


@inner
def add_to_walk(b: Any, d: Any, nodes: int, node: int, units: int, account: int) -> None:
    """A node, and an account with those above it, get `units`."""
    walk = d[WALK]
    d[walk + node] += units
    if d[C_COLS] > nodes:
        while account >= 0:
            d[walk + nodes + account] += units
            account = b[b[A_PARENT] + account]


@inner
def add_instant(b: Any, d: Any, now: int, at: int, walked: bool) -> None:
    """Let `at` be an instant; its room is walked to, or in `WALK` already."""
    size, instant, extra, cols = d[C_INSTANTS], d[INSTANT], d[EXTRA], d[C_COLS]
    place = size
    while place > 0 and d[instant + place - 1] > at:
        place -= 1
    if place > 0 and d[instant + place - 1] == at:
        return
    if size >= d[MOST_INSTANTS]:
        d[C_SHORT] = 1
        return
    if place < size:
        move_up(d, instant + place, instant + size, 1)
        move_up(d, extra + place * cols, extra + size * cols, cols)
    d[instant + place] = at
    if not walked:
        walk_to(b, d, now, at)
    for c in range(cols):
        d[extra + place * cols + c] = d[d[WALK] + c]
    d[C_INSTANTS] = size + 1
    for layer in range(place + 1, size + 2):
        _relayer(b, d, layer)


@inner
def _relayer(b: Any, d: Any, layer: int) -> None:
    """Make a layer anew from the one before it, with its tally."""
    cols = d[C_COLS]
    low, extra = d[LOW] + layer * cols, d[EXTRA] + (layer - 1) * cols
    if layer:
        for c in range(cols):
            d[low + c] = min(d[low - cols + c], d[extra + c])
    d[d[MOST] + layer] = FAR
    tally(b, d, d, low, d, d[FIT] + (layer + 1) * d[C_FITS])


@jit
def tally(b: Any, d: Any, m: Any, room: int, f: Any, fit: int) -> None:
    """f[fit + pool x SIZES + s]: nodes of the pool with room for s units, m[room + node]; pools of one node are left out."""
    for p in range(b[POOLS]):
        first, many = d[d[P_FIRST] + p], d[d[P_NODES] + p]
        if many <= 1:
            continue
        base = fit + p * SIZES
        for s in range(SIZES):
            f[base + s] = 0
        for i in range(first, first + many):
            free = m[room + d[d[BY_POOL] + i]]
            if free >= 0:
                f[base + min(free, SIZES - 1)] += 1
        for s in range(SIZES - 2, -1, -1):
            f[base + s] += f[base + s + 1]


@inner
def enough(d: Any, m: Any, room: int, f: Any, fit: int, pool: int, units: int, width: int) -> bool:
    """Whether `width` nodes of the pool have `units` of room, by their tally."""
    first, many = d[d[P_FIRST] + pool], d[d[P_NODES] + pool]
    if many == 1:
        return bool(width == 1 and m[room + d[d[BY_POOL] + first]] >= units)
    if units < SIZES:
        return bool(many > 0 and f[fit + pool * SIZES + units] >= width)
    found = 0
    for i in range(first, first + many):
        found += m[room + d[d[BY_POOL] + i]] >= units
    return bool(found >= width)


@inner
def fits(d: Any, layer: int, pool: int, units: int, width: int) -> bool:
    """Whether enough nodes of the pool have room in the layer."""
    return enough(d, d, d[LOW] + layer * d[C_COLS], d, d[FIT] + (layer + 1) * d[C_FITS], pool, units, width)


@inner
def never(d: Any, pool: int, units: int, width: int) -> bool:
    """Whether the pool has too few open nodes of this size, whatever runs on them."""
    return not enough(d, d, d[UNITS], d, d[FIT], pool, units, width)


@inner
def headroom(b: Any, d: Any, layer: int, account: int, need: int) -> bool:
    """Whether the caps of an account and those above it allow `need` units in the layer."""
    nodes, cols = b[NODES], d[C_COLS]
    if cols > nodes:
        low = d[LOW] + layer * cols + nodes
        while account >= 0:
            if d[low + account] < need:
                return False
            account = b[b[A_PARENT] + account]
    return True


@inner
def layer_of(d: Any, end: int) -> int:
    """The layer of a task that starts now and ends at `end`: how many instants lie before that."""
    return place_of(d, d[INSTANT], d[C_INSTANTS], end)


@inner
def most(b: Any, d: Any, layer: int) -> int:
    """The most room of any node in a layer."""
    known = d[MOST] + layer
    if d[known] == FAR:
        found, low = -MANY, d[LOW] + layer * d[C_COLS]
        for node in range(b[NODES]):
            if d[low + node] > found:
                found = d[low + node]
        d[known] = found
    return int(d[known])


@inner
def occupy(b: Any, d: Any, now: int, column: int, units: int, at: int, end: int) -> None:
    """Take units (give them back when negative) of a column over [at, end), now and at the instants."""
    size, cols, instant, extra = d[C_INSTANTS], d[C_COLS], d[INSTANT], d[EXTRA] + column
    room = d[d[LOW] + column]
    if at <= now:
        room -= units
    _set_low(b, d, 0, column, room)
    for k in range(size):
        here = extra + k * cols
        if at <= d[instant + k] < end:
            d[here] -= units
        room = min(room, d[here])
        _set_low(b, d, k + 1, column, room)


@inner
def _set_low(b: Any, d: Any, layer: int, column: int, room: int) -> None:
    low = d[LOW] + layer * d[C_COLS] + column
    before = d[low]
    if room == before:
        return
    d[low] = room
    d[d[MOST] + layer] = FAR
    if column >= b[NODES]:
        return
    pool = b[b[N_POOL] + column]
    if d[d[P_NODES] + pool] == 1:
        return
    fit = d[FIT] + (layer + 1) * d[C_FITS] + pool * SIZES
    for s in range(max(room, -1) + 1, min(before, SIZES - 1) + 1):
        d[fit + s] -= 1
    for s in range(max(before, -1) + 1, min(room, SIZES - 1) + 1):
        d[fit + s] += 1


@inner
def lasts(d: Any, column: int, need: int, start: int, end: int) -> bool:
    """Whether a column has `need` at every instant inside (start, end)."""
    cols, instant, extra = d[C_COLS], d[INSTANT], d[EXTRA] + column
    for k in range(d[C_INSTANTS]):  # noqa: SIM110 (the compiler takes no generators)
        if start < d[instant + k] < end and d[extra + k * cols] < need:
            return False
    return True
