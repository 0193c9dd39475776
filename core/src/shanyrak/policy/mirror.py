"""The board that a policy sees, kept in place from events: one code for `control` and for rehearsal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from shanyrak.policy import facts
from shanyrak.policy.arrays import FAR, MANY, Ints, ints
from shanyrak.policy.view import View
from shanyrak.policy.board import (
    ACCOUNTS, A_CAP, A_FLOOR, A_PARENT, A_SETTLED, A_SETTLED_AT, A_USE, A_WEIGHT, CAPPED, HELD, JOBS, J_ACCOUNT, J_BLOCK,
    J_ROOM, J_TASKS, J_WIDTH, KINDS, LEFT, LIVE, NODES, N_FREE, N_OPEN, N_POOL, N_UNITS, POOLS, POOL_UNIT, ROOM_ACCOUNTS,
    ROOM_JOBS, ROOM_POOLS, RUNS, R_ACCOUNT, R_ID, R_SAFE, R_START, R_UNITS, R_WIDTH, SHUT, S_NODE, S_WINDOW, TABLES, WINDOWS,
    W_FROM, W_UNTIL, new_board,
)  # fmt: skip
from shanyrak.policy.memory import face, part


class Mirror:
    """Every method is one fact; each costs microseconds and raises ValueError when it contradicts the others.

    Indices of nodes, pools, accounts and units are dense and given by the caller. Said again, a fact changes
    nothing, but for `submit` (adds tasks) and `start`. `half_life` (ms): with it, `end` settles use into accounts.
    """

    def __init__(self, half_life: int = 0) -> None:
        self.half_life = half_life
        self.memory: Ints = new_board([16] * TABLES, 1)
        self._windows: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        self._board: Any = None

    @property
    def board(self) -> Any:
        """The board as the loops take it; good until it grows, which facts told to this mirror may make it do."""
        if self._board is None:
            self._board = face(self.memory)
        return self._board

    def column(self, name: int, table: int) -> Ints:
        """The rows in use of a column."""
        return part(self.memory, name, int(self.memory[table]))

    # ---- the facility -------------------------------------------------------------------------------------

    def pool(self, index: int, unit: int) -> None:
        """Add or change a pool: `unit` is the index of its unit kind."""
        self._reach(POOLS, index)
        self.column(POOL_UNIT, POOLS)[index] = unit
        self._widen(unit)

    def node(self, index: int, pool: int, units: int, open_: bool) -> None:
        """Add or change a node. Running work stays on it whatever `units` becomes."""
        if pool >= self.memory[POOLS]:
            raise ValueError(f"node {index}: pool {pool} is not known")
        self._reach(NODES, index)
        b = self.memory
        used = b[b[N_UNITS] + index] - b[b[N_FREE] + index]
        b[b[N_POOL] + index], b[b[N_UNITS] + index] = pool, units
        b[b[N_FREE] + index], b[b[N_OPEN] + index] = units - used, open_

    def window(self, id_: int, nodes: Iterable[int], from_ms: int, until_ms: int = FAR) -> None:
        """Add or change a window: no work may run on `nodes` in [from, until)."""
        chosen = tuple(sorted(set(nodes)))
        if chosen and not 0 <= chosen[0] <= chosen[-1] < self.memory[NODES]:
            raise ValueError(f"window {id_}: node {chosen[-1]} is not known")
        self._windows[id_] = (from_ms, min(until_ms, FAR), chosen)
        self._lay_windows()

    def unwindow(self, id_: int) -> None:
        self._windows.pop(id_, None)
        self._lay_windows()

    def _lay_windows(self) -> None:
        rows = [self._windows[id_] for id_ in sorted(self._windows)]
        shut = [(row, node) for row, (_, _, nodes) in enumerate(rows) for node in nodes]
        self.reserve(WINDOWS, len(rows))
        self.reserve(SHUT, len(shut))
        b = self.memory
        b[WINDOWS], b[SHUT] = len(rows), len(shut)
        for row, (from_, until, _) in enumerate(rows):
            b[b[W_FROM] + row], b[b[W_UNTIL] + row] = from_, until
        for row, (window, node) in enumerate(shut):
            b[b[S_WINDOW] + row], b[b[S_NODE] + row] = window, node

    # ---- accounts -----------------------------------------------------------------------------------------

    def account(self, index: int, parent: int = -1, weight: int = 1, floor: int = 0, cap: int = -1) -> None:
        """Add or change an account; a parent has the lower index."""
        if parent >= index:
            raise ValueError(f"account {index}: its parent {parent} must have a lower index")
        self._reach_account(index)
        moved = self.column(A_PARENT, ACCOUNTS)[index] != parent
        for column, value in ((A_PARENT, parent), (A_WEIGHT, weight), (A_FLOOR, floor), (A_CAP, cap)):
            self.column(column, ACCOUNTS)[index] = value
        self.memory[CAPPED] = np.count_nonzero(self.column(A_CAP, ACCOUNTS) >= 0)
        if moved and self.memory[RUNS]:
            self.column(A_USE, ACCOUNTS)[:] = 0
            units = self.column(R_WIDTH, RUNS) * self.column(R_UNITS, RUNS)
            for account, used in zip(self.column(R_ACCOUNT, RUNS).tolist(), units.tolist(), strict=True):
                facts.use(self.board, account, used)

    def left(self, account: int, unit: int, amount: int) -> None:
        """Unit-seconds left of the account's grants, holds taken off."""
        self._reach_account(account)
        self._widen(unit)
        b = self.memory
        b[b[LEFT] + unit * b[ROOM_ACCOUNTS] + account] = amount

    def usage(self, account: int, settled: int, at: int) -> None:
        """Past use of the account itself in unit-ms, decayed to the time `at`."""
        self._reach_account(account)
        b = self.memory
        b[b[A_SETTLED] + account], b[b[A_SETTLED_AT] + account] = settled, at

    # ---- pending work -------------------------------------------------------------------------------------

    def submit(
        self, job: int, account: int, pool: int, width: int, units: int, tasks: int, room: int, limit: int,
        submit: int, class_: int = 0, predicted: int | None = None, block: int = 0, tries: int = 0,
        attained: int = 0,
    ) -> None:  # fmt: skip
        """Queue `tasks` tasks, or put them back: a job that is here gets them added, at its place.

        `room` is how many may start now (`MANY` without `%N`); it replaces what is held, as do `class_`,
        `block`, `tries` and `attained`.
        """
        if min(width, units, tasks, limit) < 1:
            raise ValueError(f"job {job}: width, units, tasks and limit must be at least 1")
        if width * units * limit >= FAR:
            raise ValueError(f"job {job}: {width} x {units} units for {limit} ms is more than can be counted")
        if account >= self.memory[ACCOUNTS] or pool >= self.memory[POOLS]:
            raise ValueError(f"job {job}: account {account} or pool {pool} is not known")
        row = facts.row_of(self.board, job)
        if row < 0:
            self.room_for_jobs(1)
            row = facts.add_job(self.board, job)
        facts.queue_tasks(
            self.board, row, account, pool, width, units, tasks, min(room, MANY), limit,
            limit if predicted is None else predicted, submit, class_, attained, tries, int(block),
        )  # fmt: skip

    def room_for_jobs(self, count: int) -> None:
        """Make sure that `count` more jobs fit; dead rows are dropped first when they are many."""
        b = self.memory
        if b[JOBS] + count > b[ROOM_JOBS]:
            self._compact()
        self.reserve(JOBS, int(b[JOBS]) + count)

    def _compact(self) -> None:
        """Drop dead rows when they are many."""
        b = self.memory
        dead = int(b[JOBS] - b[LIVE])
        if dead > 64 and 2 * dead > b[JOBS]:
            facts.compact(self.board)

    def block(self, job: int, set_mask: int = 0, clear_mask: int = 0) -> None:
        """Set and clear `Why` bits that hold a job outside the kernel. A job that is not here is no error."""
        row = facts.row_of(self.board, job)
        if row >= 0:
            masks = self.column(J_BLOCK, JOBS)
            masks[row] = (int(masks[row]) & ~int(clear_mask)) | int(set_mask)

    def room(self, job: int, room: int) -> None:
        row = facts.row_of(self.board, job)
        if row >= 0:
            self.column(J_ROOM, JOBS)[row] = min(room, MANY)

    def unqueue(self, job: int) -> None:
        """All tasks of it that have not started leave. A job that is not here is no error."""
        row = facts.row_of(self.board, job)
        if row >= 0 and (tasks := int(self.column(J_TASKS, JOBS)[row])):
            facts.take_tasks(self.board, row, tasks)

    def promise(self, job: int, at: int) -> None:
        """Its next task is promised to start by `at`; 0 takes the promise away."""
        row = facts.row_of(self.board, job)
        if row >= 0 and self.column(J_TASKS, JOBS)[row]:
            facts.promise(self.board, row, at)

    # ---- running work -------------------------------------------------------------------------------------

    def start(
        self, job: int, run: int, nodes: Sequence[int], start: int, end: int, guard: int = 0, safe: int = 0
    ) -> None:
        """One task of a pending job runs as attempt `run`: its promise is kept, its `room` one less."""
        row = facts.row_of(self.board, job)
        if row < 0 or not self.column(J_TASKS, JOBS)[row]:
            raise ValueError(f"job {job} has no task to start")
        if len(nodes) != (width := self.column(J_WIDTH, JOBS)[row]):
            raise ValueError(f"job {job} asks for {width} nodes, not {len(nodes)}")
        chosen = self._chosen(run, nodes, int(self.column(J_ACCOUNT, JOBS)[row]))
        facts.begin(self.board, row, run, chosen, 0, start, end, guard, safe)

    def adopt(
        self, run: int, job: int, account: int, units: int, nodes: Sequence[int], start: int, end: int,
        class_: int = 0, guard: int = 0, safe: int = 0,
    ) -> None:  # fmt: skip
        """An attempt runs, whatever is pending: what a mirror rebuilt from tables is told."""
        chosen = self._chosen(run, nodes, account)
        facts.adopt(self.board, run, job, account, len(nodes), units, chosen, 0, start, end, class_, guard, safe)

    def _chosen(self, run: int, nodes: Sequence[int], account: int) -> Any:
        if self._run(run) >= 0:
            raise ValueError(f"run {run} is running already")
        if min(nodes) < 0 or max(nodes) >= self.memory[NODES] or account >= self.memory[ACCOUNTS]:
            raise ValueError(f"run {run}: a node of {list(nodes)} or account {account} is not known")
        self.reserve(RUNS, int(self.memory[RUNS]) + 1)
        self.reserve(HELD, int(self.memory[HELD]) + len(nodes))
        return face(ints(nodes))

    def renew(self, run: int, end: int, start: int | None = None, safe: int | None = None) -> None:
        """The walltime of a running attempt now ends at `end` (its engine says that it began at `start`).

        With it, its safe point may move to `safe`.
        """
        row = self._run(run)
        if row < 0:
            raise ValueError(f"run {run} is not running")
        facts.renew(self.board, row, end, face(np.zeros(self.column(R_WIDTH, RUNS)[row], np.int64)), 0)
        if start is not None:
            self.column(R_START, RUNS)[row] = start
        if safe is not None:
            self.column(R_SAFE, RUNS)[row] = safe

    def stopping(self, run: int, for_job: int) -> None:
        """A running attempt is told to stop so that `for_job` may start. An unknown run is no error."""
        row = self._run(run)
        if row >= 0:
            facts.stopping(self.board, row, for_job)

    def end(self, run: int, at: int | None = None) -> None:
        """An attempt is over: its units are free, its array may start one more. Unknown runs are no error.

        `at`: its true end; with a half-life its use is settled into its account.
        """
        row = self._run(run)
        if row >= 0:
            facts.finish(self.board, row, at or 0, self.half_life if at is not None else 0)

    def _run(self, run: int) -> int:
        ids = self.column(R_ID, RUNS)
        at = int(ids.searchsorted(run))
        return at if at < len(ids) and ids[at] == run else -1

    # ---- what comes out -----------------------------------------------------------------------------------

    def view(self, seq: int, now: int) -> View:
        """The board as it is, not copied: valid until the next change of this mirror."""
        self._compact()
        return View(seq, now, self.memory)

    def copy(self) -> Mirror:
        """A mirror of its own, for the virtual clock."""
        other = Mirror(self.half_life)
        other.memory, other._windows = self.memory.copy(), dict(self._windows)
        return other

    # ---- inside -------------------------------------------------------------------------------------------

    def reserve(self, table: int, rows: int) -> None:
        """Let a table have room for at least so many rows."""
        rooms = self.memory[ROOM_POOLS : ROOM_POOLS + TABLES].tolist()
        if rows > rooms[table]:
            rooms[table] = max(rows, 2 * rooms[table])
            self._grow(rooms, int(self.memory[KINDS]))

    def _grow(self, rooms: list[int], kinds: int) -> None:
        self.memory, self._board = new_board(rooms, kinds, self.memory), None

    def _reach(self, table: int, index: int) -> None:
        """Let a table have a row `index`; new rows are zeros."""
        self.reserve(table, index + 1)
        self.memory[table] = max(self.memory[table], index + 1)

    def _reach_account(self, index: int) -> None:
        """The same for accounts, whose new rows are roots of weight 1 without a cap."""
        known = int(self.memory[ACCOUNTS])
        self._reach(ACCOUNTS, index)
        for column, value in ((A_PARENT, -1), (A_WEIGHT, 1), (A_CAP, -1)):
            self.column(column, ACCOUNTS)[known:] = value

    def _widen(self, unit: int) -> None:
        """Let the grants have a row for this unit kind."""
        if unit >= self.memory[KINDS]:
            self._grow(self.memory[ROOM_POOLS : ROOM_POOLS + TABLES].tolist(), unit + 1)
