"""What happens, as changes of the board in place: scalar loops that the mirror and the virtual clock share.

Nothing here checks or grows anything: the caller has made sure that the facts fit the board and that there are spare rows.
"""

from __future__ import annotations

from typing import Any

from shanyrak.model import decay
from shanyrak.policy.arrays import MANY
from shanyrak.policy.board import (
    A_PARENT, A_SETTLED, A_SETTLED_AT, A_USE, BLOCK, B_LIMIT, B_LIVE, B_UNITS, HELD, H_ACCOUNT, H_END, H_NODE, H_RUN, H_UNITS,
    JOBS, J_ACCOUNT, J_ATTAINED, J_BLOCK, J_CLASS, J_ID, J_LIMIT, J_POOL, J_PREDICTED, J_PROMISE, J_ROOM, J_SUBMIT, J_TASKS,
    J_TRIES, J_UNITS, J_WIDTH, LIVE, N_FREE, PROMISED, RUNS, R_ACCOUNT, R_CLASS, R_END, R_GUARD, R_ID, R_JOB, R_SAFE, R_START,
    R_STOP, R_UNITS, R_WIDTH, STOPPING, TANGLED,
)  # fmt: skip
from shanyrak.policy.compiled import COMPILED, inner, jit, share

share(decay.ROUTINES)


@inner
def place_of(m: Any, column: int, size: int, key: int) -> int:
    """Where a row with this key is, or would go, in the ascending column at this offset."""
    if not size or key > m[column + size - 1]:
        return size
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if m[column + middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def move_up(m: Any, first: int, last: int, by: int) -> None:
    """Move the items [first, last) of a memory up by so many places."""
    if COMPILED:
        for i in range(last - 1, first - 1, -1):
            m[i + by] = m[i]
    else:
        m[first + by : last + by] = m[first:last]


@inner
def move_down(m: Any, first: int, last: int, by: int) -> None:
    """Move the items [first, last) of a memory down by so many places."""
    if COMPILED:
        for i in range(first, last):
            m[i - by] = m[i]
    else:
        m[first - by : last - by] = m[first:last]


# ---- pending work ---------------------------------------------------------------------------------------------


@jit
def row_of(b: Any, job: int) -> int:
    """The row of a job, dead or alive, or -1."""
    at = place_of(b, b[J_ID], b[JOBS], job)
    return at if at < b[JOBS] and b[b[J_ID] + at] == job else -1


@jit
def add_job(b: Any, job: int) -> int:
    """A dead row for a job that has none; its index."""
    size = b[JOBS]
    at = place_of(b, b[J_ID], size, job)
    for name in range(J_ID, J_BLOCK + 1):
        column = b[name]
        if at < size:
            move_up(b, column + at, column + size, 1)
        b[column + at] = 0
    b[b[J_ID] + at] = job
    b[JOBS] = size + 1
    if at < size:
        reblock(b)
    elif at % BLOCK == 0:
        _empty_block(b, at // BLOCK)
    return at


@jit
def queue_tasks(
    b: Any, row: int, account: int, pool: int, width: int, units: int, tasks: int, room: int, limit: int, predicted: int,
    submit: int, class_: int, attained: int, tries: int, block: int,
) -> None:  # fmt: skip
    """Put `tasks` more tasks into a row, whose request is as said here."""
    before = b[b[J_TASKS] + row]
    b[b[J_ACCOUNT] + row], b[b[J_POOL] + row], b[b[J_WIDTH] + row], b[b[J_UNITS] + row] = account, pool, width, units
    b[b[J_TASKS] + row], b[b[J_ROOM] + row], b[b[J_LIMIT] + row], b[b[J_PREDICTED] + row] = (
        before + tasks,
        room,
        limit,
        predicted,
    )
    b[b[J_SUBMIT] + row], b[b[J_CLASS] + row], b[b[J_ATTAINED] + row] = submit, class_, attained
    b[b[J_TRIES] + row], b[b[J_BLOCK] + row] = tries, block
    if before == 0:
        b[LIVE] += 1
        b[b[B_LIVE] + row // BLOCK] += 1
    _bound(b, row)
    if (row and b[b[J_SUBMIT] + row - 1] > submit) or (row + 1 < b[JOBS] and b[b[J_SUBMIT] + row + 1] < submit):
        b[TANGLED] = 1


@jit
def take_tasks(b: Any, row: int, tasks: int) -> None:
    """So many tasks of a row leave; a row without tasks is dead and has no promise."""
    b[b[J_TASKS] + row] -= tasks
    if b[b[J_TASKS] + row] == 0:
        b[LIVE] -= 1
        b[b[B_LIVE] + row // BLOCK] -= 1
        promise(b, row, 0)


@jit
def promise(b: Any, row: int, at: int) -> None:
    """The promise of a row's next task; 0 takes it away."""
    before = b[b[J_PROMISE] + row]
    b[PROMISED] += (at > 0) - (before > 0)
    b[b[J_PROMISE] + row] = at


@jit
def compact(b: Any) -> None:
    """Drop dead rows, but for arrays of which a task runs: their `%N` is still counted."""
    size, kept = b[JOBS], 0
    for row in range(size):
        keep = b[b[J_TASKS] + row] > 0
        if not keep and b[b[J_ROOM] + row] < MANY:
            for run in range(b[RUNS]):
                if b[b[R_JOB] + run] == b[b[J_ID] + row]:
                    keep = True
        if keep:
            if kept < row:
                for name in range(J_ID, J_BLOCK + 1):
                    b[b[name] + kept] = b[b[name] + row]
            kept += 1
    b[JOBS] = kept
    reblock(b)


@inner
def reblock(b: Any) -> None:
    """Count and bound all blocks anew, and whether the rows are in the order of submission."""
    size, tangled = b[JOBS], 0
    for block in range((size + BLOCK - 1) // BLOCK):
        _empty_block(b, block)
    for row in range(size):
        if row and b[b[J_SUBMIT] + row] < b[b[J_SUBMIT] + row - 1]:
            tangled = 1
        if b[b[J_TASKS] + row]:
            b[b[B_LIVE] + row // BLOCK] += 1
            _bound(b, row)
    b[TANGLED] = tangled


@inner
def _empty_block(b: Any, block: int) -> None:
    b[b[B_LIVE] + block], b[b[B_UNITS] + block], b[b[B_LIMIT] + block] = 0, MANY, 1 << 62


@inner
def _bound(b: Any, row: int) -> None:
    block = row // BLOCK
    b[b[B_UNITS] + block] = min(b[b[B_UNITS] + block], b[b[J_UNITS] + row])
    b[b[B_LIMIT] + block] = min(b[b[B_LIMIT] + block], b[b[J_LIMIT] + row])


# ---- running work ---------------------------------------------------------------------------------------------


@jit
def begin(b: Any, row: int, run: int, nodes: Any, off: int, start: int, end: int, guard: int, safe: int) -> None:
    """One task of a pending row runs on `nodes[off:off + width]`: its promise is kept, its array may start one less."""
    adopt(
        b, run, b[b[J_ID] + row], b[b[J_ACCOUNT] + row], b[b[J_WIDTH] + row], b[b[J_UNITS] + row], nodes, off, start, end,
        b[b[J_CLASS] + row], guard, safe,
    )  # fmt: skip
    if b[b[J_ROOM] + row] < MANY:
        b[b[J_ROOM] + row] -= 1
    promise(b, row, 0)
    take_tasks(b, row, 1)


@jit
def adopt(
    b: Any, run: int, job: int, account: int, width: int, units: int, nodes: Any, off: int, start: int, end: int,
    class_: int, guard: int, safe: int,
) -> None:  # fmt: skip
    """An attempt runs, whatever is pending."""
    size = b[RUNS]
    at = place_of(b, b[R_ID], size, run)
    if at < size:
        for name in range(R_ID, R_STOP + 1):
            move_up(b, b[name] + at, b[name] + size, 1)
    b[RUNS] = size + 1
    b[b[R_ID] + at], b[b[R_JOB] + at], b[b[R_ACCOUNT] + at], b[b[R_WIDTH] + at], b[b[R_UNITS] + at] = (
        run,
        job,
        account,
        width,
        units,
    )
    b[b[R_START] + at], b[b[R_END] + at], b[b[R_CLASS] + at], b[b[R_GUARD] + at] = start, end, class_, guard
    b[b[R_SAFE] + at], b[b[R_STOP] + at] = safe, 0
    _hold(b, run, end, units, account, nodes, off, width)
    free = b[N_FREE]
    for w in range(width):
        b[free + nodes[off + w]] -= units
    use(b, account, width * units)


@jit
def finish(b: Any, at: int, end: int, half_life: int) -> None:
    """The attempt in row `at` of the runs is over, since `end`: its units are free, its array may start one more.

    With a half-life its use is settled into its account.
    """
    width, units, account, job = b[b[R_WIDTH] + at], b[b[R_UNITS] + at], b[b[R_ACCOUNT] + at], b[b[R_JOB] + at]
    free, nodes = b[N_FREE], b[H_NODE]
    first = _held_at(b, b[b[R_END] + at], b[b[R_ID] + at])
    for w in range(width):
        b[free + b[nodes + first + w]] += units
    _let_go(b, first, width)
    use(b, account, -width * units)
    if half_life > 0:
        b[b[A_SETTLED] + account], b[b[A_SETTLED_AT] + account] = decay.settle(
            b[b[A_SETTLED] + account], b[b[A_SETTLED_AT] + account], width * units, b[b[R_START] + at], end, half_life
        )
    stopping(b, at, 0)
    size = b[RUNS]
    for name in range(R_ID, R_STOP + 1):
        move_down(b, b[name] + at + 1, b[name] + size, 1)
    b[RUNS] = size - 1
    row = row_of(b, job)
    if row >= 0 and b[b[J_ROOM] + row] < MANY:
        b[b[J_ROOM] + row] += 1


@jit
def stopping(b: Any, at: int, job: int) -> None:
    """The attempt in row `at` is being stopped so that `job` may start; 0: it is not."""
    stop = b[R_STOP] + at
    b[STOPPING] += (job > 0) - (b[stop] > 0)
    b[stop] = job


@jit
def renew(b: Any, at: int, end: int, nodes: Any, off: int) -> None:
    """The attempt in row `at` now ends at `end`. `nodes[off:]`: room for its nodes."""
    width, first = b[b[R_WIDTH] + at], _held_at(b, b[b[R_END] + at], b[b[R_ID] + at])
    for w in range(width):
        nodes[off + w] = b[b[H_NODE] + first + w]
    _let_go(b, first, width)
    b[b[R_END] + at] = end
    _hold(b, b[b[R_ID] + at], end, b[b[R_UNITS] + at], b[b[R_ACCOUNT] + at], nodes, off, width)


@jit
def use(b: Any, account: int, units: int) -> None:
    """So many units more are in use by an account and those above it."""
    while account >= 0:
        b[b[A_USE] + account] += units
        account = b[b[A_PARENT] + account]


@inner
def _held_at(b: Any, end: int, run: int) -> int:
    """The first row of what is held until `end` by a run with this id or a higher one."""
    first = place_of(b, b[H_END], b[HELD], end)
    last = place_of(b, b[H_END], b[HELD], end + 1)
    return first + place_of(b, b[H_RUN] + first, last - first, run)


@inner
def _hold(b: Any, run: int, end: int, units: int, account: int, nodes: Any, off: int, width: int) -> None:
    size, at = b[HELD], _held_at(b, end, run)
    if at < size:
        for name in range(H_END, H_ACCOUNT + 1):
            move_up(b, b[name] + at, b[name] + size, width)
    for w in range(width):
        b[b[H_END] + at + w], b[b[H_RUN] + at + w], b[b[H_NODE] + at + w] = end, run, nodes[off + w]
        b[b[H_UNITS] + at + w], b[b[H_ACCOUNT] + at + w] = units, account
    b[HELD] = size + width


@inner
def _let_go(b: Any, first: int, width: int) -> None:
    size = b[HELD]
    for name in range(H_END, H_ACCOUNT + 1):
        move_down(b, b[name] + first + width, b[name] + size, width)
    b[HELD] = size - width
