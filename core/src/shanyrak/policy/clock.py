"""The virtual clock's loops: what happens next, on a board that moves with it. `drive` is what to call.

All that happens at one instant is a batch, ends before arrivals; then rounds are made until one starts nothing. Calls of a
policy that cannot change anything are left out: when nothing waits, and for arrivals that the last plan is `quiet` about.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from shanyrak.policy.arrays import FAR
from shanyrak.policy.board import (
    JOBS, J_ID, J_PROMISE, J_ROOM, LEFT, LIVE, POOL_UNIT, ROOM_ACCOUNTS, ROOM_JOBS, RUNS, R_ACCOUNT, R_END, R_ID, R_JOB,
    R_START, R_STOP, R_UNITS, R_WIDTH, WINDOWS, W_UNTIL,
)  # fmt: skip
from shanyrak.policy.compiled import inner, jit
from shanyrak.policy.desk import (
    C_HOLDS, C_QUIET, C_SHORT, C_STARTS, C_STOPS, D_CLAIM, D_GUARD, MOST_STARTS, START_NODES, S_OFF, S_ROW, V_ROW, X_ROW, X_RUN,
)  # fmt: skip
from shanyrak.policy.facts import (
    add_job, begin, compact, finish, place_of, promise, queue_tasks, renew, row_of, stopping,
)  # fmt: skip
from shanyrak.policy.kernel import blank, clear, decide_round, promised_start, write_carry

_next_name = count()


def _names(number: int) -> tuple[int, ...]:
    return tuple(next(_next_name) for _ in range(number))


(T_NOW, T_TAKEN, T_RUN, T_DUE, T_QUIET, T_DECIDE, T_ROUNDS, T_SKIPPED, T_GIVEN, T_ENDED, T_FIRST, T_WAKE) = _names(12)
"""The hands: now; arrivals taken; the newest run; rows of `G_AT`; the last plan's `quiet`; whether a decision is to be made; rounds
made and left out; promises given; tasks ended; the first run of the log; the plan's `wake`."""

(U_SINGLE, U_INLINE, U_ORDERED, U_LEVELS, U_STRICT, U_DEPTH, U_CLAIMS, U_MARGIN, U_CLASSES, U_UNITS, U_HALF_LIFE, U_GRACE, U_SAFE,
 U_UNTIL, U_STEPS, U_AGAIN) = _names(16)  # fmt: skip
"""The rules: each event an instant of its own; rounds are made in here; the policy has an `order`; the arguments of
`decide_round` and `promised_start`; how long a stopped attempt goes on, and how long none is stopped after its start; when to end;
after how many rounds to come back; whether a round that started something is followed by another."""

G_AT, G_RUN, G_WORK, SCRATCH = _names(4)
"""Ends to come, the next one last: the time, the run, the row of its work (-1: not known). And room for nodes."""

HEADER = next(_next_name)

_next_name = count()
WORKS, COMING_WORKS = _names(2)
(Q_JOB, Q_ACCOUNT, Q_POOL, Q_WIDTH, Q_UNITS, Q_LIMIT, Q_PREDICTED, Q_SUBMIT, Q_CLASS, Q_RUNTIME, Q_TASKS, Q_ROOM, Q_ATTAINED,
 Q_TRIES) = _names(14)  # fmt: skip
"""All work there is, sorted by job: what was asked for, how long a task really runs, and what earlier tries used."""

(COMING,) = _names(1)
"""Rows of works in the order in which they come in."""

WORK_HEADER = next(_next_name)

_next_name = count()
LOGGED, LOGGED_NODES, MOST_LOGGED, MOST_NODES = _names(4)
L_JOB, L_RUN, L_AT, L_END, L_PROMISE, L_STOPPED, L_FIRST, L_NODES = _names(8)
"""The log, a row for each start: what it was promised, the job it was stopped for, and the first of its nodes in `L_NODES`."""

LOG_HEADER = next(_next_name)

DONE, DECIDE, ROOM, LOG, DESK, PAUSE = range(6)
"""Why `advance` comes back: nothing more happens; a decision is due that is made outside; the board has no row for one
more job, the log none for the starts of one more round, the desk was too small for a round; so many rounds were made."""


@jit
def no_order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """The `order` of a policy that has none."""


@jit
def advance(b: Any, d: Any, c: Any, w: Any, log: Any, order: Any, numbers: Any) -> int:
    """Go on until something is needed that only the caller can do; says what."""
    rounds, units = 0, d[MOST_STARTS]
    while True:
        when = _next(b, c, w)
        # All of an instant is taken in before the decision, also when it had to wait for room.
        if c[T_DECIDE] and (c[U_SINGLE] or when > c[T_NOW]):
            if log[LOGGED] + units > log[MOST_LOGGED] or log[LOGGED_NODES] + units > log[MOST_NODES]:
                return LOG
            if not c[U_INLINE]:
                return DECIDE
            if c[U_ORDERED]:
                blank(b, d)
                order(b, c[T_NOW], numbers, d)
            if settle_round(b, d, c, w, log) < 0:
                return DESK
            rounds += 1
            if rounds >= c[U_STEPS]:
                return PAUSE
            continue
        if when >= FAR or when > c[U_UNTIL]:
            return DONE
        if b[JOBS] + 1 >= b[ROOM_JOBS]:
            return ROOM
        if when > c[T_NOW]:
            opens = _opens(b, c, when)
            c[T_NOW] = when
            if opens:
                _changed(b, c)
                continue
        if c[U_SINGLE]:
            if not _arrive(b, c, w, when):
                _end(b, c, w, when)
        elif not _end(b, c, w, when):
            _arrive(b, c, w, when)


@inner
def _next(b: Any, c: Any, w: Any) -> int:
    """When the next thing happens."""
    when = FAR
    if c[T_DUE]:
        when = min(when, c[c[G_AT] + c[T_DUE] - 1])
    if c[T_TAKEN] < w[COMING_WORKS]:
        when = min(when, w[w[Q_SUBMIT] + w[w[COMING] + c[T_TAKEN]]])
    if c[T_NOW] < c[T_WAKE] < when:
        when = c[T_WAKE]
    for i in range(b[WINDOWS] if b[LIVE] else 0):
        if c[T_NOW] < b[b[W_UNTIL] + i] < when:
            when = b[b[W_UNTIL] + i]
    return int(when)


@inner
def _opens(b: Any, c: Any, when: int) -> bool:
    """Whether something may start at a time after now without an event: a window ends, or the plan said so."""
    for i in range(b[WINDOWS] if b[LIVE] else 0):
        if c[T_NOW] < b[b[W_UNTIL] + i] <= when:
            return True
    return bool(c[T_NOW] < c[T_WAKE] <= when)


@inner
def _changed(b: Any, c: Any) -> None:
    c[T_QUIET] = 0
    if b[LIVE]:
        c[T_DECIDE] = 1
    else:
        c[T_SKIPPED] += 1


@inner
def _arrive(b: Any, c: Any, w: Any, when: int) -> bool:
    """Take the next arrival if it comes by `when`."""
    if c[T_TAKEN] >= w[COMING_WORKS]:
        return False
    work = w[w[COMING] + c[T_TAKEN]]
    if w[w[Q_SUBMIT] + work] > when:
        return False
    c[T_TAKEN] += 1
    if b[JOBS] > 2 * b[LIVE] + 32:
        compact(b)
    _queue(b, w, work, w[w[Q_TASKS] + work], w[w[Q_ROOM] + work])
    if 0 < c[T_QUIET] <= w[w[Q_UNITS] + work]:
        c[T_SKIPPED] += 1
    else:
        c[T_QUIET], c[T_DECIDE] = 0, 1
    return True


@inner
def _queue(b: Any, w: Any, work: int, tasks: int, room: int) -> None:
    row = row_of(b, w[w[Q_JOB] + work])
    if row < 0:
        row = add_job(b, w[w[Q_JOB] + work])
    queue_tasks(
        b, row, w[w[Q_ACCOUNT] + work], w[w[Q_POOL] + work], w[w[Q_WIDTH] + work], w[w[Q_UNITS] + work], tasks, room,
        w[w[Q_LIMIT] + work], w[w[Q_PREDICTED] + work], w[w[Q_SUBMIT] + work], w[w[Q_CLASS] + work],
        w[w[Q_ATTAINED] + work], w[w[Q_TRIES] + work], 0,
    )  # fmt: skip


@inner
def _end(b: Any, c: Any, w: Any, when: int) -> bool:
    """Let the next run end if it does by `when`: what its hold did not need comes back; one that was stopped waits again."""
    last = c[T_DUE] - 1
    if last < 0 or c[c[G_AT] + last] > when:
        return False
    run, work = c[c[G_RUN] + last], c[c[G_WORK] + last]
    c[T_DUE] = last
    c[T_ENDED] += 1
    at = place_of(b, b[R_ID], b[RUNS], run)
    begun, stopped, wide, job = (
        b[b[R_START] + at],
        b[b[R_STOP] + at],
        b[b[R_WIDTH] + at] * b[b[R_UNITS] + at],
        b[b[R_JOB] + at],
    )
    account = b[b[R_ACCOUNT] + at]
    finish(b, at, when, c[U_HALF_LIFE])
    if work >= 0:
        used = (wide * (when - begun) + 999) // 1000
        if run >= c[T_FIRST]:
            kind = b[b[POOL_UNIT] + w[w[Q_POOL] + work]]
            hold = wide * ((w[w[Q_LIMIT] + work] + 999) // 1000)
            b[b[LEFT] + kind * b[ROOM_ACCOUNTS] + account] += max(0, hold - used)
        if stopped:
            w[w[Q_ATTAINED] + work] += used
            w[w[Q_TRIES] + work] += 1
            row = row_of(b, job)
            _queue(b, w, work, 1, b[b[J_ROOM] + row] if row >= 0 else w[w[Q_ROOM] + work])
    _changed(b, c)
    return True


# ---- rounds -----------------------------------------------------------------------------------------------------


@jit
def settle_round(b: Any, d: Any, c: Any, w: Any, log: Any) -> int:
    """Make a round and carry its plan out; how many tasks it starts, or -1 when the desk was too small and nothing happened."""
    now = c[T_NOW]
    decide_round(b, d, now, c[U_LEVELS], c[U_STRICT] != 0, c[U_DEPTH], c[U_CLAIMS] != 0)
    if d[C_SHORT] == 0:
        write_carry(b, d, c[U_MARGIN], c[U_CLASSES], c[U_UNITS])
    if d[C_SHORT]:
        return -1
    c[T_ROUNDS] += 1
    started = d[C_STARTS]
    for s in range(started):
        row = d[d[S_ROW] + s]
        start_task(
            b, c, w, log, row, d, d[START_NODES] + d[d[S_OFF] + s], max(d[d[D_CLAIM] + row], d[d[D_GUARD] + row])
        )
    if c[U_CLASSES] or c[U_UNITS] >= 0:
        for h in range(d[C_HOLDS]):
            row = d[d[V_ROW] + h]
            at = promised_start(b, d, h, c[U_MARGIN], c[U_CLASSES], c[U_UNITS])
            if at >= 0:
                c[T_GIVEN] += b[b[J_PROMISE] + row] == 0
                promise(b, row, at + c[U_MARGIN])
    for s in range(d[C_STOPS]):
        stop_task(b, c, log, d[d[X_RUN] + s], b[b[J_ID] + d[d[X_ROW] + s]])
    clear(b, d)
    c[T_QUIET] = d[C_QUIET]
    c[T_DECIDE] = 1 if started and c[U_AGAIN] and b[LIVE] else 0
    return int(started)


@jit
def work_of(w: Any, job: int) -> int:
    """The row of a job's work, or -1."""
    jobs, size = w[Q_JOB], w[WORKS]
    if size == 0:
        return -1
    at = job - w[jobs]  # numbers mostly follow one another
    if not (0 <= at < size and w[jobs + at] == job):
        at = place_of(w, jobs, size, job)
    return at if at < size and w[jobs + at] == job else -1


@jit
def start_task(b: Any, c: Any, w: Any, log: Any, row: int, nodes: Any, off: int, guard: int) -> None:
    """One task of a row starts on `nodes[off:]`."""
    now, job = c[T_NOW], b[b[J_ID] + row]
    work = work_of(w, job)
    limit, width = w[w[Q_LIMIT] + work], w[w[Q_WIDTH] + work]
    length = limit if w[w[Q_RUNTIME] + work] == 0 else min(limit, w[w[Q_RUNTIME] + work])
    run, at, first = c[T_RUN] + 1, log[LOGGED], log[LOGGED_NODES]
    log[log[L_JOB] + at], log[log[L_RUN] + at], log[log[L_AT] + at], log[log[L_END] + at] = job, run, now, now + length
    log[log[L_PROMISE] + at], log[log[L_STOPPED] + at], log[log[L_FIRST] + at] = b[b[J_PROMISE] + row], 0, first
    for i in range(width):
        log[log[L_NODES] + first + i] = nodes[off + i]
    c[T_RUN], log[LOGGED], log[LOGGED_NODES] = run, at + 1, first + width
    hold = width * w[w[Q_UNITS] + work] * ((limit + 999) // 1000)
    kind = b[b[POOL_UNIT] + w[w[Q_POOL] + work]]
    b[b[LEFT] + kind * b[ROOM_ACCOUNTS] + w[w[Q_ACCOUNT] + work]] -= hold
    begin(b, row, run, nodes, off, now, now + limit, guard, now + c[U_SAFE])
    add_due(c, now + length, run, work)


@jit
def add_due(c: Any, at: int, run: int, work: int) -> None:
    """Note when a run ends."""
    size = c[T_DUE]
    place = size
    while place > 0 and (
        c[c[G_AT] + place - 1] < at or (c[c[G_AT] + place - 1] == at and c[c[G_RUN] + place - 1] < run)
    ):
        c[c[G_AT] + place], c[c[G_RUN] + place] = c[c[G_AT] + place - 1], c[c[G_RUN] + place - 1]
        c[c[G_WORK] + place] = c[c[G_WORK] + place - 1]
        place -= 1
    c[c[G_AT] + place], c[c[G_RUN] + place], c[c[G_WORK] + place] = at, run, work
    c[T_DUE] = size + 1


@jit
def stop_task(b: Any, c: Any, log: Any, at: int, job: int) -> None:
    """The run in row `at` of the runs ends after the grace, unless it does before, so that `job` may start."""
    run, end = b[b[R_ID] + at], c[T_NOW] + c[U_GRACE]
    place = 0
    while c[c[G_RUN] + place] != run:
        place += 1
    if c[c[G_AT] + place] <= end:
        return  # it ends by itself
    work = c[c[G_WORK] + place]
    for i in range(place + 1, c[T_DUE]):
        c[c[G_AT] + i - 1], c[c[G_RUN] + i - 1], c[c[G_WORK] + i - 1] = (
            c[c[G_AT] + i],
            c[c[G_RUN] + i],
            c[c[G_WORK] + i],
        )
    c[T_DUE] -= 1
    add_due(c, end, run, work)
    stopping(b, at, job)
    if b[b[R_END] + at] > end:
        renew(b, at, end, c, c[SCRATCH])
    if run >= c[T_FIRST]:
        log[log[L_END] + run - c[T_FIRST]], log[log[L_STOPPED] + run - c[T_FIRST]] = end, job
