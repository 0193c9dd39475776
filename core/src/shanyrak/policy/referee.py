"""A short check of every plan before any engine is called. It trusts the view and nothing of the plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np

from shanyrak.policy.arrays import FAR, Ints
from shanyrak.policy.forecast import forecast, promised_rows
from shanyrak.policy.plan import SCALARS, Plan
from shanyrak.policy.reasons import names
from shanyrak.policy.stages import Params
from shanyrak.policy.view import View

Tasks = list[tuple[int, list[int]]]
"""(row, nodes) of each task that starts."""

_TABLES = {"start": ("job", "count", "guard"), "stop": ("run", "for", "claim"), "promise": ("job", "at"),
           "hold": ("job", "at"), "wait": ("job", "why")}  # fmt: skip


class Foul(Exception):
    """What is wrong with a plan, in words."""


def check(view: View, plan: object, params: Params) -> str | None:
    """None for a plan that may be carried out, else why not, in one line.

    Starts fit what is free now: nodes, windows, caps, grants, `%N`, blocks. Stops have the claim.
    Reservations are possible one beside the other, after the starts; every promise that could be kept without
    the starts is kept with them; new promises have a reservation behind them and none is later than the one
    it replaces.
    """
    try:
        sound = _shape(plan)
        tasks = _starts(view, sound)
        _stops(view, sound)
        holds = _holds(view, sound, tasks)
        _promises(view, sound, holds, int(params.get("margin", 0)))
        _kept(view, tasks, holds)
    except Foul as foul:
        return str(foul)
    return None


def _shape(plan: object) -> Plan:
    if not isinstance(plan, Plan):
        raise Foul(f"it is no Plan but {type(plan).__name__}")
    sound = {}
    for f in fields(Plan):
        if f.name in SCALARS:
            continue
        try:
            values = np.asarray(getattr(plan, f.name))
        except ValueError:
            raise Foul(f"{f.name} is a list of lists of different length") from None
        if values.ndim != 1:
            raise Foul(f"{f.name} must have one dimension, it has {values.ndim}")
        if values.size and values.dtype.kind not in "iu":
            raise Foul(f"{f.name} must be whole numbers, it is {values.dtype} ({values.flat[0]!s}, ...)")
        sound[f.name] = values.astype(np.int64)
    for name, what in (("wake", "a time in ms or 0"), ("quiet", "a number of units or 0")):
        value = getattr(plan, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise Foul(f"{name} must be {what}, not {value!r}")
    if not len(sound["start_guard"]):
        sound["start_guard"] = np.zeros(len(sound["start_job"]), np.int64)
    for table, columns in _TABLES.items():
        sizes = {f"{table}_{name}": len(sound[f"{table}_{name}"]) for name in columns}
        if len(set(sizes.values())) > 1:
            raise Foul("columns differ in length: " + ", ".join(f"{k} {v}" for k, v in sizes.items()))
        first = sound[f"{table}_{columns[0]}"]
        if len(first) != len(np.unique(first)):
            twice = Counter(first.tolist()).most_common(1)[0][0]
            raise Foul(f"{table}_{columns[0]} names {twice} twice")
    for table in ("start", "hold"):
        ptr, flat = sound[f"{table}_ptr"], sound[f"{table}_nodes"]
        right = len(ptr) == len(sound[f"{table}_job"]) + 1 and ptr[0] == 0 and ptr[-1] == len(flat)
        if not right or (np.diff(ptr) < 0).any():
            raise Foul(f"{table}_ptr does not divide {table}_nodes into one part for each row")
    return Plan(**sound, wake=int(plan.wake), quiet=int(plan.quiet))


def _row(view: View, job: int, what: str) -> int:
    row = view.row(job)
    if row < 0:
        raise Foul(f"{what} job {job}: it is not pending")
    return row


def _nodes(view: View, row: int, nodes: list[int], what: str) -> None:
    job, width = int(view.job_id[row]), int(view.job_width[row])
    if len(nodes) != width:
        raise Foul(f"{what} job {job}: a task needs {width} nodes, not {len(nodes)}")
    if len(set(nodes)) < width:
        raise Foul(f"{what} job {job}: a task has one node twice: {nodes}")
    for node in nodes:
        if not 0 <= node < len(view.node_pool):
            raise Foul(f"{what} job {job}: there is no node {node}")
        if view.node_pool[node] != view.job_pool[row]:
            raise Foul(f"{what} job {job}: node {node} is of pool {view.node_pool[node]}, not of its own")
        if not view.node_open[node]:
            raise Foul(f"{what} job {job}: node {node} is not open")


def _free_of_windows(view: View, row: int, nodes: list[int], at: int, what: str) -> None:
    end = at + int(view.job_limit[row])
    crossing = (view.win_from < end) & (view.win_until > np.maximum(view.win_from, at))
    for window in np.flatnonzero(crossing).tolist():
        shut = set(view.win_nodes[view.win_ptr[window] : view.win_ptr[window + 1]].tolist())
        if shut & set(nodes):
            node = min(shut & set(nodes))
            raise Foul(f"{what} job {view.job_id[row]}: a window covers node {node} before its walltime ends")


def _chain(view: View, row: int) -> list[int]:
    chain, account = [], int(view.job_account[row])
    while account >= 0:
        chain.append(account)
        account = int(view.acc_parent[account])
    return chain


def _hold(view: View, row: int) -> int:
    return int(view.job_width[row]) * int(view.job_units[row]) * -(-int(view.job_limit[row]) // 1000)


def _purse(view: View, row: int) -> tuple[int, int]:
    return int(view.job_account[row]), int(view.pool_unit[view.job_pool[row]])


def _starts(view: View, plan: Plan) -> Tasks:
    tasks: Tasks = []
    taken: Counter[int] = Counter()
    used: Counter[int] = Counter()
    spent: Counter[tuple[int, int]] = Counter()
    for i, job in enumerate(plan.start_job.tolist()):
        row, count = _row(view, job, "start"), int(plan.start_count[i])
        width, units = int(view.job_width[row]), int(view.job_units[row])
        nodes = plan.start_nodes[plan.start_ptr[i] : plan.start_ptr[i + 1]].tolist()
        if not 1 <= count <= view.job_tasks[row]:
            raise Foul(f"start job {job}: {count} tasks, it has {view.job_tasks[row]} to start")
        if count > view.job_room[row]:
            raise Foul(f"start job {job}: {count} tasks, its own %N leaves room for {view.job_room[row]}")
        if view.job_block[row]:
            raise Foul(f"start job {job}: it is blocked ({', '.join(names(int(view.job_block[row])))})")
        if len(nodes) != count * width:
            raise Foul(f"start job {job}: {count} tasks need {count * width} nodes, not {len(nodes)}")
        for first in range(0, len(nodes), width):
            part = nodes[first : first + width]
            _nodes(view, row, part, "start")
            tasks.append((row, part))
        _free_of_windows(view, row, nodes, view.now, "start")
        for node in nodes:
            taken[node] += units
            if taken[node] > view.node_free[node]:
                raise Foul(f"start job {job}: node {node} has {view.node_free[node]} units free, not {taken[node]}")
        for account in _chain(view, row):
            used[account] += len(nodes) * units
            cap = int(view.acc_cap[account])
            if 0 <= cap < used[account] + view.acc_use[account]:
                raise Foul(f"start job {job}: account {account} would pass its cap of {cap} units")
        spent[_purse(view, row)] += count * _hold(view, row)
        if spent[_purse(view, row)] > view.acc_left[_purse(view, row)]:
            raise Foul(f"start job {job}: the grants of account {view.job_account[row]} are short")
    return tasks


def _stops(view: View, plan: Plan) -> None:
    running = {run: i for i, run in enumerate(view.run_id.tolist())}
    for i, run in enumerate(plan.stop_run.tolist()):
        job, claim = int(plan.stop_for[i]), int(plan.stop_claim[i])
        if run not in running:
            raise Foul(f"stop run {run}: it is not running")
        at, row = running[run], _row(view, job, f"stop run {run} for")
        if view.job_block[row]:
            raise Foul(f"stop run {run}: job {job}, for which it is, is blocked")
        if claim <= view.run_guard[at]:
            raise Foul(f"stop run {run}: claim {claim} does not exceed its guard {view.run_guard[at]}")
        if view.now < view.run_safe[at]:
            raise Foul(f"stop run {run}: it is not to be stopped before {view.run_safe[at]}")
        if view.node_pool[view.run_nodes[view.run_ptr[at]]] != view.job_pool[row]:
            raise Foul(f"stop run {run}: job {job} waits for another pool")


def _holds(view: View, plan: Plan, tasks: Tasks) -> dict[int, int]:
    """row -> start of its reservation, all of them possible together after the starts."""
    held: dict[int, int] = {}
    spans: list[tuple[int, int, int, list[int]]] = [
        (row, view.now, view.now + int(view.job_limit[row]), nodes) for row, nodes in tasks
    ]
    for i, job in enumerate(plan.hold_job.tolist()):
        row, at = _row(view, job, "reservation for"), int(plan.hold_at[i])
        nodes = plan.hold_nodes[plan.hold_ptr[i] : plan.hold_ptr[i + 1]].tolist()
        _nodes(view, row, nodes, "reservation for")
        if not view.now <= at < FAR:
            raise Foul(f"reservation for job {job}: {at} is in the past or no time at all")
        _free_of_windows(view, row, nodes, at, "reservation for")
        held[row] = at
        spans.append((row, at, at + int(view.job_limit[row]), nodes))
    if not held:
        return held
    spent: Counter[tuple[int, int]] = Counter()
    for row, _, _, _ in spans:
        spent[_purse(view, row)] += _hold(view, row)
    for row in held:
        if spent[_purse(view, row)] > view.acc_left[_purse(view, row)]:
            raise Foul(f"reservation for job {view.job_id[row]}: its grants do not last for the starts too")
    # What is being stopped ends next, whatever its walltime says.
    stopped = (view.run_stop > 0) | np.isin(view.run_id, plan.stop_run)
    ends = np.where(stopped, view.now + 1, np.maximum(view.run_end, view.now + 1))
    # Use grows only where a span starts: looking there is looking everywhere.
    for when in sorted(set(held.values())):
        _room_at(view, when, ends, [span for span in spans if span[1] <= when < span[2]], held)
    return held


def _room_at(
    view: View, when: int, ends: Ints, spans: list[tuple[int, int, int, list[int]]], held: dict[int, int]
) -> None:  # fmt: skip
    nodes, accounts = Counter[int](), Counter[int]()
    run_ptr, run_nodes = view.run_ptr, view.run_nodes
    for i in np.flatnonzero(ends > when).tolist():
        on = run_nodes[run_ptr[i] : run_ptr[i + 1]].tolist()
        nodes.update({node: int(view.run_units[i]) for node in on})
        account = int(view.run_account[i])
        while account >= 0:
            accounts[account] += len(on) * int(view.run_units[i])
            account = int(view.acc_parent[account])
    for row, _, _, on in spans:
        nodes.update({node: int(view.job_units[row]) for node in on})
        for account in _chain(view, row):
            accounts[account] += len(on) * int(view.job_units[row])
    for row, _, _, on in spans:
        if row not in held:
            continue
        for node in on:
            if nodes[node] > view.node_units[node]:
                raise Foul(f"reservation for job {view.job_id[row]}: node {node} is taken twice at {when}")
        for account in _chain(view, row):
            if 0 <= view.acc_cap[account] < accounts[account]:
                raise Foul(f"reservation for job {view.job_id[row]}: account {account} is at its cap at {when}")


def _promises(view: View, plan: Plan, held: dict[int, int], margin: int) -> None:
    for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
        row = _row(view, job, "promise to")
        if held.get(row) != at:
            raise Foul(f"promise to job {job}: no reservation at {at} is behind it")
        if 0 < view.job_promise[row] < at + margin:
            raise Foul(f"promise to job {job}: {at + margin} is later than its promise {view.job_promise[row]}")
    for job in plan.wait_job.tolist():
        _row(view, job, "wait of")


def _kept(view: View, tasks: Tasks, held: dict[int, int]) -> None:
    """Promises that no reservation proves kept: compare what is possible with and without the starts."""
    started = {row for row, _ in tasks}
    open_ = [
        row for row in promised_rows(view).tolist()
        if row not in started and not held.get(row, FAR) <= view.job_promise[row]
    ]  # fmt: skip
    if not open_ or not tasks:
        return
    without, after = forecast(view, []), forecast(view, tasks)
    for row in open_:
        promise, could = int(view.job_promise[row]), without.get(row, FAR)
        if could > promise and row in held:
            continue  # broken whatever starts, and a reservation is kept for it
        if after.get(row, FAR) > max(promise, could):
            raise Foul(f"the starts make the promise to job {view.job_id[row]} ({promise}) later")
