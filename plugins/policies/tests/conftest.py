"""A board built by hand, and what an `order` writes for it."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import pytest
from hypothesis import settings
from shanyrak.api import MANY, Mirror, Params, Stages
from shanyrak.api import desk as on
from shanyrak.policy.memory import face, part

settings.register_profile("unhurried", deadline=None)  # the first call compiles
settings.load_profile("unhurried")

HOUR = 3_600_000
DAY = 24 * HOUR
SIZES = on.Sizes(1, 1, 1, 1, 1, 1, 1, rows=128, runs=128, depth=1)


class Written(NamedTuple):
    """What it wrote, as plain numbers by job and by run."""

    keys: dict[int, tuple[int, ...]]
    claim: dict[int, int]
    guard: dict[int, int]
    most: dict[int, int]
    """How many tasks may start in this round; 0: all."""
    cost: dict[int, int]
    stages: Stages

    def queue(self, *jobs: int) -> list[int]:
        """The jobs in the order of their keys; those that tie in the order given."""
        return sorted(jobs, key=lambda job: self.keys[job])


class Bench:
    """A machine of one pool. Grants are without end, times in ms."""

    def __init__(self, nodes: int = 8, units: int = 8, now: int = 100 * DAY) -> None:
        self.mirror, self.now = Mirror(), now
        self.mirror.pool(0, 0)
        for node in range(nodes):
            self.mirror.node(node, 0, units, True)
        self.nodes, self.runs = nodes, 0

    def account(
        self,
        index: int,
        parent: int = -1,
        weight: int = 1,
        floor: int = 0,
        cap: int = -1,
        used: int = 0,
        since: int | None = None,
    ) -> None:
        """`used`: unit-ms at `since`, by default now."""
        self.mirror.account(index, parent, weight, floor, cap)
        self.mirror.left(index, 0, MANY)
        self.mirror.usage(index, used, self.now if since is None else since)

    def job(
        self, job: int, account: int, width: int = 1, units: int = 1, tasks: int = 1, room: int = MANY, limit: int = HOUR,
        ago: int = 0, class_: int = 0, block: int = 0,
    ) -> None:  # fmt: skip
        """`ago`: how long it has waited."""
        self.mirror.submit(
            job, account, 0, width, units, tasks, room, limit, self.now - ago, class_=class_, block=block
        )

    def run(
        self, account: int, nodes: list[int], units: int = 1, ran: int = HOUR, guard: int = 0, stop: int = 0
    ) -> int:
        """An attempt that has run for `ran` ms; `stop`: it is being stopped for this job."""
        self.runs += 1
        start = self.now - ran
        self.mirror.adopt(self.runs, 900_000 + self.runs, account, units, nodes, start, self.now + HOUR, 0, guard, 0)
        if stop:
            self.mirror.stopping(self.runs, stop)
        return self.runs

    def stages(self, policy: str, **params: int | str) -> Stages:
        told: Params = {"half_life": 7 * DAY, **params}
        stages: Stages = import_module(f"shanyrak_policies.{policy}").stages(self.mirror.view(1, self.now), told)
        return stages

    def order(self, policy: str, **params: int | str) -> Written:
        """What the policy's `order` writes."""
        stages = self.stages(policy, **params)
        assert stages.order is not None
        view = self.mirror.view(1, self.now)
        jobs, runs = view.job_id.tolist(), view.run_id.tolist()
        desk = on.new_desk(self.mirror.memory, SIZES)
        stages.order(self.mirror.board, self.now, face(stages.numbers), face(desk))
        rows = int(desk[on.C_ROWS])
        keys = part(desk, on.KEYS, 4 * rows).reshape(4, rows)
        assert not keys[stages.levels :].any(), "a level that was not announced"
        written = [part(desk, column, len(jobs)).tolist() for column in (on.D_CLAIM, on.D_GUARD, on.D_MOST)]
        cost = part(desk, on.M_COST, len(runs)).tolist()
        return Written(
            {job: tuple(keys[: stages.levels, row].tolist()) for row, job in enumerate(jobs)},
            *(dict(zip(jobs, column, strict=True)) for column in written),
            dict(zip(runs, cost, strict=True)),
            stages,
        )


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench
