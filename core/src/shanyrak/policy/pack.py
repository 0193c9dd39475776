"""From stages to a plan: one round of the kernel, and what its desk says read off as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from shanyrak.policy.arrays import FAR, Ints, ints
from shanyrak.policy.board import JOBS, J_WIDTH, NODES, N_FREE, POOLS, PROMISED, RUNS, SHUT, STOPPING, WINDOWS
from shanyrak.policy.plan import Plan
from shanyrak.policy.stages import Params, Promising, Stages, promising
from shanyrak.policy.view import View
from shanyrak.policy.waits import waits
from shanyrak.policy.desk import (
    CARRY, CLAIMED, C_CARRY, C_HOLDS, C_HOLD_NODES, C_QUIET, C_ROWS, C_SHORT, C_STARTS, C_START_NODES, C_STOPS, D_CLAIM,
    D_GUARD, D_STARTED, HOLD_NODES, KEYS, LEVELS, M_COST, START_NODES, S_OFF, S_ROW, V_AT, V_KIND, V_OFF, V_ROW, X_ROW, X_RUN,
    Sizes, new_desk,
)  # fmt: skip
from shanyrak.policy.memory import face, part
from shanyrak.policy.kernel import decide_round, promised_start, write_carry


def pack(view: View, stages: Stages, params: Params, carry: Ints, new_promises: bool = True) -> tuple[Plan, Ints]:
    """The plan for `stages`, and the reservations to carry into the next round."""
    b, depth = view.board(), 0 if stages.pack == "strict" else stages.depth
    who = promising(params) if new_promises else Promising(0, 0, -1)
    roomy = 1
    while True:
        desk = new_desk(view.memory, sizes(view.memory, depth, len(carry), roomy), stages.cap)
        put_carry(desk, carry)
        fill(view.memory, desk, stages, view.now)
        d = face(desk)
        decide_round(b, d, view.now, stages.height, stages.pack == "strict", depth, stages.claims)
        if not d[C_SHORT]:
            plan = _plan(view, b, d, desk, stages, who, new_promises)
            write_carry(b, d, *who)
        if not d[C_SHORT]:
            return plan, part(desk, CARRY, int(desk[C_CARRY])).copy()
        roomy *= 4


def put_carry(desk: Ints, carry: Ints) -> None:
    """Lay the carry of the last round on a desk."""
    part(desk, CARRY, len(carry))[:] = carry
    desk[C_CARRY] = len(carry)


def sizes(b: Ints, depth: int, carry: int = 0, roomy: int = 1, widest: int = 1) -> Sizes:
    """A desk that is large enough for most rounds on this board; `roomy` times as large for those it was too small for.

    `widest`: the most nodes that work asks for which is not on the board yet.
    """
    nodes, jobs, pools = int(b[NODES]), int(b[JOBS]), int(b[POOLS])
    wide = min(int(part(b, J_WIDTH, jobs).max(initial=widest)), nodes)
    holds = roomy * (3 * int(b[PROMISED]) + pools * (depth + 2) + int(b[STOPPING]) + 8)
    units = int(np.maximum(part(b, N_FREE, nodes), 0).sum())
    return Sizes(
        instants=int(b[WINDOWS]) + holds + 2, entries=2 * int(b[SHUT]) + units + 2 * holds * (wide + 1), holds=holds,
        hold_nodes=holds * wide, stops=roomy * 64, carry=carry + holds * (wide + 3) + 1, starts=units, rows=jobs,
        runs=int(b[RUNS]), depth=depth,
    )  # fmt: skip


def fill(b: Ints, desk: Ints, stages: Stages, now: int) -> None:
    """Write a policy's keys, claims, guards and costs on a desk that has none."""
    if stages.order is not None:
        stages.order(face(b), now, face(stages.numbers), face(desk))
    jobs, rows = int(b[JOBS]), int(desk[C_ROWS])
    for level, key in enumerate(stages.keys):
        part(desk, KEYS, LEVELS * rows)[level * rows : level * rows + jobs] = key
    for column, values in ((D_CLAIM, stages.claim), (D_GUARD, stages.guard), (M_COST, stages.cost)):
        if values is not None:
            part(desk, column, len(values))[:] = values


def _plan(
    view: View, b: Any, d: Any, desk: Ints, stages: Stages, who: Promising, new_promises: bool
) -> Plan:  # fmt: skip
    ids, width, jobs = view.job_id, view.job_width, len(view.job_id)
    by_row: dict[int, list[int]] = {}
    nodes = part(desk, START_NODES, int(desk[C_START_NODES]))
    for row, off in zip(*(part(desk, name, int(desk[C_STARTS])).tolist() for name in (S_ROW, S_OFF)), strict=True):
        by_row.setdefault(row, []).extend(nodes[off : off + width[row]].tolist())
    started = np.fromiter(by_row, np.int64, len(by_row))

    slots: list[tuple[int, int, list[int]]] = []
    promises: list[tuple[int, int]] = []
    holds, held = int(desk[C_HOLDS]), part(desk, HOLD_NODES, int(desk[C_HOLD_NODES]))
    columns = (part(desk, name, holds).tolist() for name in (V_ROW, V_AT, V_OFF, V_KIND))
    for h, (row, at, off, kind) in enumerate(zip(*columns, strict=True)):
        if at < 0 or row in by_row:
            continue
        promise = new_promises and promised_start(b, d, h, *who) >= 0
        if promise or view.job_promise[row] or kind == CLAIMED:
            slots.append((int(ids[row]), at, held[off : off + width[row]].tolist()))
        if promise:
            promises.append((int(ids[row]), at))
    slots.sort()
    promises.sort()

    waiting, why = waits(view, b, d, stages.height)
    closing = view.win_until[(view.win_until > view.now) & (view.win_until < FAR)]
    wakes = closing.tolist()
    if stages.claims:
        wakes += view.run_safe[(view.run_safe > view.now) & (view.run_stop == 0)].tolist()
    stopped, for_ = (part(desk, name, int(desk[C_STOPS])) for name in (X_RUN, X_ROW))
    claim, guard = part(desk, D_CLAIM, jobs), part(desk, D_GUARD, jobs)
    return Plan(
        start_job=ids[started], start_count=part(desk, D_STARTED, jobs)[started],
        start_ptr=np.cumsum([0, *map(len, by_row.values())], dtype=np.int64),
        start_nodes=ints(n for nodes in by_row.values() for n in nodes),
        start_guard=np.maximum(claim[started], guard[started]),
        stop_run=view.run_id[stopped], stop_for=ids[for_], stop_claim=claim[for_],
        promise_job=ints(job for job, _ in promises), promise_at=ints(at for _, at in promises),
        hold_job=ints(job for job, _, _ in slots), hold_at=ints(at for _, at, _ in slots),
        hold_ptr=np.cumsum([0, *(len(nodes) for _, _, nodes in slots)], dtype=np.int64),
        hold_nodes=ints(n for _, _, nodes in slots for n in nodes),
        wait_job=ids[waiting], wait_why=why,
        wake=min(wakes, default=0) if len(waiting) else 0, quiet=int(desk[C_QUIET]),
    )  # fmt: skip
