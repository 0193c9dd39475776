"""What a policy sees: a fold of the journal at `seq`, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

from shanyrak.policy.arrays import Ints


@dataclass(slots=True)
class View:
    """Struct of int64 arrays; ms since the epoch, ms, whole units. The rows of each table are sorted by id.

    The arrays belong to the mirror: read them, never write them, and keep none of them.
    """

    seq: int
    now: int

    # nodes: the row is the node's index
    node_pool: Ints
    node_units: Ints
    """What may be used: the lesser of what is declared and what the engine reports."""
    node_free: Ints
    """`node_units` less what runs; below zero when units went away under running work."""
    node_open: Ints
    """0: drained or down. Nothing may start there; running work goes on."""

    pool_unit: Ints
    """The index of the unit kind of each pool."""

    # accounts: sectors, then projects; the row is the account's index
    acc_parent: Ints
    """-1 for a root."""
    acc_weight: Ints
    acc_floor: Ints
    acc_cap: Ints
    """Most units in use at once, children included; -1 for none."""
    acc_use: Ints
    """Units in use now, children included."""
    acc_left: Ints
    """[accounts x unit kinds] unit-seconds left of the grants; below zero after an overrun."""

    # pending: one row is one workload, an array of tasks too
    job_id: Ints
    job_account: Ints
    job_pool: Ints
    job_width: Ints
    """Nodes of one task."""
    job_units: Ints
    """Units on each of its nodes."""
    job_tasks: Ints
    """Tasks still to start; 0 is a dead row, to be skipped."""
    job_room: Ints
    """How many tasks may start now because of the array's own `%N`; `MANY` when it has none."""
    job_limit: Ints
    """Walltime of a task, ms."""
    job_predicted: Ints
    """Expected run time, ms; the walltime when nothing better is known."""
    job_submit: Ints
    job_class: Ints
    job_attained: Ints
    """Unit-seconds that earlier tries of it have used."""
    job_tries: Ints
    job_promise: Ints
    """The promised start of its next task; 0 for none."""
    job_block: Ints
    """`Why` bits that hold it outside the kernel; 0 when it may start."""
    job_shape: Ints
    """Index of its shape: equal requests of one account are tested once."""

    # shapes: the distinct (account, pool, width, units) of pending rows; some may have no row left
    shape_account: Ints
    shape_pool: Ints
    shape_width: Ints
    shape_units: Ints

    # running: one row is one attempt (a task)
    run_id: Ints
    run_job: Ints
    run_units: Ints
    """Units on each of its nodes."""
    run_start: Ints
    run_end: Ints
    """Start + walltime. What is still here after it counts as ending at `now` + 1 ms."""
    run_class: Ints
    run_guard: Ints
    run_safe: Ints
    """Not to be stopped before this time."""
    run_account: Ints
    run_ptr: Ints
    run_nodes: Ints

    # windows: while one is open, no work may run on its nodes
    win_from: Ints
    win_until: Ints
    """`FAR` or more for a window without end."""
    win_ptr: Ints
    win_nodes: Ints

    def row(self, job: int) -> int:
        """The row of a pending job, or -1. O(log n)."""
        at = int(self.job_id.searchsorted(job))
        return at if at < len(self.job_id) and self.job_id[at] == job and self.job_tasks[at] > 0 else -1
