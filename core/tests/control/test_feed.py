"""The mirror that follows the events equals the mirror that is loaded from the tables, whatever happened."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shanyrak.config.commons import Commons
from shanyrak.control import facility
from shanyrak.control.decisions import verify_decisions
from shanyrak.control.feed import Feed
from shanyrak.control.intents import preempt
from shanyrak.control.promises import give
from shanyrak.errors import Problem
from shanyrak.policy.view import View
from shanyrak.testing.fakes import CPU, Bench, settle

GPU = {"name": "gpu", "engine": "fake", "unit": "gpu", "nodes": 1, "units": 2, "cpus": 8, "memory": "16G"}


def compare(followed: Feed, loaded: Feed) -> None:
    """Every array of both views; of pending work the rows that are still to start."""
    assert followed.seq == loaded.seq
    one, other = followed.mirror.view(followed.seq, 0), loaded.mirror.view(loaded.seq, 0)
    live = one.job_tasks > 0
    for name in View.names():
        left, right = getattr(one, name), getattr(other, name)
        if name.startswith("job_") and isinstance(left, np.ndarray) and len(left) == len(live):
            left = left[live]
        if name == "acc_left":  # the shape grows with what was said; what is not there is nought
            shape = tuple(max(pair) for pair in zip(left.shape, right.shape, strict=True))
            left, right = (np.pad(x, [(0, n - m) for n, m in zip(shape, x.shape, strict=True)]) for x in (left, right))
        assert np.array_equal(left, right), f"{name}: followed {left}, loaded {right}"
    waiting = {job: mask for job, mask in followed._mask.items() if followed._waiting[job]}
    assert waiting == {job: mask for job, mask in loaded._mask.items() if loaded._waiting[job]}


class World:
    """A site to do things to; `n` picks among what there is."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, pools=[CPU, GPU])
        self.bench.fund("p", 5_000)
        self.bench.fund("q", 900)
        self.site = self.bench.site
        self.acting = self.bench.open().controller()
        with self.site.journal.read() as rows:
            self.feed = Feed(rows)

    def close(self) -> None:
        self.acting.close()
        self.acting.site.close()
        self.site.close()

    def work(self, n: int) -> int:
        """One that has not ended; seldom any other."""
        with self.site.journal.read() as rows:
            found = rows.all("SELECT id FROM workload WHERE ended = 0 OR ? = 0 ORDER BY id", (n % 5,))
        return int(found[n % len(found)][0]) if found else 1

    def submit(self, n: int) -> None:
        shapes: list[dict[str, Any]] = [
            {},
            {"cpus": 4},
            {"cpus": 2, "width": 2},
            {"array": "0-3%2"},
            {"array": "1-3", "cpus": 3},
            {"gpus": 1, "pool": "gpu"},
            {"after": [self.work(n)], "retry": {"unfenced": True}},
            {"term": "20s", "walltime": "7.5s"},
            {"cpus": 99},
            {"class": "service", "cpus": 4, "array": "0-2"},
            {"min_runtime": "9s", "array": "0-1"},
        ]
        self.bench.run("pq"[n % 2], **shapes[n % len(shapes)])

    def stop(self, n: int) -> None:
        self.site.stop(self.work(n))

    def hold(self, n: int) -> None:
        (self.site.hold if n % 3 else self.site.release)(self.work(n // 3))

    def grant(self, n: int) -> None:
        now, unit = self.bench.clock.wall, ["cpu-second", "gpu-hour", "cpu-minute"][n % 3]
        term = [{}, {"until": now + 9_000}, {"start": now + 5_000}, {"start": now + 3_000, "until": now + 30_000}][
            n % 4
        ]
        self.bench.fund("pq"[n % 2], n % 500 + 1, unit, **term)

    def pull(self, n: int) -> None:
        self.site.pull_grant(n % 6 + 1, None if n % 2 else n % 50 + 1)

    def project(self, n: int) -> None:
        self.site.add_project(f"x{n}", ["startup", "learner"][n % 2], "o", 1 + n % 3, n % 4 - 1)

    def pause(self, n: int) -> None:
        self.site.pause(["", "p", "q"][n % 3], bool(n // 3 % 2))

    def drain(self, n: int) -> None:
        (self.site.drain if n % 2 else self.site.undrain)([["cpu-0", "cpu-1", "gpu"][n // 2 % 3]])

    def window(self, n: int) -> None:
        if n % 3:
            now = self.bench.clock.wall
            self.site.add_window(["cpu-0"] if n % 2 else ["gpu"], now + n * 100, [0, now + 50_000][n // 3 % 2])
        else:
            self.site.remove_window(n // 3 % 3 + 1)

    def declare(self, n: int) -> None:
        pools = [{**CPU, "nodes": 1 + n % 3, "units": [4, 3][n // 3 % 2]}, GPU][: 1 + (n // 6 % 3 > 0)]
        sectors = {name: {"weight": 1 + n % 2} for name in ("startup", "learner", "public")[: 2 + n % 2]}
        names = [("batch", "service"), ("learner", "batch", "service"), ("service", "learner")][n // 18 % 3]
        commons = Commons.model_validate(
            {
                "pools": pools,
                "policy": {"active": "kernel"},
                "sectors": sectors,
                "classes": {name: {} for name in names},
            }
        )
        facility.declare(self.site.journal, "me", commons)

    def node(self, n: int) -> None:
        engine = self.bench.engine(["cpu", "gpu"][n % 2])
        name = ["cpu-0", "gpu-0"][n % 2]
        (engine.down if n // 2 % 2 else engine.up)(name)

    def finish(self, n: int) -> None:
        engine = self.bench.engine(["cpu", "gpu"][n // 7 % 2])
        live = engine.live()
        if not live:
            return
        token = live[n % len(live)]
        how: list[Callable[[], None]] = [
            lambda: engine.finish(token),
            lambda: engine.finish(token, exit_code=1),
            lambda: engine.finish(token, cause="node", fenced=True),
            lambda: engine.vanish(token),
            lambda: engine.finish(token, ran_ms=90_000, cause="walltime"),
            lambda: engine.hide(token, n % 2 == 0),
            lambda: engine.refuse("no", user_fault=bool(n % 2), times=2),
        ]
        how[n % 7]()

    def preempt(self, n: int) -> None:
        """As a plan would: one that runs, for one that need not wait at all."""
        work = self.work(n)
        with self.site.journal.write("me") as writer:
            runs = writer.rows.all("SELECT id FROM attempt ORDER BY open DESC, id DESC LIMIT 3")
            if runs:
                preempt(writer, [runs[n % len(runs)][0]], [work], [1 + n % 3])

    def promise(self, n: int) -> None:
        """As a plan would: `give` drops what does not wait."""
        work = self.work(n)
        with self.site.journal.write("me") as writer:
            give(writer, [work], [writer.now + n * 10], 0)

    def pass_time(self, n: int) -> None:
        self.bench.clock.advance(n * 37)

    def act(self, n: int) -> None:
        for _ in range(1 + n % 3):
            self.acting.step()

    def follow(self) -> None:
        with self.site.journal.read() as rows:
            self.feed.catch_up(rows)
            compare(self.feed, Feed(rows))

    def follow_from_nothing(self) -> None:
        """The events alone give the same view, and every decision again."""
        feed = Feed()
        with self.site.journal.read() as rows:
            feed.catch_up(rows)
            compare(feed, Feed(rows))
        again = verify_decisions(self.bench.folder, self.bench.manager())
        assert again["holds"] and again["same"] == again["decisions"], again


VERBS = [
    name for name in vars(World) if not name.startswith("_") and name not in ("close", "work") and "follow" not in name
]
CHOICES = st.sampled_from(
    [*VERBS, "submit", "submit", "submit", "act", "act", "act", "act", "finish", "finish", "pass_time"]
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.reuse, Phase.generate])
@given(st.lists(st.tuples(CHOICES, st.integers(0, 300)), min_size=10, max_size=60))
def test_following_is_loading(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "site")
        try:
            for verb, number in steps:
                with suppress(Problem):
                    getattr(world, verb)(number)
                if verb == "act":
                    world.follow()
            world.follow()
            world.follow_from_nothing()
            assert world.bench.faults() == []
        finally:
            world.close()


def test_a_long_seeded_life(tmp_path: Path) -> None:
    world = World(tmp_path / "site")
    random = np.random.default_rng(7)
    for number in range(800):
        verb = str(random.choice(VERBS + 2 * ["submit"] + 8 * ["act"] + 6 * ["finish"]))
        with suppress(Problem):
            getattr(world, verb)(int(random.integers(0, 300)))
        if number % 10 == 0:
            world.follow()
    seen = set(world.bench.types())
    world.follow()
    world.follow_from_nothing()
    assert world.bench.faults() == []
    world.close()
    assert {
        "attempt.intent", "attempt.started", "attempt.ended", "workload.stopped", "workload.ended", "workload.held",
        "workload.ready", "attempt.preempted", "grant.returned", "grant.opened", "project.paused", "site.paused",
        "node.drained", "node.reported", "facility.declared", "window.added", "window.removed", "promise.given",
    } <= seen, "the life has every kind of event in it, so that following is proved for each"  # fmt: skip


def test_compare_is_able_to_fail(bench: Bench) -> None:
    with bench.site.journal.read() as rows:
        old = Feed(rows)
    bench.run()
    with bench.site.journal.read() as rows:
        new = Feed(rows)
        old.seq = new.seq
        with pytest.raises(AssertionError, match="job_id"):
            compare(old, new)


def test_an_array_keeps_its_room_over_a_restart(bench: Bench) -> None:
    bench.run(array="0-9%3")
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
    with bench.site.journal.read() as rows:
        view = Feed(rows).mirror.view(0, 0)
    assert (view.job_room.tolist(), view.job_tasks.tolist()) == ([0], [6])
    assert len(bench.engine().live()) == 3


def test_what_is_freed_is_followed(bench: Bench) -> None:
    bench.run(), bench.run(), bench.run(after=[1, 2])
    with bench.site.journal.read() as rows:
        feed = Feed(rows)
    with bench.controller() as controller:
        for number in range(2):
            settle(controller)
            bench.engine().finish(bench.engine().starts[number])
            settle(controller)
            with bench.site.journal.read() as rows:
                feed.catch_up(rows)
                compare(feed, Feed(rows))
    assert bench.types().count("workload.freed") == 2
