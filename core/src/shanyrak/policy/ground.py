"""The ground a round is decided on: room of nodes and accounts, now and at every instant where it shrinks.

Nodes and accounts are *columns* of one table: a task of `width` nodes x `units` takes `units` from each of
its node columns, and `width * units` from its account's column and those above it (headroom under the caps).
Room over time changes only by *entries* (time, column, amount). It can shrink only at starts of windows and
of reservations: the *instants*. So a task fits a column over [t, t + limit) if it fits at t and at each
instant inside; `extra[k]` is the room at instant k with all entries up to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import FAR, MANY, Ints
from shanyrak.policy.view import View


class Ground(NamedTuple):
    """Arrays that the kernel's loops change in place."""

    now: int
    nodes: int
    """Columns [0, nodes) are nodes, the rest accounts."""
    node_pool: Ints
    pool_ptr: Ints
    pool_nodes: Ints
    """The nodes of pool p, ascending: `pool_nodes[pool_ptr[p]:pool_ptr[p + 1]]`."""
    pool_unit: Ints
    parent: Ints
    capped: Ints
    """1 for accounts with a cap: only these have entries."""
    room: Ints
    """[columns] now; closed nodes and nodes inside a window are far below zero."""
    left: Ints
    """[accounts x unit kinds] unit-seconds; starts and reservations take their hold."""
    at: Ints
    col: Ints
    by: Ints
    """The entries after `now`, in no order; `fill[0]` of them."""
    instant: Ints
    extra: Ints
    """[instants x columns]; `fill[1]` of them, in no order."""
    fill: Ints


class Queue(NamedTuple):
    """The pending rows as the kernel reads them; `hold`: unit-seconds of a task, `size`: a class of units."""

    account: Ints
    pool: Ints
    width: Ints
    units: Ints
    limit: Ints
    tasks: Ints
    room: Ints
    hold: Ints
    size: Ints


def queue(view: View) -> tuple[Queue, Ints]:
    """The rows, and the sizes (units on a node) that `Queue.size` indexes, ascending."""
    units = view.job_units
    largest = int(units.max()) if len(units) else 0
    if largest <= 64:
        sizes, size = np.arange(largest + 1), units
    elif largest <= 4096:
        seen = np.bincount(units) > 0
        sizes, size = np.flatnonzero(seen), np.cumsum(seen)[units] - 1
    else:
        sizes, size = np.unique(units, return_inverse=True)
    hold = view.job_width * units * ((view.job_limit + 999) // 1000)
    made = Queue(
        view.job_account, view.job_pool, view.job_width, units, view.job_limit, view.job_tasks, view.job_room,
        hold, size,
    )  # fmt: skip
    return made, sizes


def caps_of(view: View, cap: Ints | None) -> Ints:
    """The caps in effect, `MANY` for none: the accounts' own and a policy's."""
    caps = np.where(view.acc_cap < 0, MANY, view.acc_cap)
    return caps if cap is None else np.minimum(caps, np.where(cap < 0, MANY, cap))


def ground(view: View, caps: Ints, spare_entries: int, spare_instants: int) -> Ground:
    """The ground before this round's starts and reservations, with space for more entries and instants."""
    now, nodes, accounts = view.now, len(view.node_pool), len(view.acc_cap)
    room = np.empty(nodes + accounts, np.int64)
    room[:nodes] = np.where(view.node_open != 0, view.node_free, -MANY)
    room[nodes:] = caps - view.acc_use

    parts = [_releases(view, caps < MANY)]
    starts: set[int] = set()
    for i in range(len(view.win_from)):
        from_, until = int(view.win_from[i]), int(view.win_until[i])
        covered = view.win_nodes[view.win_ptr[i] : view.win_ptr[i + 1]]
        if until <= max(from_, now):
            continue
        if from_ <= now:
            room[covered] -= MANY
        else:
            starts.add(from_)
            parts.append((np.full_like(covered, from_), covered, np.full_like(covered, -MANY)))
        parts.append((np.full_like(covered, min(until, FAR)), covered, np.full_like(covered, MANY)))
    at, col, by = (np.concatenate(column) for column in zip(*parts, strict=True))

    used, shrinks = len(at), np.array(sorted(starts), np.int64)
    instant = np.empty(len(shrinks) + spare_instants, np.int64)
    instant[: len(shrinks)] = shrinks
    extra = np.empty((len(instant), len(room)), np.int64)
    for k, when in enumerate(shrinks):
        extra[k] = room
        before = at <= when
        np.add.at(extra[k], col[before], by[before])

    by_pool = np.argsort(view.node_pool, kind="stable")
    pool_ptr = np.searchsorted(view.node_pool[by_pool], np.arange(len(view.pool_unit) + 1))
    return Ground(
        now, nodes, view.node_pool, pool_ptr.astype(np.int64), by_pool.astype(np.int64), view.pool_unit,
        view.acc_parent, (caps < MANY).astype(np.int64), room, view.acc_left.copy(),
        _grown(at, spare_entries), _grown(col, spare_entries), _grown(by, spare_entries), instant, extra,
        np.array([used, len(shrinks)], np.int64),
    )  # fmt: skip


def _releases(view: View, capped: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """What running work gives back at its limit: units to its nodes, headroom to its accounts."""
    widths = np.diff(view.run_ptr)
    ends = np.maximum(view.run_end, view.now + 1)
    at, col = [np.repeat(ends, widths)], [view.run_nodes]
    by = [np.repeat(view.run_units, widths)]
    account, total = view.run_account, view.run_units * widths
    while capped.any() and (account >= 0).any():
        here = account >= 0
        here[here] = capped[account[here]]
        at.append(ends[here])
        col.append(account[here] + len(view.node_pool))
        by.append(total[here])
        account = np.where(account >= 0, view.acc_parent[account], -1)
    return np.concatenate(at), np.concatenate(col), np.concatenate(by)


def _grown(values: Ints, spare: int) -> Ints:
    out = np.empty(len(values) + spare, np.int64)
    out[: len(values)] = values
    return out
