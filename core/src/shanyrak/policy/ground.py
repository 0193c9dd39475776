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
    """The pending rows as the kernel reads them; `size` is the class of units of a *shape*."""

    account: Ints
    pool: Ints
    width: Ints
    units: Ints
    limit: Ints
    tasks: Ints
    room: Ints
    shape: Ints
    size: Ints


def queue(view: View) -> tuple[Queue, Ints]:
    """The rows, and the sizes (units on a node) that `Queue.size` indexes, ascending."""
    largest = int(view.shape_units.max(initial=0))
    if largest <= 64:
        sizes, size = np.arange(largest + 1), view.shape_units
    else:
        sizes, size = np.unique(view.shape_units, return_inverse=True)
    made = Queue(
        view.job_account, view.job_pool, view.job_width, view.job_units, view.job_limit, view.job_tasks,
        view.job_room, view.job_shape, size,
    )  # fmt: skip
    return made, sizes


def holds_of(q: Queue, rows: Ints) -> Ints:
    """The unit-seconds that one task of each row takes from its grants."""
    return q.width[rows] * q.units[rows] * ((q.limit[rows] + 999) // 1000)


def caps_of(view: View, cap: Ints | None) -> Ints:
    """The caps in effect, `MANY` for none: the accounts' own and a policy's."""
    caps = np.where(view.acc_cap < 0, MANY, view.acc_cap)
    return caps if cap is None else np.minimum(caps, np.where(cap < 0, MANY, cap))


def chain_of(view: View) -> Ints:
    """[levels x accounts]: each account, the one above it, and so on; a root stands for what is above it."""
    chain = [np.arange(len(view.acc_parent))]
    while ((above := view.acc_parent[chain[-1]]) >= 0).any():
        chain.append(np.where(above < 0, chain[-1], above))
    return np.array(chain)


def ground(view: View, chain: Ints, caps: Ints, spare_entries: int, spare_instants: int) -> Ground:
    """The ground before this round's starts and reservations, with space for more entries and instants."""
    now, nodes, accounts = view.now, len(view.node_pool), len(view.acc_cap)
    room = np.empty(nodes + accounts, np.int64)
    room[:nodes] = np.where(view.node_open != 0, view.node_free, -MANY)
    room[nodes:] = caps - view.acc_use

    parts = [_releases(view, chain, caps < MANY)]
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


def _releases(view: View, chain: Ints, capped: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """What running work gives back at its limit: units to its nodes, headroom to its accounts that have a cap."""
    widths = np.diff(view.run_ptr)
    ends = np.maximum(view.run_end, view.now + 1)
    at, col, by = np.repeat(ends, widths), view.run_nodes, np.repeat(view.run_units, widths)
    if not capped.any():
        return at, col, by
    above = chain[:, view.run_account]
    gains = capped[above]
    gains[1:] &= above[1:] != above[:-1]
    level, run = np.nonzero(gains)
    return (
        np.concatenate([at, ends[run]]),
        np.concatenate([col, above[level, run] + len(view.node_pool)]),
        np.concatenate([by, (view.run_units * widths)[run]]),
    )


def _grown(values: Ints, spare: int) -> Ints:
    out = np.empty(len(values) + spare, np.int64)
    out[: len(values)] = values
    return out
