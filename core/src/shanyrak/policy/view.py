"""What a policy sees: a fold of the journal at `seq`, as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from shanyrak.policy import board as b
from shanyrak.policy.arrays import Ints
from shanyrak.policy.memory import face, part


class _Column:
    """One column of a table of the board, as an attribute of the view."""

    def __init__(self, table: int, column: int, doc: str = "") -> None:
        self.table, self.column, self.__doc__ = table, column, doc

    def __get__(self, view: View, owner: type | None = None) -> Ints:
        if view is None:
            return self
        return part(view.memory, self.column, int(view.memory[self.table]))


class View:
    """Columns of int64; ms since the epoch, ms, whole units. The rows of each table are sorted by id.

    The arrays belong to the mirror: read them, never write them, and keep none of them.
    """

    __slots__ = ("memory", "now", "seq")

    def __init__(self, seq: int, now: int, memory: Ints) -> None:
        self.seq, self.now, self.memory = seq, now, memory

    # nodes: the row is the node's index
    node_pool = _Column(b.NODES, b.N_POOL)
    node_units = _Column(b.NODES, b.N_UNITS, "What may be used: the lesser of what is declared and what is reported.")
    node_free = _Column(b.NODES, b.N_FREE, "`node_units` less what runs; below zero when units went away under it.")
    node_open = _Column(b.NODES, b.N_OPEN, "0: drained or down. Nothing may start there; running work goes on.")

    pool_unit = _Column(b.POOLS, b.POOL_UNIT, "The index of the unit kind of each pool.")

    # accounts: sectors, then projects; the row is the account's index
    acc_parent = _Column(b.ACCOUNTS, b.A_PARENT, "-1 for a root.")
    acc_weight = _Column(b.ACCOUNTS, b.A_WEIGHT)
    acc_floor = _Column(b.ACCOUNTS, b.A_FLOOR)
    acc_cap = _Column(b.ACCOUNTS, b.A_CAP, "Most units in use at once, children included; -1 for none.")
    acc_use = _Column(b.ACCOUNTS, b.A_USE, "Units in use now, children included.")
    acc_settled = _Column(b.ACCOUNTS, b.A_SETTLED, "Past use of the account itself in unit-ms, decayed to")
    acc_settled_at = _Column(b.ACCOUNTS, b.A_SETTLED_AT, "this time; what runs now is not in it.")

    @property
    def acc_left(self) -> Ints:
        """[accounts x unit kinds] unit-seconds left of the grants; below zero after an overrun."""
        kinds, room = int(self.memory[b.KINDS]), int(self.memory[b.ROOM_ACCOUNTS])
        return part(self.memory, b.LEFT, kinds * room).reshape(kinds, room)[:, : self.memory[b.ACCOUNTS]].T

    # pending: one row is one workload, an array of tasks too
    job_id = _Column(b.JOBS, b.J_ID)
    job_account = _Column(b.JOBS, b.J_ACCOUNT)
    job_pool = _Column(b.JOBS, b.J_POOL)
    job_width = _Column(b.JOBS, b.J_WIDTH, "Nodes of one task.")
    job_units = _Column(b.JOBS, b.J_UNITS, "Units on each of its nodes.")
    job_tasks = _Column(b.JOBS, b.J_TASKS, "Tasks still to start; 0 is a dead row, to be skipped.")
    job_room = _Column(
        b.JOBS, b.J_ROOM, "How many tasks may start now because of the array's `%N`; `MANY` without one."
    )
    job_limit = _Column(b.JOBS, b.J_LIMIT, "Walltime of a task, ms.")
    job_predicted = _Column(b.JOBS, b.J_PREDICTED, "Expected run time, ms; the walltime when nothing better is known.")
    job_submit = _Column(b.JOBS, b.J_SUBMIT)
    job_class = _Column(b.JOBS, b.J_CLASS, "The index of its service class.")
    job_attained = _Column(b.JOBS, b.J_ATTAINED, "Unit-seconds that earlier tries of it have used.")
    job_tries = _Column(b.JOBS, b.J_TRIES)
    job_promise = _Column(b.JOBS, b.J_PROMISE, "The promised start of its next task; 0 for none.")
    job_block = _Column(b.JOBS, b.J_BLOCK, "`Why` bits that hold it outside the kernel; 0 when it may start.")

    # running: one row is one attempt (a task)
    run_id = _Column(b.RUNS, b.R_ID)
    run_job = _Column(b.RUNS, b.R_JOB)
    run_account = _Column(b.RUNS, b.R_ACCOUNT)
    run_width = _Column(b.RUNS, b.R_WIDTH)
    run_units = _Column(b.RUNS, b.R_UNITS, "Units on each of its nodes.")
    run_start = _Column(b.RUNS, b.R_START)
    run_end = _Column(
        b.RUNS, b.R_END, "Start + walltime. What is still here after it counts as ending at `now` + 1 ms."
    )
    run_class = _Column(b.RUNS, b.R_CLASS)
    run_guard = _Column(b.RUNS, b.R_GUARD)
    run_safe = _Column(b.RUNS, b.R_SAFE, "Not to be stopped before this time.")
    run_stop = _Column(b.RUNS, b.R_STOP, "The job it is being stopped for; 0 for none.")

    # windows: while one is open, no work may run on its nodes
    win_from = _Column(b.WINDOWS, b.W_FROM)
    win_until = _Column(b.WINDOWS, b.W_UNTIL, "`FAR` or more for a window without end.")

    @property
    def run_ptr(self) -> Ints:
        """`run_nodes[run_ptr[i]:run_ptr[i + 1]]` are the nodes of running row i."""
        return np.concatenate([[0], np.cumsum(self.run_width)])

    @property
    def run_nodes(self) -> Ints:
        held = int(self.memory[b.HELD])
        runs, nodes = part(self.memory, b.H_RUN, held), part(self.memory, b.H_NODE, held)
        return nodes[np.argsort(runs, kind="stable")]

    @property
    def win_ptr(self) -> Ints:
        """`win_nodes[win_ptr[i]:win_ptr[i + 1]]` are the nodes of window i."""
        rows = part(self.memory, b.S_WINDOW, int(self.memory[b.SHUT]))
        return np.searchsorted(rows, np.arange(len(self.win_from) + 1)).astype(np.int64)

    win_nodes = _Column(b.SHUT, b.S_NODE)

    def row(self, job: int) -> int:
        """The row of a pending job, or -1. O(log n)."""
        at = int(self.job_id.searchsorted(job))
        return at if at < len(self.job_id) and self.job_id[at] == job and self.job_tasks[at] > 0 else -1

    def board(self) -> Any:
        """The board as the kernel's loops take it, not copied."""
        return face(self.memory)

    @classmethod
    def names(cls) -> list[str]:
        """What a view says, by name."""
        own = [name for name, value in vars(cls).items() if isinstance(value, (_Column, property))]
        return ["seq", "now", *own]
