"""Why each row waits after a round: every test it fails, for the whole queue at once."""

from __future__ import annotations

import numpy as np

from shanyrak.policy.arrays import FAR, MANY, Ints
from shanyrak.policy.ground import Ground, holds_of
from shanyrak.policy.reasons import Why
from shanyrak.policy.round import Mask, Round
from shanyrak.policy.tables import layer_of, layers, look
from shanyrak.policy.view import View


def waits(r: Round) -> tuple[Ints, Ints]:
    """Rows that have tasks left after the starts, ascending, and the `Why` bits of each."""
    view, g, q, d = r.view, r.ground, r.queue, r.desk
    free, headroom, left = _after_starts(r)
    instants, stack = layers(g)
    cuts, tight = instants, r.lacking(stack[:, : g.nodes])
    k = np.arange(len(tight))
    if len(view.win_from):
        matter, near = _windows(view)
        openings = np.unique(near[near < FAR])
        # The tests of a shape change where a walltime reaches one more instant or one more window.
        cuts = np.union1d(instants, openings)
        k = np.concatenate([[0], np.searchsorted(instants, cuts, "right")])
        w = np.concatenate([[0], np.searchsorted(openings, cuts, "right")])
        tight = tight[k]
    fit = r.lacking(free[None, :])[0]
    cap, window, reserved = np.zeros_like(fit), np.zeros_like(tight), tight & ~fit
    if len(view.win_from):
        touched = near[None, :] < np.concatenate([[-1], openings + 1])[:, None]
        units = np.where(view.node_open != 0, view.node_units, -MANY)
        window = (r.lacking(np.where(touched, -1, units)) & ~r.never)[w]
        window |= (r.lacking(np.where(touched, -1, free)) & ~fit)[w]
        alone = r.lacking(np.minimum.accumulate(_without_windows(g, view, matter, instants), axis=0))[k]
        reserved &= alone | ~window
    if g.capped.any():
        cap = r.need > r.least_headroom(headroom[None, :])[0]
        reserved |= (r.need > r.least_headroom(stack)[k]) & ~cap

    bits = np.zeros(tight.shape, np.uint8)
    for bit, mask in (
        (Why.CAP, cap), (Why.FIT, fit), (Why.RESERVATION, reserved), (Why.WINDOW, window), (Why.NODES, r.never),
    ):  # fmt: skip
        bits |= mask.view(np.uint8) * np.uint8(bit)
    why = view.job_block | look(bits, q.shape, layer_of(cuts, r.ends))
    _by_row(r, why, left)
    waiting = q.tasks > d.started
    if waiting.all():
        return np.arange(len(why)), why
    rows = np.flatnonzero(waiting)
    return rows, why.take(rows)


def _by_row(r: Round, why: Ints, left: Ints) -> None:
    """What rows of one shape do not share: grants, the array's own limit, the order, the own reservation."""
    q, d = r.queue, r.desk
    rows, now = r.short(left)
    why[rows[now]] |= Why.GRANT
    if d.reserved.any():
        rows, later = r.short(r.ground.left)
        own = rows[later]
        why[own[(why[own] & Why.GRANT == 0) & (d.held[own] == 0)]] |= Why.RESERVATION
        # A row's own reservation is no reason for it to wait when there is another.
        for row in d.hold_row[: d.fill[0]].tolist():
            if d.held[row] and why[row] & (Why.FIT | Why.CAP | Why.WINDOW):
                why[row] &= ~int(Why.RESERVATION)
    full = q.room <= d.started
    if full.any():
        why[full] |= Why.TASKS
    for pool in np.flatnonzero(d.blocker >= 0).tolist():
        rows = np.flatnonzero(q.pool == pool)
        why[rows[r.order.after(int(d.blocker[pool]), rows)]] |= Why.ORDER


def _after_starts(r: Round) -> tuple[Ints, Ints, Ints]:
    """After the starts but without reservations and windows: free units of nodes, headroom, grants left."""
    view, g, q, d = r.view, r.ground, r.queue, r.desk
    free = np.where(view.node_open != 0, view.node_free, -MANY)
    headroom, left = np.zeros_like(g.room), view.acc_left.copy()
    headroom[g.nodes :] = r.caps - view.acc_use
    tasks, used = int(d.fill[2]), int(d.fill[3])
    if not tasks:
        return free, headroom, left
    rows = d.start_row[:tasks]
    np.subtract.at(free, d.start_nodes[:used], np.repeat(q.units[rows], q.width[rows]))
    np.subtract.at(left, (q.account[rows], view.pool_unit[q.pool[rows]]), holds_of(q, rows))
    account, need = q.account[rows], r.need[q.shape[rows]]
    while (account >= 0).any():
        here = account >= 0
        np.subtract.at(headroom, g.nodes + account[here], need[here])
        account = np.where(here, g.parent[account], -1)
    return free, headroom, left


def _windows(view: View) -> tuple[Mask, Ints]:
    """[windows] which still matter, and [nodes] when the first of them opens (now: one is open; `FAR`: none)."""
    matter = view.win_until > np.maximum(view.win_from, view.now)
    near = np.full(len(view.node_pool), FAR, np.int64)
    for i in np.flatnonzero(matter).tolist():
        covered = view.win_nodes[view.win_ptr[i] : view.win_ptr[i + 1]]
        near[covered] = np.minimum(near[covered], max(int(view.win_from[i]), view.now))
    return matter, near


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
