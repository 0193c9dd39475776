"""Whom to stop so that work with a claim can start: the fewest units, the least cost, nobody in vain."""

from __future__ import annotations

from typing import Any

from shanyrak.policy.arrays import FAR
from shanyrak.policy.board import (
    A_PARENT, HELD, H_END, H_NODE, H_RUN, H_UNITS, J_ACCOUNT, J_LIMIT, J_POOL, J_UNITS, J_WIDTH, NODES, RUNS, R_ACCOUNT, R_END,
    R_GUARD, R_ID, R_SAFE, R_START, R_STOP, R_UNITS, R_WIDTH,
)  # fmt: skip
from shanyrak.policy.compiled import inner
from shanyrak.policy.desk import (
    BY_POOL, CLAIMED, C_COLS, C_INSTANTS, C_SHORT, C_STOPS, D_CLAIM, EXTRA, INSTANT, K_FIT, K_GAIN, K_NODE, K_WEIGHT, LOW,
    MOST_STOPS, M_ABLE, M_COST, M_MARKED, M_PICK, P_FIRST, P_NODES, X_ROW, X_RUN,
)  # fmt: skip
from shanyrak.policy.facts import place_of
from shanyrak.policy.placing import choose, reserve
from shanyrak.policy.room import add_entry, headroom, layer_of, never, occupy


@inner
def reclaim(b: Any, d: Any, now: int, row: int) -> bool:
    """Stop what must make room for one task of the row, and keep the room for it; False when that is impossible.

    Work j may stop run i only if claim[j] > guard[i] and i is past its safe point. Of each node the run of least cost goes first,
    then the one that started last; those that turn out not to be needed stay.
    """
    pool, units, width = b[b[J_POOL] + row], b[b[J_UNITS] + row], b[b[J_WIDTH] + row]
    layer = layer_of(d, now + b[b[J_LIMIT] + row])
    if never(d, pool, units, width) or not headroom(b, d, layer, b[b[J_ACCOUNT] + row], units * width):
        return False
    if not _able(b, d, now, row):
        return False
    first, low, found = d[d[P_FIRST] + pool], d[LOW], 0
    for i in range(first, first + d[d[P_NODES] + pool]):
        node = d[d[BY_POOL] + i]
        if _would_fit(b, d, now, node, units, now + b[b[J_LIMIT] + row]):
            d[d[K_FIT] + found], d[d[K_WEIGHT] + found] = node, max(0, units - d[low + node])
            found += 1
    if found < width:
        return False
    choose(d, found, width)
    picked = _pick(b, d, units, width)
    _spare(b, d, units, width, picked)
    for i in range(picked):
        run = d[d[M_PICK] + i]
        if d[d[M_ABLE] + run] == 2:
            _stop(b, d, now, run, row)
    if d[C_SHORT] == 0:
        reserve(b, d, now, row, now + 1, CLAIMED, False)
    return True


@inner
def _able(b: Any, d: Any, now: int, row: int) -> bool:
    """Note which runs the row may stop, and what that would bring on each node."""
    claim, able, gain, some = d[d[D_CLAIM] + row], d[M_ABLE], d[K_GAIN], False
    for node in range(b[NODES]):
        d[gain + node] = 0
    for run in range(b[RUNS]):
        may = (
            b[b[R_GUARD] + run] < claim
            and b[b[R_SAFE] + run] <= now
            and b[b[R_STOP] + run] == 0
            and d[d[M_MARKED] + run] == 0
            and d[d[M_COST] + run] < FAR
        )
        d[able + run] = 1 if may else 0
        some = some or may
    if some:
        for i in range(b[HELD]):
            if d[able + place_of(b, b[R_ID], b[RUNS], b[b[H_RUN] + i])]:
                d[gain + b[b[H_NODE] + i]] += b[b[H_UNITS] + i]
    return bool(some)


@inner
def _would_fit(b: Any, d: Any, now: int, node: int, units: int, end: int) -> bool:
    """Whether a node would have room over [now, end) without the runs that may be stopped."""
    if d[d[LOW] + node] + d[d[K_GAIN] + node] < units:
        return False
    for k in range(d[C_INSTANTS]):
        when, room = d[d[INSTANT] + k], d[d[EXTRA] + k * d[C_COLS] + node]
        if when < end and room < units:
            for i in range(b[HELD]):
                if b[b[H_NODE] + i] == node and b[b[H_END] + i] > when:
                    run = place_of(b, b[R_ID], b[RUNS], b[b[H_RUN] + i])
                    if d[d[M_ABLE] + run]:
                        room += b[b[H_UNITS] + i]
            if room < units:
                return False
    return True


@inner
def _pick(b: Any, d: Any, units: int, width: int) -> int:
    """Pick runs node by node until each chosen node has `units`; `K_GAIN` becomes what the picked ones bring."""
    gain, picked, able = d[K_GAIN], 0, d[M_ABLE]
    for node in range(b[NODES]):
        d[gain + node] = 0
    for w in range(width):
        node = d[d[K_NODE] + w]
        while d[d[LOW] + node] + d[gain + node] < units:
            best = -1
            for i in range(b[HELD]):
                if b[b[H_NODE] + i] != node:
                    continue
                run = place_of(b, b[R_ID], b[RUNS], b[b[H_RUN] + i])
                if d[able + run] == 1 and (best < 0 or _rather(b, d, run, best)):
                    best = run
            d[able + best] = 2
            d[d[M_PICK] + picked] = best
            picked += 1
            for i in range(b[HELD]):
                if b[b[H_RUN] + i] == b[b[R_ID] + best]:
                    d[gain + b[b[H_NODE] + i]] += b[b[H_UNITS] + i]
    return picked


@inner
def _rather(b: Any, d: Any, one: int, other: int) -> bool:
    cost, start = d[M_COST], b[R_START]
    if d[cost + one] != d[cost + other]:
        return bool(d[cost + one] < d[cost + other])
    if b[start + one] != b[start + other]:
        return bool(b[start + one] > b[start + other])
    return one > other


@inner
def _spare(b: Any, d: Any, units: int, width: int, picked: int) -> None:
    """Let go of picked runs without which all chosen nodes still have enough, the dearest first."""
    gain, able = d[K_GAIN], d[M_ABLE]
    for i in range(picked - 1, -1, -1):
        run, needed = d[d[M_PICK] + i], False
        id_, size = b[b[R_ID] + run], b[b[R_UNITS] + run]
        for h in range(b[HELD]):
            if b[b[H_RUN] + h] == id_:
                node = b[b[H_NODE] + h]
                for w in range(width):
                    if d[d[K_NODE] + w] == node and d[d[LOW] + node] + d[gain + node] - size < units:
                        needed = True
        if not needed:
            d[able + run] = 1
            for h in range(b[HELD]):
                if b[b[H_RUN] + h] == id_:
                    d[gain + b[b[H_NODE] + h]] -= size


@inner
def _stop(b: Any, d: Any, now: int, run: int, row: int) -> None:
    """Write a stop; its room comes at now + 1 in place of the end of its walltime."""
    s = d[C_STOPS]
    if s >= d[MOST_STOPS]:
        d[C_SHORT] = 1
        return
    d[d[X_RUN] + s], d[d[X_ROW] + s] = run, row
    d[C_STOPS] = s + 1
    d[d[M_MARKED] + run] = 1
    bring_forward(b, d, now, run)


@inner
def bring_forward(b: Any, d: Any, now: int, run: int) -> None:
    """A run that is being stopped ends next, whatever its walltime says."""
    end, units, account = b[b[R_END] + run], b[b[R_UNITS] + run], b[b[R_ACCOUNT] + run]
    if end <= now + 1:
        return
    for i in range(b[HELD]):
        if b[b[H_RUN] + i] == b[b[R_ID] + run]:
            node = b[b[H_NODE] + i]
            occupy(b, d, now, node, -units, now + 1, end)
            add_entry(d, now + 1, node, units, account)
            add_entry(d, end, node, -units, account)
    nodes = b[NODES]
    if d[C_COLS] > nodes:
        while account >= 0:
            occupy(b, d, now, nodes + account, -units * b[b[R_WIDTH] + run], now + 1, end)
            account = b[b[A_PARENT] + account]
