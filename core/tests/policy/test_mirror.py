"""The mirror, kept in place, equals one built from scratch out of plain dicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from shanyrak.policy.arrays import FAR, MANY
from shanyrak.policy.board import B_LIMIT, B_LIVE, B_UNITS, BLOCK, H_END, H_RUN, HELD, LIVE, PROMISED, STOPPING, TANGLED
from shanyrak.policy.memory import part
from shanyrak.policy.mirror import Mirror


def picture(mirror: Mirror) -> dict:
    """Everything a view says, dead rows left out."""
    view = mirror.view(3, 4)
    out = {}
    live = view.job_tasks > 0
    for name in view.names():
        value = getattr(view, name)
        out[name] = np.asarray(value)[live].tolist() if name.startswith("job_") else np.asarray(value).tolist()
    b, jobs = view.memory, len(view.job_id)
    counts = np.bincount(np.flatnonzero(live) // BLOCK, minlength=-(-jobs // BLOCK))
    assert part(b, B_LIVE, len(counts)).tolist() == counts.tolist()
    for row in np.flatnonzero(live).tolist():
        assert b[b[B_UNITS] + row // BLOCK] <= view.job_units[row]
        assert b[b[B_LIMIT] + row // BLOCK] <= view.job_limit[row]
    assert b[LIVE] == live.sum()
    assert b[PROMISED] == (view.job_promise > 0).sum()
    assert b[STOPPING] == (view.run_stop > 0).sum()
    assert b[TANGLED] or (np.diff(view.job_submit) >= 0).all()
    ends, runs = (part(b, name, int(b[HELD])).tolist() for name in (H_END, H_RUN))
    assert list(zip(ends, runs, strict=True)) == sorted(zip(ends, runs, strict=True))
    return out


class Facts(RuleBasedStateMachine):
    """Random facts are told to a mirror and noted in dicts; a fresh mirror told the notes must look the same."""

    def __init__(self) -> None:
        super().__init__()
        self.mirror = Mirror()
        self.mirror.pool(0, 0)
        self.nodes = dict.fromkeys(range(3), (0, 4, True))
        self.accounts = {0: (-1, 8), 1: (0, -1), 2: (0, 4)}
        self.jobs: dict[int, dict] = {}
        self.runs: dict[int, dict] = {}
        self.windows: dict[int, tuple] = {}
        self.next_run = 1
        self._facility(self.mirror)

    def _facility(self, mirror: Mirror) -> None:
        for i, (pool, units, open_) in self.nodes.items():
            mirror.node(i, pool, units, open_)
        for i, (parent, cap) in self.accounts.items():
            mirror.account(i, parent, cap=cap)
            mirror.left(i, 0, 100 * i)

    @rule(job=st.integers(1, 60), tasks=st.integers(1, 3), room=st.sampled_from([2, MANY]))
    def submit(self, job, tasks, room):
        fields = {"account": job % 3, "pool": 0, "width": job % 2 + 1, "units": job % 3 + 1, "limit": 1000 * job}
        self.mirror.submit(job, **fields, tasks=tasks, room=room, submit=job)
        held = self.jobs.get(job, {"tasks": 0, "promise": 0, "block": 0})
        self.jobs[job] = {**fields, **held, "tasks": held["tasks"] + tasks, "room": room, "block": 0}

    @rule(job=st.integers(1, 60))
    def unqueue(self, job):
        self.mirror.unqueue(job)
        self.jobs.pop(job, None)

    @rule(job=st.integers(1, 60), mask=st.sampled_from([1 << 16, 1 << 17, 3 << 16]))
    def block(self, job, mask):
        self.mirror.block(job, mask, 1 << 17)
        if job in self.jobs:
            self.jobs[job]["block"] = self.jobs[job]["block"] & ~(1 << 17) | mask

    @rule(job=st.integers(1, 60), at=st.integers(0, 9))
    def promise(self, job, at):
        self.mirror.promise(job, at)
        if job in self.jobs:
            self.jobs[job]["promise"] = at

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def start(self, data):
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        held, run = self.jobs[job], self.next_run
        self.next_run += 1
        nodes = [(job + w) % 3 for w in range(held["width"])]
        self.mirror.start(job, run, nodes, 5, 5 + held["limit"], guard=1, safe=9)
        self.runs[run] = {"job": job, "account": held["account"], "units": held["units"], "nodes": nodes,
                          "start": 5, "end": 5 + held["limit"], "guard": 1, "safe": 9}  # fmt: skip
        held["tasks"] -= 1
        held["promise"] = 0
        held["room"] -= held["room"] < MANY
        if not held["tasks"]:
            self._gone = self.jobs.pop(job)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def end(self, data):
        run = data.draw(st.sampled_from(sorted(self.runs)))
        job = self.runs.pop(run)["job"]
        self.mirror.end(run)
        if job in self.jobs:
            self.jobs[job]["room"] += self.jobs[job]["room"] < MANY

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), end=st.integers(1, 10**6))
    def renew(self, data, end):
        run = data.draw(st.sampled_from(sorted(self.runs)))
        self.mirror.renew(run, end)
        self.runs[run]["end"] = end

    @rule(node=st.integers(0, 2), units=st.integers(0, 6), open_=st.booleans())
    def node(self, node, units, open_):
        self.nodes[node] = (0, units, open_)
        self.mirror.node(node, 0, units, open_)

    @rule(parent=st.sampled_from([-1, 0, 1]), cap=st.integers(-1, 5))
    def account(self, parent, cap):
        self.accounts[2] = (parent, cap)
        self.mirror.account(2, parent, cap=cap)

    @rule(id_=st.integers(1, 4), node=st.integers(0, 2), from_=st.integers(0, 9), open_=st.booleans())
    def window(self, id_, node, from_, open_):
        if open_:
            self.windows[id_] = ([node], from_, FAR)
            self.mirror.window(id_, [node], from_)
        else:
            self.windows.pop(id_, None)
            self.mirror.unwindow(id_)

    @invariant()
    def equals_one_built_from_scratch(self):
        fresh = Mirror()
        fresh.pool(0, 0)
        self._facility(fresh)
        for job in sorted(self.jobs, reverse=True):
            held = dict(self.jobs[job])
            promise = held.pop("promise")
            fresh.submit(job, **held, submit=job)
            fresh.promise(job, promise)
        for run, facts in sorted(self.runs.items(), reverse=True):
            fresh.adopt(run, **facts)
        for id_, (nodes, from_, until) in self.windows.items():
            fresh.window(id_, nodes, from_, until)
        assert picture(self.mirror) == picture(fresh)
        assert picture(self.mirror.copy()) == picture(fresh)


TestFacts = Facts.TestCase


def test_a_job_put_back_keeps_its_place_even_after_dead_rows_were_dropped():
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.account(0)
    for job in range(300):
        mirror.submit(job, 0, 0, 1, 1, 1, MANY, 1000, job)
    for job in range(300):
        if job != 150:
            mirror.unqueue(job)
    assert len(mirror.view(1, 0).job_id) == 1, "dead rows are dropped when they are most"
    mirror.submit(7, 0, 0, 1, 1, 1, MANY, 1000, 7)
    mirror.submit(200, 0, 0, 1, 1, 1, MANY, 1000, 200)
    view = mirror.view(2, 0)
    assert view.job_id.tolist() == [7, 150, 200]
    assert [view.row(job) for job in (7, 150, 151, 200, 999)] == [0, 1, -1, 2, -1]


def test_the_room_of_an_array_survives_while_a_task_of_it_runs():
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.node(0, 0, 8, True)
    mirror.account(0)
    mirror.submit(5, 0, 0, 1, 1, 1, 2, 1000, 0)
    mirror.start(5, 1, [0], 0, 1000)
    for job in range(10, 210):
        mirror.submit(job, 0, 0, 1, 1, 1, MANY, 1000, job)
        mirror.unqueue(job)
    assert mirror.view(1, 0).job_id.tolist() == [5]
    mirror.end(1)
    assert mirror.view(1, 0).job_room.tolist() == [2]


@pytest.mark.parametrize(
    ("tell", "words"),
    [
        (lambda m: m.node(0, 3, 1, True), "pool 3 is not known"),
        (lambda m: m.account(2, 2), "lower index"),
        (lambda m: m.submit(1, 0, 0, 0, 1, 1, 1, 1, 1), "at least 1"),
        (lambda m: m.submit(1, 0, 0, 1, 1, 1, 1, FAR, 1), "more than can be counted"),
        (lambda m: m.submit(1, 7, 0, 1, 1, 1, 1, 1, 1), "account 7 or pool 0 is not known"),
        (lambda m: m.start(1, 1, [0], 0, 1), "job 1 has no task to start"),
        (lambda m: m.adopt(1, 1, 0, 1, [5], 0, 1), "node of [5]"),
        (lambda m: m.renew(4, 5), "run 4 is not running"),
        (lambda m: m.window(1, [9], 0), "node 9 is not known"),
    ],
)
def test_facts_that_contradict_are_refused_in_words(tell, words):
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.node(0, 0, 1, True)
    mirror.account(0)
    with pytest.raises(ValueError) as error:
        tell(mirror)
    assert words in str(error.value)


def test_facts_about_what_is_gone_are_no_errors():
    mirror = Mirror()
    for tell in (mirror.unqueue, mirror.unwindow, mirror.end):
        tell(5)
    mirror.room(5, 1)
    mirror.block(5, 1, 0)
    mirror.promise(5, 1)
    assert mirror.view(1, 0).job_id.tolist() == []
