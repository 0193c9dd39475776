"""From an order to a plan: one round of the kernel around its loops."""

from __future__ import annotations

import numpy as np

from shanyrak.policy.arrays import FAR, Ints
from shanyrak.policy.kernel import LOOK, keep, visit
from shanyrak.policy.plan import Plan
from shanyrak.policy.round import Mask, Round, set_up
from shanyrak.policy.slots import read_slots, write_slots
from shanyrak.policy.stages import Params, Stages
from shanyrak.policy.tables import layer_of, layers, look
from shanyrak.policy.view import View
from shanyrak.policy.waits import waits

PART = 512
"""Rows visited between two looks at who still fits: a full machine is noticed soon, the rest is never sorted."""


def pack(view: View, stages: Stages, params: Params, carry: Ints, new_promises: bool = True) -> tuple[Plan, Ints]:
    """The plan for `stages`, and the reservations to carry into the next round."""
    strict = stages.pack == "strict"
    depth = 0 if strict else stages.depth
    r = set_up(view, stages, depth)
    g, q, d = r.ground, r.queue, r.desk

    free = (view.job_tasks > 0) & (view.job_block == 0) & (view.job_room > 0)
    rows, short = r.short(view.acc_left)
    free[rows[short]] = False

    promised = r.promised
    if len(promised):
        promised = promised[free[promised] & ~r.never[q.shape[promised]]]
        promised = promised[np.lexsort((view.job_id[promised], view.job_promise[promised]))]
        keep(g, q, d, promised, *read_slots(carry, view, promised))
        free[promised] = (d.held[promised] == 0) & (view.job_tasks[promised] > d.started[promised])

    while True:
        rows = _worth_a_visit(r, free, strict, depth)
        part = r.order.first(rows, PART)
        visit(g, q, d, part, strict, depth, len(r.sizes))
        if len(rows) <= PART or (strict and (d.blocker >= 0).all()):
            return _plan(r, params, new_promises)
        free[part] = False


def _worth_a_visit(r: Round, free: Mask, strict: bool, depth: int) -> Ints:
    """The rows that a visit can change anything for, ascending, of those that are `free` to start.

    Room only shrinks within a round: who does not fit before it never will, and is visited only as one of the
    first of its pool, to block it or to get a reservation.
    """
    g, q, d = r.ground, r.queue, r.desk
    instants, stack = layers(g)
    lacking = r.lacking(stack[:, : g.nodes])
    startable = ~(lacking | r.never)
    if g.capped.any():
        startable &= r.need <= r.least_headroom(stack[:1])
    layer = layer_of(instants, r.ends)
    chosen = [np.flatnonzero(free & look(startable, q.shape, layer))]
    pools = [p for p in range(len(g.pool_unit)) if strict or d.reserved[p] < depth]
    tight = np.flatnonzero(free & look(lacking & ~r.never, q.shape, layer)) if pools else chosen[0][:0]
    for pool in pools:
        here = tight if len(g.pool_unit) == 1 else tight[q.pool[tight] == pool]
        chosen.append(r.order.first(here, LOOK + depth))
    return np.sort(np.concatenate(chosen))


def _plan(r: Round, params: Params, new_promises: bool) -> tuple[Plan, Ints]:
    view, q, d = r.view, r.queue, r.desk
    ids = view.job_id
    by_row: dict[int, list[int]] = {}
    for s in range(int(d.fill[2])):
        row, off = int(d.start_row[s]), int(d.start_off[s])
        by_row.setdefault(row, []).extend(d.start_nodes[off : off + int(q.width[row])].tolist())
    started = np.fromiter(by_row, np.int64, len(by_row))

    margin = int(params.get("margin", 0))
    slots: list[tuple[int, int, list[int]]] = []
    promises: list[tuple[int, int]] = []
    for h in range(int(d.fill[0])):
        row, at, off = int(d.hold_row[h]), int(d.hold_at[h]), int(d.hold_off[h])
        promise = int(view.job_promise[row])
        if at < 0 or row in by_row or not (promise or new_promises):
            continue
        slots.append((int(ids[row]), at, d.hold_nodes[off : off + int(q.width[row])].tolist()))
        if new_promises and (promise == 0 or at + margin < promise):
            promises.append((int(ids[row]), at))
    slots.sort()
    promises.sort()

    waiting, why = waits(r)
    closing = view.win_until[(view.win_until > view.now) & (view.win_until < FAR)]
    plan = Plan(
        start_job=ids[started], start_count=d.started[started],
        start_ptr=np.cumsum([0, *map(len, by_row.values())], dtype=np.int64),
        start_nodes=np.array([n for nodes in by_row.values() for n in nodes], np.int64),
        promise_job=np.array([job for job, _ in promises], np.int64),
        promise_at=np.array([at for _, at in promises], np.int64),
        hold_job=np.array([job for job, _, _ in slots], np.int64),
        hold_at=np.array([at for _, at, _ in slots], np.int64),
        hold_ptr=np.cumsum([0, *(len(nodes) for _, _, nodes in slots)], dtype=np.int64),
        hold_nodes=np.array([n for _, _, nodes in slots for n in nodes], np.int64),
        wait_job=ids[waiting], wait_why=why,
        wake=int(closing.min()) if len(closing) and len(waiting) else 0,
    )  # fmt: skip
    return plan, write_slots(slots)
