"""A machine in one line for the tests of the policy room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from shanyrak.policy.arrays import MANY, Ints
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.plan import Plan
from shanyrak.policy.reasons import Why
from shanyrak.policy.stages import Stages, as_decide


class Machine:
    """Nodes of one pool, one account with a large grant, jobs by keyword; times in seconds for short pictures."""

    def __init__(self, units: Sequence[int]) -> None:
        self.mirror = Mirror()
        self.mirror.pool(0, 0)
        for node, count in enumerate(units):
            self.mirror.node(node, 0, count, True)
        self.mirror.account(0)
        self.mirror.left(0, 0, MANY)
        self.carry: Ints = np.zeros(0, np.int64)

    def run(self, run: int, nodes: Sequence[int], units: int, end: int, account: int = 0) -> None:
        self.mirror.adopt(run, 1000 + run, account, units, nodes, 0, end * 1000)

    def job(
        self, job: int, width: int = 1, units: int = 1, limit: int = 10, tasks: int = 1, room: int = MANY,
        account: int = 0, block: int = 0, pool: int = 0, promise: int = 0,
    ) -> None:  # fmt: skip
        self.mirror.submit(job, account, pool, width, units, tasks, room, limit * 1000, job, block=block)
        if promise:
            self.mirror.promise(job, promise * 1000)

    def window(self, id_: int, nodes: Sequence[int], from_: int, until: int) -> None:
        self.mirror.window(id_, nodes, from_ * 1000, until * 1000)

    def plan(self, now: int = 0, margin: int = 0, **stages: object) -> Plan:
        decide = as_decide(lambda view, params: Stages(**stages))  # type: ignore[arg-type]
        plan, self.carry = decide(self.mirror.view(1, now * 1000), {"margin": margin, "depth": 1}, self.carry)
        return plan

    def apply(self, plan: Plan, now: int = 0) -> None:
        """Start what the plan starts (runs 1, 2, ... of each job as job * 100 + n) and keep its promises."""
        for job, tasks in plan.starts():
            view = self.mirror.view(1, now * 1000)
            limit = int(view.job_limit[view.row(job)])
            for nodes in tasks:
                taken = self.mirror.view(1, 0).run_id.tolist()
                run = next(r for r in range(job * 100, job * 100 + 100) if r not in taken)
                self.mirror.start(job, run, nodes, now * 1000, now * 1000 + limit)
        for job, at in zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True):
            self.mirror.promise(job, at)


def _why(plan: Plan) -> dict[int, Why]:
    pairs = zip(plan.wait_job.tolist(), plan.wait_why.tolist(), strict=True)
    return {job: Why(why) for job, why in pairs}


def _promises(plan: Plan) -> dict[int, float]:
    """job -> promised start in seconds."""
    pairs = zip(plan.promise_job.tolist(), plan.promise_at.tolist(), strict=True)
    return {job: at / 1000 for job, at in pairs}


@pytest.fixture
def machine() -> Callable[..., Machine]:
    """`machine(8, 8, 4)`: three nodes with so many units."""
    return lambda *units: Machine(units)


@pytest.fixture
def why() -> Callable[[Plan], dict[int, Why]]:
    return _why


@pytest.fixture
def promises() -> Callable[[Plan], dict[int, float]]:
    return _promises
