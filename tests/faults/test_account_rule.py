"""Random sequences of everything that moves an account, with crashes between and within them: the rule always holds."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from shanyrak.control import lease
from shanyrak.control.controller import Controller
from shanyrak.errors import Problem
from shanyrak.journal import points
from shanyrak.testing.fakes import Bench

MINUTE = 60_000
MYSELF = lease.myself
SEEN: Counter[str] = Counter()
"""Events of all sequences, and crashes."""


class Crash(BaseException):
    """The process is gone at this point: what was not committed never was."""


class Accounts(RuleBasedStateMachine):
    """A site over an engine in memory on a clock that the test moves; a crash drops the site and opens it again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="shanyrak-account-"))
        self.bench = Bench(self.folder / "site")
        self.controller: Controller | None = None
        self.left = 0
        self.real = points.reached
        points.reached = self.reached
        self.boot = 0
        lease.myself = lambda: lease.Holder("here", "boot", 1, f"start {self.boot}")

    def teardown(self) -> None:
        self.left = 0
        points.reached = self.real
        lease.myself = MYSELF
        SEEN.update(self.bench.types())
        if self.controller:
            self.controller.close()
        self.bench.site.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def reached(self, point: str) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Crash(point)

    def attempt(self, act: Any) -> None:
        """Do something that may be refused, or be the last that this process does."""
        try:
            act()
        except Problem as problem:
            assert len(str(problem).splitlines()) == 1
        except Crash:
            self.restart()

    def restart(self) -> None:
        """Everything in memory is lost; the engine and the file go on."""
        self.left = 0
        self.boot += 1  # whoever held the lease is provably dead
        SEEN["crash"] += 1
        self.controller = None
        self.bench.site.close()
        self.bench.site = self.bench.open()

    def step(self) -> None:
        if self.controller is None:
            self.controller = self.bench.site.controller()
        self.controller.step()

    @initialize()
    def begin(self) -> None:
        self.bench.fund("p", 2_000)
        self.bench.fund("q", 300)
        for project in "ppq":
            self.bench.run(project, walltime="60s")
        for _ in range(3):
            self.step()

    @rule(after=st.integers(1, 12))
    def crash_soon(self, after: int) -> None:
        """The process dies at the `after`-th point from here."""
        self.left = after

    @rule()
    def crash_now(self) -> None:
        self.restart()

    @rule(
        project=st.sampled_from("pq"),
        amount=st.integers(1, 2_000),
        begin=st.sampled_from([0, 0, MINUTE]),
        term=st.sampled_from([0, MINUTE, 5 * MINUTE]),
    )
    def grant(self, project: str, amount: int, begin: int, term: int) -> None:
        now = self.bench.site.journal.now()
        start, until = (now + begin if begin else 0), (now + begin + term if term else 0)
        self.attempt(lambda: self.bench.site.add_grant(project, amount, "cpu-second", start=start, until=until))

    @rule(number=st.integers(1, 8), amount=st.one_of(st.none(), st.integers(1, 500)))
    def pull(self, number: int, amount: int | None) -> None:
        self.attempt(lambda: self.bench.site.pull_grant(number, amount))

    @rule(
        project=st.sampled_from("pq"),
        cpus=st.integers(1, 4),
        width=st.integers(1, 2),
        walltime=st.sampled_from(["5s", "20s", "100s"]),
        array=st.sampled_from(["", "", "0-4%2"]),
        tries=st.integers(1, 3),
    )
    def submit(self, **spec: Any) -> None:
        tries = spec.pop("tries")
        self.attempt(lambda: self.bench.run(**spec, retry={"tries": tries}))

    @rule(id_=st.integers(1, 12))
    def stop(self, id_: int) -> None:
        self.attempt(lambda: self.bench.site.stop(id_))

    @rule(times=st.integers(1, 4))
    def work(self, times: int) -> None:
        for _ in range(times):
            self.attempt(self.step)

    @rule(seconds=st.integers(1, 30), code=st.sampled_from([0, 0, 1]))
    def go_on(self, seconds: int, code: int) -> None:
        """Some time passes, one job ends, the controller sees to it and starts another."""
        self.bench.clock.advance(seconds * 1000)
        engine = self.bench.engine()
        if live := engine.live():
            engine.finish(live[0], exit_code=code)
        for _ in range(3):
            self.attempt(self.step)

    @rule(seconds=st.sampled_from([1, 7, 45, 200]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds * 1000)

    @rule(which=st.integers(0, 9), code=st.sampled_from([0, 0, 1]), over=st.sampled_from([None, None, 400_000]))
    def finish(self, which: int, code: int, over: int | None) -> None:
        """A job ends by itself; `over`: it ran for longer than its hold."""
        engine = self.bench.engine()
        if live := engine.live():
            engine.finish(live[which % len(live)], exit_code=code, ran_ms=over)

    @rule(which=st.integers(0, 9), fenced=st.booleans())
    def vanish(self, which: int, fenced: bool) -> None:
        """The engine loses a job, and can or cannot say that it is dead."""
        engine = self.bench.engine()
        if live := engine.live():
            engine.vanish(live[which % len(live)], fenced=fenced)

    @rule(which=st.integers(0, 9), hidden=st.booleans())
    def hide(self, which: int, hidden: bool) -> None:
        """The engine cannot say what became of a job, for a while."""
        engine = self.bench.engine()
        if live := engine.live():
            engine.hide(live[which % len(live)], hidden)

    @invariant()
    def the_account_holds(self) -> None:
        assert not self.bench.site.check_account()["faults"]

    @invariant()
    def the_tables_are_the_fold_of_a_whole_chain(self) -> None:
        assert not self.bench.faults()


def test_the_account_rule_holds(scale):
    run_state_machine_as_test(
        Accounts,
        settings=settings(
            max_examples=scale.pick(25, 1000),
            stateful_step_count=scale.pick(30, 60),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for type_ in ("attempt.intent", "attempt.ended", "grant.returned", "grant.opened", "workload.stopped", "crash"):
        assert SEEN[type_], f"no sequence had {type_}: {SEEN}"
    print(dict(SEEN))
