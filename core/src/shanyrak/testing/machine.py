"""A machine of any size on a virtual clock, for policies: the very mirror, plans and referee of a site, and no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shanyrak.policy.arrays import MANY, Ints, ints
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.plan import Plan
from shanyrak.policy.reasons import Why
from shanyrak.policy.referee import check
from shanyrak.policy.stages import Decide, Params

if TYPE_CHECKING:
    from shanyrak.records import Policy

MINUTE = 60_000

PARAMS: Params = {
    "margin": 0, "depth": 1, "half_life": 7 * 24 * 60 * MINUTE, "promise_classes": 0, "promise_units": 0,
}  # fmt: skip
"""What policies are told, with no margin, so that promises are exact."""


def decide_of(record: Policy, plugin: str = "") -> Decide:
    """The `decide` that a policy's record leads to."""
    from shanyrak.control.decider import resolve

    return resolve(record, plugin)


class Machine:
    """One pool of equal nodes. Times are whole minutes from 0; work ends at its time, or sooner when `really` says so.

    `parents` are the accounts: -1 for a sector, else the index of the one above. Every plan is refereed.
    """

    def __init__(
        self,
        decide: Decide,
        nodes: int = 2,
        units: int = 1,
        parents: Sequence[int] = (-1,),
        params: Params = PARAMS,
    ) -> None:
        self.decide, self.params = decide, params
        self.mirror = Mirror(int(params["half_life"]))
        self.now = 0
        self.starts: dict[int, int] = {}
        """job -> the minute of its first start."""
        self._carry: Ints = ints()
        self._runs = 0
        self._ends: dict[int, int] = {}
        self._jobs: dict[int, int] = {}
        self._asked: dict[int, tuple[int, int, int, int, int, int]] = {}
        self._really: dict[int, int] = {}
        self.mirror.pool(0, 0)
        for node in range(nodes):
            self.mirror.node(node, 0, units, True)
        for account, parent in enumerate(parents):
            self.mirror.account(account, parent)
            self.mirror.left(account, 0, MANY)

    def submit(
        self, job: int, width: int = 1, units: int = 1, minutes: int = 10, account: int = 0, tasks: int = 1,
        really: int = 0, class_: int = 0,
    ) -> None:  # fmt: skip
        """Work comes in now; `minutes` is its walltime, `really` how long it runs when that is less."""
        self._really[job] = (really or minutes) * MINUTE
        self._asked[job] = (account, width, units, minutes * MINUTE, self.now * MINUTE, class_)
        self._queue(job, tasks)

    def plan(self) -> Plan:
        """What the policy decides now. AssertionError when the referee refuses it. Changes nothing but its carry."""
        view = self.mirror.view(1, self.now * MINUTE)
        plan, self._carry = self.decide(view, self.params, self._carry)
        wrong = check(view, plan, self.params)
        assert wrong is None, f"at minute {self.now} the referee refuses the plan: {wrong}"
        return plan

    def round(self) -> Plan:
        """Plan, and do it: starts start, promises are kept in mind, what is stopped ends at once and waits again."""
        plan, now = self.plan(), self.now * MINUTE
        guards = dict(zip(plan.start_job.tolist(), plan.start_guard.tolist(), strict=False))
        for job, tasks in plan.starts():
            limit = self._asked[job][3]
            for nodes in tasks:
                self._runs += 1
                self.mirror.start(job, self._runs, nodes, now, now + limit, guard=guards.get(job, 0))
                self._ends[self._runs] = now + min(limit, self._really[job])
                self._jobs[self._runs] = job
                self.starts.setdefault(job, self.now)
        for run in plan.stop_run.tolist():
            del self._ends[run]
            self.mirror.end(run, now)
            self._queue(self._jobs[run], 1)
        for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
            self.mirror.promise(job, at)
        return plan

    def _queue(self, job: int, tasks: int) -> None:
        account, width, units, limit, at, class_ = self._asked[job]
        self.mirror.submit(job, account, 0, width, units, tasks, MANY, limit, at, class_=class_)

    def advance(self, minutes: int) -> None:
        """Time passes, minute by minute: what is over ends, and the policy decides until it has nothing more to start."""
        for _ in range(minutes):
            self.now += 1
            for run in [run for run, end in self._ends.items() if end <= self.now * MINUTE]:
                del self._ends[run]
                self.mirror.end(run, self.now * MINUTE)
            self.settle()

    def settle(self) -> None:
        """Rounds until one starts and stops nothing."""
        while len((plan := self.round()).start_job) or len(plan.stop_run):
            pass

    def why(self) -> dict[int, Why]:
        """The tests that each job which waits failed."""
        plan = self.plan()
        return {job: Why(why) for job, why in zip(plan.wait_job.tolist(), plan.wait_why.tolist(), strict=True)}
