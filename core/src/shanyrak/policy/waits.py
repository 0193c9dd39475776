"""Why each row waits after a round: every test it fails, for the whole queue in one pass."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from shanyrak.policy.arrays import FAR, MANY, Ints
from shanyrak.policy.compiled import inner, jit
from shanyrak.policy.board import (
    ACCOUNTS, A_PARENT, A_USE, JOBS, J_ACCOUNT, J_BLOCK, J_LIMIT, J_POOL, J_ROOM, J_TASKS, J_UNITS, J_WIDTH, KINDS, LEFT, NODES,
    N_FREE, N_OPEN, POOL_UNIT, ROOM_ACCOUNTS,
)  # fmt: skip
from shanyrak.policy.reasons import Why
from shanyrak.policy.view import View
from shanyrak.policy.desk import (
    CAP, C_COLS, C_FITS, C_INSTANTS, C_STARTS, D_BOOKED, D_STARTED, EXTRA, INSTANT, LOW, P_BLOCKER, START_NODES, S_OFF, S_ROW,
)  # fmt: skip
from shanyrak.policy.memory import face, memory, part
from shanyrak.policy.placing import hold_of, short
from shanyrak.policy.room import enough, fits, headroom, layer_of, never, tally
from shanyrak.policy.sorting import before

_BITS = (Why.GRANT, Why.CAP, Why.FIT, Why.RESERVATION, Why.WINDOW, Why.ORDER, Why.TASKS, Why.NODES)
W_GRANT, W_CAP, W_FIT, W_RESERVATION, W_WINDOW, W_ORDER, W_TASKS, W_NODES = (int(bit) for bit in _BITS)

_next = count()


def _names(number: int) -> tuple[int, ...]:
    return tuple(next(_next) for _ in range(number))


(OPENINGS,) = _names(1)
FREE, OPENING, WHOLE, UNTOUCHED, ALONE, PURSE = _names(6)
"""What rows are tested against beside the desk: [columns] free after the starts, without reservations and windows; when windows
open, ascending; [1 + openings][nodes] all units of nodes that no window has covered by then, and free units of those;
[layers][nodes] the least room as if there were no windows; [unit kinds][accounts] left of grants after the starts."""

FREE_FIT, WHOLE_FIT, UNTOUCHED_FIT, ALONE_FIT = _names(4)
"""Tallies of these."""

_HEADER = next(_next)


def waits(view: View, b: Any, d: Any, levels: int) -> tuple[Ints, Ints]:
    """Rows that have tasks left after the starts, ascending, and the `Why` bits of each."""
    size = int(b[JOBS])
    rows, why = np.empty(size, np.int64), np.empty(size, np.int64)
    found = _tests(b, d, _ground(view, b, d), view.now, levels, face(rows), face(why))
    return rows[:found], why[:found]


def _ground(view: View, b: Any, d: Any) -> Any:
    now, nodes, cols, fits = view.now, int(b[NODES]), int(d[C_COLS]), int(d[C_FITS])
    near = np.full(nodes, FAR, np.int64)
    matter = np.flatnonzero(view.win_until > np.maximum(view.win_from, now)).tolist()
    covered = {i: view.win_nodes[view.win_ptr[i] : view.win_ptr[i + 1]] for i in matter}
    for i in matter:
        near[covered[i]] = np.minimum(near[covered[i]], max(int(view.win_from[i]), now))
    openings = np.unique(near[near < FAR])
    many, layers = (len(openings) + 1, int(d[C_INSTANTS]) + 1) if matter else (0, 0)
    m = memory(_HEADER, {
        FREE: cols, FREE_FIT: fits, OPENING: len(openings), WHOLE: many * nodes, WHOLE_FIT: many * fits,
        UNTOUCHED: many * nodes, UNTOUCHED_FIT: many * fits, ALONE: layers * nodes, ALONE_FIT: layers * fits,
        PURSE: int(b[KINDS]) * int(b[ACCOUNTS]),
    })  # fmt: skip
    m[OPENINGS] = len(openings)
    g = face(m)
    _after_starts(b, d, g)
    if matter:
        part(m, OPENING, len(openings))[:] = openings
        units = np.where(view.node_open != 0, view.node_units, -MANY)
        desk = np.asarray(d)
        times = np.array([now, *part(desk, INSTANT, layers - 1).tolist()])
        whole, untouched = (part(m, name, many * nodes).reshape(many, nodes) for name in (WHOLE, UNTOUCHED))
        for w in range(many):
            touched = near < (openings[w - 1] + 1 if w else -1)
            whole[w], untouched[w] = np.where(touched, -1, units), np.where(touched, -1, part(m, FREE, nodes))
        alone = part(m, ALONE, layers * nodes).reshape(layers, nodes)
        alone[0] = part(desk, LOW, nodes)
        alone[1:] = part(desk, EXTRA, (layers - 1) * cols).reshape(layers - 1, cols)[:, :nodes]
        for i in matter:
            inside = np.flatnonzero((times >= view.win_from[i]) & (times < view.win_until[i]))
            alone[np.ix_(inside, covered[i])] += MANY
        np.minimum.accumulate(alone, axis=0, out=alone)
        for table, fit, rows in (
            (WHOLE, WHOLE_FIT, many),
            (UNTOUCHED, UNTOUCHED_FIT, many),
            (ALONE, ALONE_FIT, layers),
        ):
            for k in range(rows):
                tally(b, d, g, int(m[table]) + k * nodes, g, int(m[fit]) + k * fits)
    return g


@jit
def _after_starts(b: Any, d: Any, g: Any) -> None:
    """Free units of nodes, headroom and grants after the starts but without reservations and windows."""
    free, nodes, cols, accounts = g[FREE], b[NODES], d[C_COLS], b[ACCOUNTS]
    for node in range(nodes):
        g[free + node] = b[b[N_FREE] + node] if b[b[N_OPEN] + node] else -MANY
    for account in range(cols - nodes):
        g[free + nodes + account] = d[d[CAP] + account] - b[b[A_USE] + account]
    for kind in range(b[KINDS]):
        for account in range(accounts):
            g[g[PURSE] + kind * accounts + account] = b[b[LEFT] + kind * b[ROOM_ACCOUNTS] + account]
    for s in range(d[C_STARTS]):
        row, off = d[d[S_ROW] + s], d[d[S_OFF] + s]
        for w in range(b[b[J_WIDTH] + row]):
            g[free + d[d[START_NODES] + off + w]] -= b[b[J_UNITS] + row]
        account = b[b[J_ACCOUNT] + row]
        g[g[PURSE] + b[b[POOL_UNIT] + b[b[J_POOL] + row]] * accounts + account] -= hold_of(b, row)
        while cols > nodes and account >= 0:
            g[free + nodes + account] -= b[b[J_UNITS] + row] * b[b[J_WIDTH] + row]
            account = b[b[A_PARENT] + account]
    tally(b, d, g, free, g, g[FREE_FIT])


@inner
def _capped(b: Any, d: Any, g: Any, account: int, need: int) -> bool:
    nodes = b[NODES]
    if d[C_COLS] > nodes:
        while account >= 0:
            if g[g[FREE] + nodes + account] < need:
                return True
            account = b[b[A_PARENT] + account]
    return False


@jit
def _tests(b: Any, d: Any, g: Any, now: int, levels: int, rows: Any, out: Any) -> int:
    """Write the rows that wait and their bits; how many they are."""
    found, openings, nodes, count_ = 0, g[OPENINGS], b[NODES], d[C_FITS]
    for row in range(b[JOBS]):
        if b[b[J_TASKS] + row] <= d[d[D_STARTED] + row]:
            continue
        pool, units, width = b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]
        account, end, why = b[b[J_ACCOUNT] + row], now + b[b[J_LIMIT] + row], b[b[J_BLOCK] + row]
        layer, impossible = layer_of(d, end), never(d, pool, units, width)
        fit = not enough(d, g, g[FREE], g, g[FREE_FIT], pool, units, width)
        reserved = not fit and not fits(d, layer, pool, units, width)
        if impossible:
            why |= W_NODES
        if fit:
            why |= W_FIT
        if openings:
            w = 0
            while w < openings and g[g[OPENING] + w] < end:
                w += 1
            at, by = w * nodes, w * count_
            window = not impossible and not enough(d, g, g[WHOLE] + at, g, g[WHOLE_FIT] + by, pool, units, width)
            if not fit and not enough(d, g, g[UNTOUCHED] + at, g, g[UNTOUCHED_FIT] + by, pool, units, width):
                window = True
            if window:
                why |= W_WINDOW
                at, by = layer * nodes, layer * count_
                if enough(d, g, g[ALONE] + at, g, g[ALONE_FIT] + by, pool, units, width):
                    reserved = False
        if _capped(b, d, g, account, units * width):
            why |= W_CAP
        elif not headroom(b, d, layer, account, units * width):
            reserved = True
        kind, hold, booked = b[b[POOL_UNIT] + pool], hold_of(b, row), d[d[D_BOOKED] + row]
        if g[g[PURSE] + kind * b[ACCOUNTS] + account] < hold:
            why |= W_GRANT
        elif not booked and short(b, d, row):
            reserved = True
        # A row's own reservation is no reason for it to wait when there is another.
        if reserved and not (booked and why & (W_FIT | W_CAP | W_WINDOW)):
            why |= W_RESERVATION
        if b[b[J_ROOM] + row] <= d[d[D_STARTED] + row]:
            why |= W_TASKS
        blocker = d[d[P_BLOCKER] + pool]
        if blocker >= 0 and before(b, d, levels, blocker, row):
            why |= W_ORDER
        rows[found], out[found] = row, why
        found += 1
    return found
