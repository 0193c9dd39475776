"""The arrays that a policy sees, kept in place from events: one code for `control` and for rehearsal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from shanyrak.policy.arrays import FAR, MANY, Ints, ints, ragged
from shanyrak.policy.columns import Columns
from shanyrak.policy.view import View

_NODES = ("pool", "units", "free", "open")
_ACCOUNTS = ("parent", "weight", "floor", "cap", "use")
_JOBS = (
    "id", "account", "pool", "width", "units", "tasks", "room", "limit", "predicted", "submit", "class",
    "attained", "tries", "promise", "block", "shape",
)  # fmt: skip
_RUNS = ("id", "job", "units", "start", "end", "class", "guard", "safe", "account")


class Mirror:
    """Every method is one fact; each costs microseconds and raises ValueError when it contradicts the others.

    Indices of nodes, pools, accounts and units are dense and given by the caller. Said again, a fact changes
    nothing, but for `submit` (adds tasks) and `start`.
    """

    def __init__(self) -> None:
        self._nodes = Columns(*_NODES)
        self._pools: list[int] = []
        self._accounts = Columns(*_ACCOUNTS)
        self._left = np.zeros((0, 0), np.int64)
        self._jobs = Columns(*_JOBS)
        self._dead = 0
        self._shapes: dict[tuple[int, int, int, int], int] = {}
        self._shape_flat: Ints | None = None
        self._runs = Columns(*_RUNS)
        self._run_nodes: dict[int, tuple[int, ...]] = {}
        self._run_flat: tuple[Ints, Ints] | None = None
        self._windows: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        self._win_flat: tuple[Ints, Ints, Ints, Ints] | None = None

    # ---- the facility -------------------------------------------------------------------------------------

    def pool(self, index: int, unit: int) -> None:
        """Add or change a pool: `unit` is the index of its unit kind."""
        _fill(self._pools, index, 0)
        self._pools[index] = unit
        self._widen(0, unit + 1)

    def node(self, index: int, pool: int, units: int, open_: bool) -> None:
        """Add or change a node. Running work stays on it whatever `units` becomes."""
        if pool >= len(self._pools):
            raise ValueError(f"node {index}: pool {pool} is not known")
        while self._nodes.size <= index:
            self._nodes.insert(self._nodes.size, {})
        used = self._nodes.get(index, "units") - self._nodes.get(index, "free")
        self._nodes.set(index, pool=pool, units=units, free=units - used, open=int(open_))

    def window(self, id_: int, nodes: Iterable[int], from_ms: int, until_ms: int = FAR) -> None:
        """Add or change a window: no work may run on `nodes` in [from, until)."""
        chosen = tuple(sorted(set(nodes)))
        if chosen and not 0 <= chosen[0] <= chosen[-1] < self._nodes.size:
            raise ValueError(f"window {id_}: node {chosen[-1]} is not known")
        self._windows[id_] = (from_ms, min(until_ms, FAR), chosen)
        self._win_flat = None

    def unwindow(self, id_: int) -> None:
        self._windows.pop(id_, None)
        self._win_flat = None

    # ---- accounts -----------------------------------------------------------------------------------------

    def account(self, index: int, parent: int = -1, weight: int = 1, floor: int = 0, cap: int = -1) -> None:
        """Add or change an account; a parent has the lower index."""
        if parent >= index:
            raise ValueError(f"account {index}: its parent {parent} must have a lower index")
        while self._accounts.size <= index:
            self._accounts.insert(self._accounts.size, {"parent": -1, "weight": 1, "cap": -1})
        moved = self._accounts.get(index, "parent") != parent
        self._accounts.set(index, parent=parent, weight=weight, floor=floor, cap=cap)
        self._widen(index + 1, 0)
        if moved and self._runs.size:
            self._accounts.column("use")[:] = 0
            for row in range(self._runs.size):
                self._use(row, 1)

    def left(self, account: int, unit: int, amount: int) -> None:
        """Unit-seconds left of the account's grants, holds taken off."""
        self._widen(account + 1, unit + 1)
        self._left[account, unit] = amount

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
        if account >= self._accounts.size or pool >= len(self._pools):
            raise ValueError(f"job {job}: account {account} or pool {pool} is not known")
        row = self._jobs.find(job)
        if row < 0:
            row = self._jobs.place(job)
            self._jobs.insert(row, {"id": job})
            self._dead += 1
        shape = self._shapes.setdefault((account, pool, width, units), len(self._shapes))
        if shape == len(self._shapes) - 1:
            self._shape_flat = None
        held = self._jobs.get(row, "tasks")
        self._dead -= held == 0
        self._jobs.set(
            row, account=account, pool=pool, width=width, units=units, tasks=held + tasks,
            room=min(room, MANY), limit=limit, predicted=limit if predicted is None else predicted,
            submit=submit, block=block, tries=tries, attained=attained, shape=shape, **{"class": class_},
        )  # fmt: skip

    def block(self, job: int, set_mask: int = 0, clear_mask: int = 0) -> None:
        """Set and clear `Why` bits that hold a job outside the kernel. A job that is not here is no error."""
        row = self._jobs.find(job)
        if row >= 0:
            self._jobs.set(row, block=(self._jobs.get(row, "block") & ~clear_mask) | set_mask)

    def room(self, job: int, room: int) -> None:
        row = self._jobs.find(job)
        if row >= 0:
            self._jobs.set(row, room=min(room, MANY))

    def unqueue(self, job: int) -> None:
        """All tasks of it that have not started leave. A job that is not here is no error."""
        row = self._jobs.find(job)
        if row >= 0 and self._jobs.get(row, "tasks"):
            self._jobs.set(row, tasks=0, promise=0)
            self._dead += 1

    def promise(self, job: int, at: int) -> None:
        """Its next task is promised to start by `at`; 0 takes the promise away."""
        row = self._jobs.find(job)
        if row >= 0 and self._jobs.get(row, "tasks"):
            self._jobs.set(row, promise=at)

    # ---- running work -------------------------------------------------------------------------------------

    def start(
        self, job: int, run: int, nodes: Sequence[int], start: int, end: int, guard: int = 0, safe: int = 0
    ) -> None:
        """One task of a pending job runs as attempt `run`: its promise is kept, its `room` one less."""
        row = self._jobs.find(job)
        if row < 0 or not self._jobs.get(row, "tasks"):
            raise ValueError(f"job {job} has no task to start")
        get = self._jobs.get
        if len(nodes) != get(row, "width"):
            raise ValueError(f"job {job} asks for {get(row, 'width')} nodes, not {len(nodes)}")
        account, units, class_ = get(row, "account"), get(row, "units"), get(row, "class")
        self.adopt(run, job, account, units, nodes, start, end, class_, guard, safe)
        tasks, room = get(row, "tasks") - 1, get(row, "room")
        self._jobs.set(row, tasks=tasks, promise=0, room=room if room >= MANY else room - 1)
        self._dead += tasks == 0

    def adopt(
        self, run: int, job: int, account: int, units: int, nodes: Sequence[int], start: int, end: int,
        class_: int = 0, guard: int = 0, safe: int = 0,
    ) -> None:  # fmt: skip
        """An attempt runs, whatever is pending: what a mirror rebuilt from tables is told."""
        if self._runs.find(run) >= 0:
            raise ValueError(f"run {run} is running already")
        if min(nodes) < 0 or max(nodes) >= self._nodes.size or account >= self._accounts.size:
            raise ValueError(f"run {run}: a node of {list(nodes)} or account {account} is not known")
        row = self._runs.place(run)
        self._runs.insert(
            row,
            {"id": run, "job": job, "units": units, "start": start, "end": end, "class": class_,
             "guard": guard, "safe": safe, "account": account},
        )  # fmt: skip
        self._run_nodes[run] = tuple(nodes)
        self._use(row, 1)
        for node in nodes:
            self._nodes.column("free")[node] -= units
        self._run_flat = None

    def renew(self, run: int, end: int, start: int | None = None) -> None:
        """The walltime of a running attempt now ends at `end` (its engine says that it began at `start`)."""
        row = self._runs.find(run)
        if row < 0:
            raise ValueError(f"run {run} is not running")
        self._runs.set(row, end=end, start=self._runs.get(row, "start") if start is None else start)

    def end(self, run: int) -> None:
        """An attempt is over: its units are free, its array may start one more. Unknown runs are no error."""
        row = self._runs.find(run)
        if row < 0:
            return
        self._use(row, -1)
        for node in self._run_nodes.pop(run):
            self._nodes.column("free")[node] += self._runs.get(row, "units")
        job = self._jobs.find(self._runs.get(row, "job"))
        if job >= 0 and (room := self._jobs.get(job, "room")) < MANY:
            self._jobs.set(job, room=room + 1)
        self._runs.remove(row)
        self._run_flat = None

    # ---- what comes out -----------------------------------------------------------------------------------

    def view(self, seq: int, now: int) -> View:
        """The arrays as they are, not copied: valid until the next change of this mirror."""
        if self._dead > 64 and 2 * self._dead > self._jobs.size:
            self._compact()
        if self._run_flat is None:
            self._run_flat = ragged([self._run_nodes[run] for run in self._runs.column("id").tolist()])
        if self._win_flat is None:
            rows = [self._windows[id_] for id_ in sorted(self._windows)]
            self._win_flat = (
                ints(r[0] for r in rows),
                ints(r[1] for r in rows),
                *ragged([r[2] for r in rows]),
            )
        if self._shape_flat is None:
            self._shape_flat = np.array(list(self._shapes), np.int64).reshape(-1, 4).T.copy()
        columns = {f"node_{name}": self._nodes.column(name) for name in _NODES}
        columns |= {f"acc_{name}": self._accounts.column(name) for name in _ACCOUNTS}
        columns |= {f"job_{name}": self._jobs.column(name) for name in _JOBS}
        columns |= {f"run_{name}": self._runs.column(name) for name in _RUNS}
        columns["run_ptr"], columns["run_nodes"] = self._run_flat
        columns["win_from"], columns["win_until"], columns["win_ptr"], columns["win_nodes"] = self._win_flat
        for name, shapes in zip(("account", "pool", "width", "units"), self._shape_flat, strict=True):
            columns[f"shape_{name}"] = shapes
        return View(seq=seq, now=now, pool_unit=ints(self._pools), acc_left=self._left, **columns)

    def copy(self) -> Mirror:
        """A mirror of its own, for the virtual clock."""
        other = Mirror()
        other._nodes, other._accounts = self._nodes.copy(), self._accounts.copy()
        other._jobs, other._runs = self._jobs.copy(), self._runs.copy()
        other._pools, other._left, other._dead = list(self._pools), self._left.copy(), self._dead
        other._run_nodes, other._windows = dict(self._run_nodes), dict(self._windows)
        other._shapes = dict(self._shapes)
        return other

    # ---- inside -------------------------------------------------------------------------------------------

    def _compact(self) -> None:
        """Drop dead rows, but for arrays of which a task runs: their `room` is still counted."""
        live = self._jobs.column("tasks") > 0
        held = self._jobs.column("room") < MANY
        if held.any():
            live |= held & np.isin(self._jobs.column("id"), self._runs.column("job"))
        self._jobs.keep(live)
        self._dead = int(np.count_nonzero(self._jobs.column("tasks") == 0))
        shapes = list(self._shapes)
        kept, index = np.unique(self._jobs.column("shape"), return_inverse=True)
        self._shapes = {shapes[old]: new for new, old in enumerate(kept.tolist())}
        self._jobs.column("shape")[:] = index
        self._shape_flat = None

    def _use(self, row: int, sign: int) -> None:
        units = self._runs.get(row, "units") * len(self._run_nodes[self._runs.get(row, "id")])
        use, parent = self._accounts.column("use"), self._accounts.column("parent")
        account = self._runs.get(row, "account")
        while account >= 0:
            use[account] += sign * units
            account = int(parent[account])

    def _widen(self, accounts: int, units: int) -> None:
        have = self._left.shape
        if accounts > have[0] or units > have[1]:
            grown = np.zeros((max(accounts, have[0]), max(units, have[1])), np.int64)
            grown[: have[0], : have[1]] = self._left
            self._left = grown


def _fill(values: list[int], index: int, value: int) -> None:
    values.extend([value] * (index + 1 - len(values)))
