"""A policy run forward over a mirror on a virtual clock, each piece of work ending when it may or did: `eta` and rehearsals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shanyrak.policy import clock as k
from shanyrak.policy.arrays import FAR, Ints, ints
from shanyrak.policy.board import (
    HELD, JOBS, J_ID, NODES, N_UNITS, ROOM_JOBS, ROOM_RUNS, RUNS, R_END, R_ID, R_JOB, R_STOP,
)  # fmt: skip
from shanyrak.policy.compiled import pointer
from shanyrak.policy.desk import CARRY, C_CARRY, new_desk
from shanyrak.policy.kernel import blank
from shanyrak.policy.memory import face, memory, part
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.pack import fill, put_carry, sizes
from shanyrak.policy.plan import Plan
from shanyrak.policy.stages import Decide, Params, Stages, check_stages, promising
from shanyrak.policy.works import Arrival, Arrivals, all_work

GRACE = 1_000
"""How long (ms) an attempt that is stopped for other work goes on, unless `params["grace"]` says otherwise."""


@dataclass(frozen=True, slots=True)
class Start:
    """One task that started. `promise` is what it was promised, 0 for nothing."""

    at: int
    job: int
    run: int
    nodes: tuple[int, ...]
    end: int
    promise: int


@dataclass(frozen=True, slots=True)
class Log:
    """What a replay did: int64 arrays with a row for each start, in order of time."""

    job: Ints
    run: Ints
    at: Ints
    end: Ints
    promise: Ints
    """What it was promised; 0: nothing."""
    stopped_for: Ints
    """The job it was stopped for; 0: it ran to its end."""
    nodes: Ints
    """The nodes of start i: `nodes[first[i]:first[i + 1]]`, the last one's to the end."""
    first: Ints
    rounds: int
    """Decisions made,"""
    skipped: int
    """and left out, because they could not have changed anything."""
    given: int
    """Promises given."""


def drive(
    mirror: Mirror, decide: Decide, params: Params, now: int, arrivals: Iterable[Arrival] = (),
    until: int | None = None, carry: Ints | None = None, runtimes: dict[int, int] | None = None,
) -> Iterator[Start]:  # fmt: skip
    """The starts in order of time; `mirror` is used up: give a copy.

    What runs ends at its limit (overdue, or being stopped: 1 ms from now); what starts, after `runtimes[job]` or
    `Arrival.runtime` if that is sooner. All that happens at one instant is a batch, ends before arrivals; then
    rounds are made until one starts nothing. Holds are taken from what is left of grants at a start, what is
    not used comes back at the end. Work that is stopped for other work waits again, and runs from its beginning. It ends when
    nothing more can happen, or after `until`.
    """
    driver = Drive(mirror, decide, params, now, Arrivals.of(arrivals), runtimes or {}, carry, until, steps=1)
    told = 0
    for _ in driver.pauses():
        for i in range(told, driver.logged):
            yield driver.start(i)
        told = driver.logged


def replay(
    mirror: Mirror, decide: Decide, params: Params, now: int, arrivals: Arrivals, *,
    single: bool = False, runtimes: dict[int, int] | None = None, progress: Callable[[int, int], None] | None = None,
) -> Log:  # fmt: skip
    """The same to the end, as arrays. `single`: each event is an instant of its own, arrivals before ends.

    `progress(tasks ended, now)` is called now and then.
    """
    driver = Drive(mirror, decide, params, now, arrivals, runtimes or {}, None, None, steps=20_000, single=single)
    for _ in driver.pauses():
        if progress is not None:
            progress(int(driver.hands[k.T_ENDED]), int(driver.hands[k.T_NOW]))
    return driver.log()


def estimate(
    mirror: Mirror, decide: Decide, params: Params, now: int, job: int, until: int | None = None,
    carry: Ints | None = None,
) -> int | None:  # fmt: skip
    """When the next task of a pending job would start if nothing more came in and all ran to its limit.

    None when it would not by `until`, or ever. `mirror` is used up: give a copy.
    """
    for start in drive(mirror, decide, params, now, until=until, carry=carry):
        if start.job == job:
            return start.at
    return None


class Drive:
    """A mirror, a policy and a clock. Rounds of a policy whose keys come from the kernel alone are made in the clock's loops."""

    def __init__(
        self, mirror: Mirror, decide: Decide, params: Params, now: int, arrivals: Arrivals, runtimes: dict[int, int],
        carry: Ints | None, until: int | None, steps: int, single: bool = False,
    ) -> None:  # fmt: skip
        self.mirror, self.decide, self.params = mirror, decide, params
        self._make_stages = getattr(decide, "stages", None)
        self._stages = self._staged(now)
        self._asked = self._stages is not None and bool(self._stages.keys or self._stages.claim is not None)
        self._carry = ints() if carry is None else carry
        self._units = int(np.maximum(mirror.column(N_UNITS, NODES), 0).sum())
        self._works = all_work(mirror, arrivals, runtimes)
        running = int(mirror.memory[RUNS])
        for table in (RUNS, HELD):
            mirror.reserve(table, int(mirror.memory[table]) + self._units + 1)
        ends = running + self._units + 1
        self.hands = memory(
            k.HEADER, dict.fromkeys((k.G_AT, k.G_RUN, k.G_WORK), ends) | {k.SCRATCH: int(mirror.memory[NODES]) + 1}
        )
        first = int(mirror.column(R_ID, RUNS).max(initial=0)) + 1
        self.hands[[k.T_NOW, k.T_RUN, k.T_FIRST, k.T_DECIDE]] = now, first - 1, first, 1
        self._rule(until, steps, single)
        tasks = int(part(self._works, k.Q_TASKS, int(self._works[k.WORKS])).sum())
        self._log = _new_log(tasks + self._units + 1, tasks + self._units + 1)
        columns = (mirror.column(name, RUNS).tolist() for name in (R_ID, R_JOB, R_END, R_STOP))
        works, hands = face(self._works), face(self.hands)
        for run, job, end, stop in zip(*columns, strict=True):
            k.add_due(hands, now + 1 if stop else max(end, now + 1), run, k.work_of(works, job))
        self._roomy = 1
        self._desk = self._new_desk()
        self._faces = self._face()
        stages = self._stages or Stages()
        self._order, self._numbers = pointer(stages.order or k.no_order), face(stages.numbers)
        if stages.order is not None:
            # Once from here: of what it raises inside compiled loops nobody would hear.
            fill(mirror.memory, self._desk, stages, now)
            blank(mirror.board, self._faces[0])

    # ---- the loop -------------------------------------------------------------------------------------------

    def pauses(self) -> Iterator[None]:
        """Run to the end, with a pause now and then."""
        while True:
            what = k.advance(self.mirror.board, *self._faces, self._order, self._numbers)
            if what == k.ROOM:
                self._more_room()
            elif what == k.LOG:
                self._more_log()
            elif what == k.DESK:
                self._larger_desk()
            elif what == k.DECIDE:
                self._decide()
                yield
            else:
                yield
                if what == k.DONE:
                    return

    def _decide(self) -> None:
        """Make a round with a policy that is asked each time."""
        now = int(self.hands[k.T_NOW])
        if self._make_stages is None:
            view = self.mirror.view(0, now)
            plan, self._carry = self.decide(view, self.params, self._carry)
            self._carry_out(plan)
            return
        if self._asked:
            self._stages = self._staged(now)
        stages = self._stages
        assert stages is not None
        while True:
            blank(self.mirror.board, self._faces[0])
            fill(self.mirror.memory, self._desk, stages, now)
            if k.settle_round(self.mirror.board, *self._faces) >= 0:
                return
            self._larger_desk()

    def _staged(self, now: int) -> Stages | None:
        if self._make_stages is None:
            return None
        view = self.mirror.view(0, now)
        return check_stages(self._make_stages(view, self.params), view)

    def _carry_out(self, plan: Plan) -> None:
        """Do what a plan says."""
        board, (_, c, w, log) = self.mirror.board, self._faces
        hands, margin = self.hands, int(self.params.get("margin", 0))
        guards = dict(zip(plan.start_job.tolist(), plan.start_guard.tolist(), strict=False))
        started = plan.starts()
        for job, tasks in started:
            row = int(self.mirror.column(J_ID, JOBS).searchsorted(job))
            for nodes in tasks:
                k.start_task(board, c, w, log, row, face(ints(nodes)), 0, guards.get(job, 0))
        for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
            hands[k.T_GIVEN] += 1
            self.mirror.promise(job, at + margin)
        for run, job in zip(plan.stop_run.tolist(), plan.stop_for.tolist(), strict=True):
            k.stop_task(board, c, log, int(self.mirror.column(R_ID, RUNS).searchsorted(run)), job)
        hands[k.T_ROUNDS] += 1
        hands[k.T_QUIET], hands[k.T_WAKE], hands[k.T_DECIDE] = plan.quiet, plan.wake, bool(started)

    # ---- tables that were too small -------------------------------------------------------------------------

    def _face(self) -> tuple[Any, Any, Any, Any]:
        return face(self._desk), face(self.hands), face(self._works), face(self._log)

    def _new_desk(self) -> Ints:
        board, works = self.mirror.memory, self._works
        widest = int(part(works, k.Q_WIDTH, int(works[k.WORKS])).max(initial=1))
        size = sizes(board, int(self.hands[k.U_DEPTH]), len(self._carry), self._roomy, widest)
        desk = new_desk(
            board,
            replace(
                size, rows=int(board[ROOM_JOBS]), runs=int(board[ROOM_RUNS]), starts=self._units,
                entries=size.entries + self._units,
            ),
            self._stages.cap if self._stages else None,
        )  # fmt: skip
        put_carry(desk, self._carry)
        return desk

    def _other_desk(self) -> None:
        """A desk for the board as it is now, with what is to be carried from round to round."""
        if self._stages is not None:  # else rounds are made elsewhere, and what they carry is not on this desk
            self._carry = part(self._desk, CARRY, int(self._desk[C_CARRY])).copy()
        self._desk = self._new_desk()
        self._faces = self._face()

    def _larger_desk(self) -> None:
        self._roomy *= 2
        self._other_desk()

    def _more_room(self) -> None:
        before = int(self.mirror.memory[ROOM_JOBS])
        self.mirror.room_for_jobs(before // 2)
        if self.mirror.memory[ROOM_JOBS] > before:
            self._other_desk()

    def _more_log(self) -> None:
        old = self._log
        self._log = _new_log(2 * int(old[k.MOST_LOGGED]), 2 * int(old[k.MOST_NODES]) + self._units)
        self._log[k.LOGGED], self._log[k.LOGGED_NODES] = old[k.LOGGED], old[k.LOGGED_NODES]
        for name in range(k.L_JOB, k.L_NODES + 1):
            length = int(old[k.LOGGED_NODES if name == k.L_NODES else k.LOGGED])
            part(self._log, name, length)[:] = part(old, name, length)
        self._faces = self._face()

    # ---- what came of it ------------------------------------------------------------------------------------

    @property
    def logged(self) -> int:
        """How many tasks have started."""
        return int(self._log[k.LOGGED])

    def start(self, i: int) -> Start:
        """The i-th start."""
        log, last = self._log, int(self._log[k.LOGGED_NODES])
        at, job, run, first, end, promise = (
            int(log[log[name] + i]) for name in (k.L_AT, k.L_JOB, k.L_RUN, k.L_FIRST, k.L_END, k.L_PROMISE)
        )
        if i + 1 < self.logged:
            last = int(log[log[k.L_FIRST] + i + 1])
        return Start(at, job, run, tuple(part(log, k.L_NODES, last)[first:].tolist()), end, promise)

    def log(self) -> Log:
        """All starts."""
        names = (k.L_JOB, k.L_RUN, k.L_AT, k.L_END, k.L_PROMISE, k.L_STOPPED)
        job, run, at, end, promise, stopped = (part(self._log, name, self.logged) for name in names)
        nodes, first = (
            part(self._log, k.L_NODES, int(self._log[k.LOGGED_NODES])),
            part(self._log, k.L_FIRST, self.logged),
        )
        rounds, skipped, given = (int(self.hands[name]) for name in (k.T_ROUNDS, k.T_SKIPPED, k.T_GIVEN))
        return Log(job, run, at, end, promise, stopped, nodes, first, rounds, skipped, given)

    def _rule(self, until: int | None, steps: int, single: bool) -> None:
        stages, who, rules = self._stages, promising(self.params), self.hands
        inline, ordered = stages is not None and not self._asked, stages is not None and stages.order is not None
        rules[k.U_SINGLE], rules[k.U_INLINE], rules[k.U_ORDERED], rules[k.U_STEPS] = single, inline, ordered, steps
        rules[k.U_UNTIL], rules[k.U_HALF_LIFE] = FAR if until is None else until, self.mirror.half_life
        rules[[k.U_MARGIN, k.U_CLASSES, k.U_UNITS]] = who
        rules[k.U_GRACE] = max(1, int(self.params.get("grace", GRACE)))
        rules[k.U_SAFE] = int(self.params.get("min_runtime", 0))
        if stages is not None:
            rules[k.U_LEVELS], rules[k.U_STRICT] = stages.height, stages.pack == "strict"
            rules[k.U_DEPTH] = 0 if stages.pack == "strict" else stages.depth
            rules[k.U_CLAIMS] = stages.claims
        # A round that stops and promises nothing leaves nothing for another at the same instant.
        rules[k.U_AGAIN] = not inline or rules[k.U_CLAIMS] or who.classes > 0 or who.units >= 0


def _new_log(starts: int, nodes: int) -> Ints:
    made = memory(k.LOG_HEADER, dict.fromkeys(range(k.L_JOB, k.L_NODES), starts) | {k.L_NODES: nodes})
    made[k.MOST_LOGGED], made[k.MOST_NODES] = starts, nodes
    return made
