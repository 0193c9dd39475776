"""Why each row waits after a round: every test it fails, for the whole queue at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import FAR, MANY, Ints
from shanyrak.policy.ground import Ground, Queue
from shanyrak.policy.kernel import Desk
from shanyrak.policy.order import Order
from shanyrak.policy.reasons import Why
from shanyrak.policy.tables import count_nodes, layer_of, layers, least_headroom, look
from shanyrak.policy.view import View

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Round:
    """What a round was decided on, as the pieces of one decision share it."""

    view: View
    ground: Ground
    queue: Queue
    desk: Desk
    order: Order
    sizes: Ints
    caps: Ints
    """[accounts] in effect; `MANY` for none."""
    never: Mask
    """[rows] the pool has too few open nodes that are large enough, whatever runs on them."""
    key: Ints
    """[rows] pool and size as one index into tables of nodes."""
    purse: Ints
    """[rows] account and unit kind as one index into what is left of the grants."""
    need: Ints
    """[rows] units of one task on all its nodes."""
    ends: Ints
    """[rows] when a task that starts now reaches its walltime."""


def waits(r: Round) -> tuple[Ints, Ints]:
    """Rows that have tasks left after the starts, ascending, and the `Why` bits of each."""
    view, g, q, d = r.view, r.ground, r.queue, r.desk
    free, headroom, left = _after_starts(r)
    instants, stack = layers(g)
    layer = layer_of(instants, r.ends)

    grant = q.hold > look(left, r.purse)
    fit = look(count_nodes(free[None, :], r.sizes, g), r.key) < q.width
    tight = look(count_nodes(stack[:, : g.nodes], r.sizes, g), r.key, layer) < q.width
    cap, window, reserved = np.zeros_like(fit), np.zeros_like(fit), ~fit
    if len(view.win_from):
        matter, window = _windows(r, free, fit)
        bare = np.minimum.accumulate(_without_windows(g, view, matter, instants), axis=0)
        alone = look(count_nodes(bare, r.sizes, g), r.key, layer) < q.width
        reserved &= alone | (tight & ~window)
    else:
        reserved &= tight
    if g.capped.any():
        cap = r.need > look(least_headroom(headroom[None, :], g), q.account)
        reserved |= (r.need > look(least_headroom(stack, g), q.account, layer)) & ~cap
    if d.reserved.any():
        held = d.held == 1
        reserved |= (q.hold > look(g.left, r.purse)) & ~(grant | held)
        # A row's own reservation is no reason for it to wait when there is another.
        reserved &= ~(held & (fit | cap | window))

    bits = np.zeros(len(fit), np.uint8)
    for bit, mask in (
        (Why.GRANT, grant), (Why.CAP, cap), (Why.FIT, fit), (Why.RESERVATION, reserved), (Why.WINDOW, window),
        (Why.ORDER, _behind(r)), (Why.TASKS, q.room <= d.started), (Why.NODES, r.never),
    ):  # fmt: skip
        bits |= mask.view(np.uint8) * np.uint8(bit)
    why = view.job_block | bits
    rows = np.flatnonzero(q.tasks > d.started)
    return rows, why.take(rows)


def _behind(r: Round) -> Mask:
    """The rows that a strict order keeps behind the blocker of their pool."""
    behind: Mask = np.zeros(len(r.key), bool)
    for pool in np.flatnonzero(r.desk.blocker >= 0).tolist():
        rows = np.flatnonzero(r.queue.pool == pool)
        behind[rows] = r.order.after(int(r.desk.blocker[pool]), rows)
    return behind


def _after_starts(r: Round) -> tuple[Ints, Ints, Ints]:
    """After the starts but without reservations and windows: free units of nodes, headroom, grants left."""
    view, g, q, d = r.view, r.ground, r.queue, r.desk
    free = np.where(view.node_open != 0, view.node_free, -MANY)
    headroom, left = np.zeros_like(g.room), view.acc_left.copy()
    headroom[g.nodes :] = r.caps - view.acc_use
    tasks, used = int(d.fill[2]), int(d.fill[3])
    rows = d.start_row[:tasks]
    np.subtract.at(free, d.start_nodes[:used], np.repeat(q.units[rows], q.width[rows]))
    np.subtract.at(left, (q.account[rows], view.pool_unit[q.pool[rows]]), q.hold[rows])
    account = q.account[rows]
    while (account >= 0).any():
        here = account >= 0
        np.subtract.at(headroom, g.nodes + account[here], r.need[rows][here])
        account = np.where(here, g.parent[account], -1)
    return free, headroom, left


def _windows(r: Round, free: Ints, fit: Mask) -> tuple[Mask, Mask]:
    """[windows] which still matter; [rows] which fit but for windows, or would not fit an idle machine."""
    view, g, q = r.view, r.ground, r.queue
    matter = view.win_until > np.maximum(view.win_from, g.now)
    near = np.full(g.nodes, FAR, np.int64)
    for i in np.flatnonzero(matter).tolist():
        covered = view.win_nodes[view.win_ptr[i] : view.win_ptr[i + 1]]
        near[covered] = np.minimum(near[covered], max(int(view.win_from[i]), g.now))
    starts = np.unique(near[near < FAR])
    layer = layer_of(starts, r.ends)
    touched = near[None, :] < np.concatenate([[-1], starts + 1])[:, None]
    units = np.where(view.node_open != 0, view.node_units, -MANY)
    idle = look(count_nodes(np.where(touched, -1, units), r.sizes, g), r.key, layer) < q.width
    now = look(count_nodes(np.where(touched, -1, free), r.sizes, g), r.key, layer) < q.width
    return matter, (idle & ~r.never) | (now & ~fit)


def _without_windows(g: Ground, view: View, matter: Mask, instants: Ints) -> Ints:
    """[1 + instants x nodes]: room now and at each instant as if there were no windows."""
    used = int(g.fill[1])
    order = np.argsort(g.instant[:used], kind="stable")
    room = np.concatenate([g.room[None, : g.nodes], g.extra[order, : g.nodes]])
    times = np.concatenate([[g.now], instants])
    for i in np.flatnonzero(matter).tolist():
        covered = view.win_nodes[view.win_ptr[i] : view.win_ptr[i + 1]]
        inside = np.flatnonzero((times >= view.win_from[i]) & (times < view.win_until[i]))
        room[np.ix_(inside, covered)] += MANY
    return room
