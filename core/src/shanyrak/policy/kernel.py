"""One round of the kernel: promises kept, then the queue in order, packed strict or EASY to a depth.

It reads the board and leaves what it decided on the desk; it changes nothing else, reads no clock and allocates nothing.
Scalar loops, compiled when numba is there, interpreted with equal results otherwise.
"""

from __future__ import annotations

from typing import Any

from shanyrak.policy.arrays import FAR
from shanyrak.policy.board import (
    BLOCK, B_LIMIT, B_LIVE, B_UNITS, JOBS, J_ACCOUNT, J_BLOCK, J_CLASS, J_ID, J_LIMIT, J_POOL, J_PROMISE, J_TASKS, J_UNITS,
    J_WIDTH, LIVE, NODES, N_POOL, POOLS, POOL_UNIT, PROMISED, RUNS, R_STOP, STOPPING, TANGLED,
)  # fmt: skip
from shanyrak.policy.compiled import inner, jit
from shanyrak.policy.desk import (
    BEST, CARRY, CLAIMED, C_ACCOUNTS, C_BEST, C_CARRY, C_HOLDS, C_INSTANTS, C_QUIET, C_ROWS, C_SHORT, C_STARTS, C_STOPS,
    D_BOOKED, D_CLAIM, D_GUARD, D_INDEX, D_MOST, D_ORDER, D_STARTED, FIRST, HOLD_NODES, INSTANT, KEPT, KEYS, K_NODE, LEVELS,
    LOOK, MOST_CARRY, M_COST, M_MARKED, P_BLOCKER, P_NODES, P_NOTED, P_RESERVED, P_TESTED, SPENT, S_ROW, V_AT, V_KIND,
    V_OFF, V_ROW, WALK,
)  # fmt: skip
from shanyrak.policy.facts import row_of
from shanyrak.policy.placing import earliest, lift, may_start, place, reserve, short, start, walk_headroom
from shanyrak.policy.reclaim import bring_forward, reclaim
from shanyrak.policy.room import fits, headroom, lasts, lay_out, layer_of, most, never, walk_to
from shanyrak.policy.sorting import before, sort_rows
from shanyrak.policy.stages import NEVER

MARK = 0x51075
"""What a carry of this kernel starts with: another policy's is not read."""


@jit
def decide_round(b: Any, d: Any, now: int, levels: int, strict: bool, depth: int, claims: bool) -> None:
    """One round for a policy that has written `levels` keys on the desk (0: order of submission), and claims or none."""
    lay_out(b, d, now)
    d[C_QUIET] = 0
    promised = _lay_promises(b, d, now) if b[PROMISED] else 0
    if b[STOPPING]:
        _keep_claims(b, d, now)
    if promised:
        if claims:
            _move_promises(b, d, now, promised, True)
            _start_claims(b, d, now, levels, promised)
        _move_promises(b, d, now, promised, False)
    if levels or b[TANGLED]:
        _visit_in_order(b, d, now, levels, strict, depth, claims)
    else:
        _visit_as_they_stand(b, d, now, strict, depth, claims)
        if not claims:
            _be_quiet(b, d, strict, depth)


# ---- the queue ------------------------------------------------------------------------------------------------


@inner
def _closed(d: Any, pool: int, strict: bool, depth: int) -> bool:
    """Whether no more row of the pool can block it or get a reservation in this round."""
    if strict:
        return bool(d[d[P_BLOCKER] + pool] >= 0)
    return bool(d[d[P_RESERVED] + pool] >= depth or d[d[P_TESTED] + pool] >= LOOK + depth)


@inner
def _all_closed(b: Any, d: Any, strict: bool, depth: int) -> bool:
    for p in range(b[POOLS]):  # noqa: SIM110 (the compiler takes no generators)
        if d[d[P_NODES] + p] and not _closed(d, p, strict, depth):
            return False
    return True


@inner
def _visit_as_they_stand(b: Any, d: Any, now: int, strict: bool, depth: int, claims: bool) -> None:
    """All rows, which are in order already; those that are larger than any node's room are passed over when nothing but a start
    can come of them, and so are whole blocks."""
    size, tasks, block, units, limits = b[JOBS], b[J_TASKS], b[J_BLOCK], b[J_UNITS], b[J_LIMIT]
    closed, changed = _all_closed(b, d, strict, depth), True
    horizon, near, far = 0, 0, 0
    for first in range(0, size, BLOCK):
        at = first // BLOCK
        if not b[b[B_LIVE] + at]:
            continue
        for row in range(first, min(first + BLOCK, size)):
            if changed:
                closed, changed = _all_closed(b, d, strict, depth), False
                if closed and strict:
                    return
                # What ends by the first instant is bounded by the room of now, what ends later by that of the next layer.
                horizon, near, far = _bounds(b, d, now)
            if closed and not claims:
                if row == first and b[b[B_UNITS] + at] > (near if b[b[B_LIMIT] + at] <= horizon else far):
                    break
                if b[units + row] > (near if b[limits + row] <= horizon else far):
                    continue
            if b[tasks + row] and not b[block + row]:
                changed = visit(b, d, now, row, strict, depth, claims)


@inner
def _bounds(b: Any, d: Any, now: int) -> tuple[int, int, int]:
    """The longest walltime that ends by the first instant, and the most room of any node for it and for longer ones."""
    near = most(b, d, 0)
    if d[C_INSTANTS]:
        return d[d[INSTANT]] - now, near, most(b, d, 1)
    return FAR, near, near


@inner
def _visit_in_order(b: Any, d: Any, now: int, levels: int, strict: bool, depth: int, claims: bool) -> None:
    """The rows that a visit can change anything for, in order: those that fit, and the first of each pool that do not."""
    order, count, kept = d[D_ORDER], 0, LOOK + depth
    for p in range(b[POOLS]):
        d[d[P_NOTED] + p] = 0
    for row in range(b[JOBS]):
        if not b[b[J_TASKS] + row] or may_start(b, d, row) < 1 or d[d[D_BOOKED] + row]:
            continue
        pool, units, width = b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]
        claim = claims and d[d[D_CLAIM] + row] > 0
        if claim or fits(d, layer_of(d, now + b[b[J_LIMIT] + row]), pool, units, width):
            d[order + count] = row
            count += 1
        elif not _closed(d, pool, strict, depth) and not never(d, pool, units, width) and not short(b, d, row):
            _note_best(b, d, levels, pool, row, kept)
    for p in range(b[POOLS]):
        for i in range(d[d[P_NOTED] + p]):
            d[order + count] = d[d[BEST] + p * d[C_BEST] + i]
            count += 1
    sort_rows(b, d, levels, count)
    for i in range(count):
        visit(b, d, now, d[order + i], strict, depth, claims)


@inner
def _note_best(b: Any, d: Any, levels: int, pool: int, row: int, kept: int) -> None:
    """Keep the row if it is among the first `kept` of its pool; `P_NOTED` counts those kept."""
    best, have = d[BEST] + pool * d[C_BEST], d[d[P_NOTED] + pool]
    place = have
    if have == kept:
        if not before(b, d, levels, row, d[best + have - 1]):
            return
        place = have - 1
    else:
        d[d[P_NOTED] + pool] = have + 1
    while place > 0 and before(b, d, levels, row, d[best + place - 1]):
        d[best + place] = d[best + place - 1]
        place -= 1
    d[best + place] = row


@inner
def visit(b: Any, d: Any, now: int, row: int, strict: bool, depth: int, claims: bool) -> bool:
    """Start what fits of a row; then it blocks its pool (strict), reserves (EASY), or has others stopped if it has a claim.

    A row that only its cap, grant or `%N` holds back is passed over, and so is one that no release helps. True when there is
    less room for others, or the pool may have become closed to them.
    """
    pool, account, units, width = b[b[J_POOL] + row], b[b[J_ACCOUNT] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]
    if d[d[P_BLOCKER] + pool] >= 0 or d[d[D_BOOKED] + row]:
        return False
    tight, may, before_ = False, may_start(b, d, row), d[C_STARTS]
    while may > 0 and not short(b, d, row):
        layer = layer_of(d, now + b[b[J_LIMIT] + row])
        if not fits(d, layer, pool, units, width):
            tight = True
            break
        if not headroom(b, d, layer, account, units * width):
            break
        place(b, d, row, layer)
        start(b, d, now, row)
        may -= 1
    changed = d[C_STARTS] > before_
    if not tight:
        return bool(changed)
    if claims and d[d[D_CLAIM] + row] > 0 and d[C_STOPS] < LOOK and reclaim(b, d, now, row):
        return True
    if _closed(d, pool, strict, depth) or never(d, pool, units, width):
        return bool(changed)
    d[d[P_TESTED] + pool] += 1
    at = earliest(b, d, now, row, False)
    if at >= 0 and walk_headroom(b, d, row, at):
        if strict:
            d[d[P_BLOCKER] + pool] = row
        else:
            reserve(b, d, now, row, at, FIRST, True)
    return True


@inner
def _be_quiet(b: Any, d: Any, strict: bool, depth: int) -> None:
    """An arrival stands last: where all pools are closed, one that is larger than the room of any node changes nothing."""
    if b[LIVE] and _all_closed(b, d, strict, depth):
        d[C_QUIET] = 1 if strict else max(0, most(b, d, 0)) + 1


# ---- promises and claims --------------------------------------------------------------------------------------


@inner
def _lay_promises(b: Any, d: Any, now: int) -> int:
    """Reservations of promised rows, by promise, and how many rows these are, in `D_ORDER`.

    A row comes with the slot that the last round gave it, if its carry has one, so no promise moves another. A row
    whose grant is short gets nothing.
    """
    order, index, n = d[D_ORDER], d[D_INDEX], 0
    for row in range(b[JOBS]):
        if not b[b[J_PROMISE] + row] or may_start(b, d, row) < 1:
            continue
        if never(d, b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]):
            continue
        place_ = n
        while place_ > 0 and b[b[J_PROMISE] + d[order + place_ - 1]] > b[b[J_PROMISE] + row]:
            d[order + place_] = d[order + place_ - 1]
            place_ -= 1
        d[order + place_] = row
        n += 1
    for i in range(n):
        row, d[index + i] = d[order + i], -1
        if not short(b, d, row):
            at = _slot(b, d, now, row)
            if at >= 0:
                d[index + i] = reserve(b, d, now, row, at, KEPT, True)
    for i in range(n):
        row = d[order + i]
        if d[index + i] < 0 and not short(b, d, row):
            at = earliest(b, d, now, row, True)
            if at >= 0:
                d[index + i] = reserve(b, d, now, row, at, KEPT, True)
    return n


@inner
def _move_promises(b: Any, d: Any, now: int, promised: int, claims: bool) -> None:
    """Start each promised row or move it earlier, the others staying. `claims`: only those with a claim."""
    order, index = d[D_ORDER], d[D_INDEX]
    for i in range(promised):
        row, h = d[order + i], d[index + i]
        if h >= 0 and d[d[V_AT] + h] >= 0 and (not claims or d[d[D_CLAIM] + row] > 0):
            lift(b, d, now, h)
            d[index + i] = -1
            _begin_or_reserve(b, d, now, row, KEPT)


@inner
def _start_claims(b: Any, d: Any, now: int, levels: int, promised: int) -> None:
    """Start, in order, what has a claim and fits beside all promises, before any promise is moved earlier.

    Else promised work would take what others were stopped for, and they would be stopped again.
    """
    order, count = d[D_ORDER] + promised, 0
    for row in range(b[JOBS]):
        if d[d[D_CLAIM] + row] < 1 or b[b[J_PROMISE] + row] or not _fits_now(b, d, now, row):
            continue
        place_ = count
        while place_ > 0 and before(b, d, levels, row, d[order + place_ - 1]):
            d[order + place_] = d[order + place_ - 1]
            place_ -= 1
        d[order + place_] = row
        count += 1
    for i in range(count):
        row = d[order + i]
        while _fits_now(b, d, now, row):
            place(b, d, row, layer_of(d, now + b[b[J_LIMIT] + row]))
            start(b, d, now, row)


@inner
def _fits_now(b: Any, d: Any, now: int, row: int) -> bool:
    """Whether one more task of a row without a reservation may start."""
    if may_start(b, d, row) < 1 or d[d[D_BOOKED] + row] or short(b, d, row):
        return False
    units, width, layer = b[b[J_UNITS] + row], b[b[J_WIDTH] + row], layer_of(d, now + b[b[J_LIMIT] + row])
    return bool(
        fits(d, layer, b[b[J_POOL] + row], units, width) and headroom(b, d, layer, b[b[J_ACCOUNT] + row], units * width)
    )


@inner
def _begin_or_reserve(b: Any, d: Any, now: int, row: int, kind: int) -> None:
    layer = layer_of(d, now + b[b[J_LIMIT] + row])
    if fits(d, layer, b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]) and headroom(
        b, d, layer, b[b[J_ACCOUNT] + row], b[b[J_UNITS] + row] * b[b[J_WIDTH] + row]
    ):
        place(b, d, row, layer)
        start(b, d, now, row)
        return
    at = earliest(b, d, now, row, True)
    if at >= 0:
        reserve(b, d, now, row, at, kind, True)


@inner
def _slot(b: Any, d: Any, now: int, row: int) -> int:
    """The start of the row's slot in the carry, no earlier than now, with its nodes in `K_NODE` and the room in `walk`.

    -1 when it has none, or none that is still possible: a slot is only a proposal.
    """
    carry, size, i = d[CARRY], d[C_CARRY], 1
    pool, units, width = b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]
    if size == 0 or d[carry] != MARK:
        return -1
    while i + 3 <= size and d[carry + i] != b[b[J_ID] + row]:
        i += 3 + max(0, d[carry + i + 2])
    if i + 3 > size or d[carry + i + 2] != width or i + 3 + width > size:
        return -1
    at = max(d[carry + i + 1], now)
    walk_to(b, d, now, at)
    for w in range(width):
        node = d[carry + i + 3 + w]
        if node < 0 or node >= b[NODES] or b[b[N_POOL] + node] != pool:
            return -1
        for other in range(w):
            if d[d[K_NODE] + other] == node:
                return -1
        if d[d[WALK] + node] < units or not lasts(d, node, units, at, at + b[b[J_LIMIT] + row]):
            return -1
        d[d[K_NODE] + w] = node
    return int(at) if walk_headroom(b, d, row, at) else -1


@inner
def _keep_claims(b: Any, d: Any, now: int) -> None:
    """Work for which others are being stopped: it starts as soon as it can, before all that has no promise."""
    for run in range(b[RUNS]):
        if b[b[R_STOP] + run]:
            d[d[M_MARKED] + run] = 1
            bring_forward(b, d, now, run)
    for run in range(b[RUNS]):
        if b[b[R_STOP] + run]:
            row = row_of(b, b[b[R_STOP] + run])
            if row < 0 or may_start(b, d, row) < 1 or short(b, d, row):
                continue
            kind = CLAIMED
            for h in range(d[C_HOLDS]):
                if d[d[V_ROW] + h] == row and d[d[V_AT] + h] >= 0:
                    kind = d[d[V_KIND] + h]
                    lift(b, d, now, h)
            _begin_or_reserve(b, d, now, row, kind)


# ---- after the round ------------------------------------------------------------------------------------------


@jit
def promised_start(b: Any, d: Any, h: int, margin: int, classes: int, units: int) -> int:
    """What reservation `h` promises its row that was not promised before: its start, or -1.

    Work of the service classes in the bit mask `classes`, and all of `units` or more (-1: none), gets promises; none of the
    classes in its bits from `NEVER` on.
    """
    row, at = d[d[V_ROW] + h], d[d[V_AT] + h]
    if at < 0 or d[d[D_STARTED] + row] or d[d[V_KIND] + h] == CLAIMED:
        return -1
    if b[STOPPING] or d[C_STOPS]:
        return -1  # when units will be free is a guess until those that are being stopped have ended
    before_ = b[b[J_PROMISE] + row]
    if before_ == 0:
        large = units >= 0 and b[b[J_WIDTH] + row] * b[b[J_UNITS] + row] >= units
        class_ = b[b[J_CLASS] + row]
        if (classes >> (NEVER + class_)) & 1 or not (large or (classes >> class_) & 1):
            return -1
    elif at + margin >= before_:
        return -1
    return int(at)


@jit
def write_carry(b: Any, d: Any, margin: int, classes: int, units: int) -> None:
    """The reservations behind promises, for the next round: mark, then job, start, count and nodes of each."""
    size, carry = 0, d[CARRY]
    for h in range(d[C_HOLDS]):
        row, at = d[d[V_ROW] + h], d[d[V_AT] + h]
        if at < 0 or d[d[D_STARTED] + row]:
            continue
        if not b[b[J_PROMISE] + row] and promised_start(b, d, h, margin, classes, units) < 0:
            continue
        width = b[b[J_WIDTH] + row]
        if size + 4 + width > d[MOST_CARRY]:
            d[C_SHORT] = 1
            return
        if size == 0:
            d[carry] = MARK
            size = 1
        d[carry + size], d[carry + size + 1], d[carry + size + 2] = b[b[J_ID] + row], at, width
        for w in range(width):
            d[carry + size + 3 + w] = d[d[HOLD_NODES] + d[d[V_OFF] + h] + w]
        size += 3 + width
    d[C_CARRY] = size


@jit
def clear(b: Any, d: Any) -> None:
    """Take the marks of a round off the desk, so that it can be used for the next."""
    for s in range(d[C_STARTS]):
        _clear_row(b, d, d[d[S_ROW] + s])
    for h in range(d[C_HOLDS]):
        _clear_row(b, d, d[d[V_ROW] + h])
    for run in range(b[RUNS] if b[STOPPING] or d[C_STOPS] else 0):
        d[d[M_MARKED] + run] = 0


@inner
def _clear_row(b: Any, d: Any, row: int) -> None:
    d[d[D_STARTED] + row] = d[d[D_BOOKED] + row] = 0
    kind = b[b[POOL_UNIT] + b[b[J_POOL] + row]]
    d[d[SPENT] + kind * d[C_ACCOUNTS] + b[b[J_ACCOUNT] + row]] = 0


@jit
def blank(b: Any, d: Any) -> None:
    """Zeros where a policy's `order` writes."""
    for row in range(b[JOBS]):
        for level in range(LEVELS):
            d[d[KEYS] + level * d[C_ROWS] + row] = 0
        d[d[D_CLAIM] + row] = d[d[D_GUARD] + row] = d[d[D_MOST] + row] = 0
    for run in range(b[RUNS]):
        d[d[M_COST] + run] = 0
