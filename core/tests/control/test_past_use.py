"""Past use of a project: settled at each end, with the engine's own times, as a numerical integration would have it."""

from collections.abc import Callable
from math import isclose
from typing import Any

import pytest
from shanyrak.config.write import replace
from shanyrak.control.feed import Feed
from shanyrak.testing.fakes import Bench, settle

Make = Callable[..., Bench]
HALF = 10_000


@pytest.fixture
def bench(make: Make) -> Bench:
    made = make(tables={"policy": {"active": "kernel"}, "accounts": {"half_life": "10s"}})
    made.fund("p"), made.fund("q")
    return made


def past_use(bench: Bench) -> dict[str, tuple[int, int]]:
    with bench.site.journal.read() as rows:
        return {name: (use, at) for name, use, at in rows.all("SELECT name, settled, settled_at FROM account")}


def integrated(units: int, start: int, end: int, now: int) -> float:
    """Past use by adding up its milliseconds."""
    return sum(units * 2 ** (-(now - ms - 0.5) / HALF) for ms in range(start, end))


def test_each_end_settles_what_ran_into_its_own_account(bench: Bench) -> None:
    bench.run(cpus=2, width=2), bench.run(cpus=1), bench.run("q")
    start = bench.clock.wall
    with bench.controller() as controller:
        settle(controller)
        engine = bench.engine()
        bench.clock.advance(7_000)
        engine.finish(engine.starts[0])
        settle(controller)
        bench.clock.advance(5_000)
        engine.finish(engine.starts[1], exit_code=1)
        bench.clock.advance(2_000)
        settle(controller)
    settled, at = past_use(bench)["project/p"]
    assert at == start + 12_000, "the true end, not when it was seen"
    expected = integrated(4, 0, 7_000, 12_000) + integrated(1, 0, 12_000, 12_000)
    assert isclose(settled, expected, abs_tol=3)
    untouched = {name for name, use in past_use(bench).items() if use == (0, 0)}
    assert {"project/q", "sector/startup"} <= untouched, (
        "what still runs is not in it, and a sector has none of its own"
    )
    with bench.site.journal.read() as rows:
        feed = Feed(rows)
    assert feed.mirror.view(0, 0).acc_settled.max() == settled and feed.mirror.half_life == HALF


def test_what_was_lost_and_comes_later_is_settled_when_it_comes(bench: Bench) -> None:
    bench.run(cpus=4, width=2)
    start = bench.clock.wall
    with bench.controller() as controller:
        settle(controller)
        engine = bench.engine()
        token = engine.starts[0]
        bench.clock.advance(3_000)
        run = engine.runs[token]
        engine.vanish(token)
        settle(controller)
        assert bench.state(1) == "lost/unfenced" and past_use(bench)["project/p"] == (0, 0)
        engine.runs[token] = run
        engine.finish(token, ran_ms=2_000)
        settle(controller)
        assert "attempt.late" in bench.types()
    settled, at = past_use(bench)["project/p"]
    assert at == start + 2_000 and isclose(settled, integrated(8, 0, 2_000, 2_000), abs_tol=3)


def test_another_half_life_counts_from_its_declaration_on(bench: Bench) -> None:
    bench.run(cpus=4, width=2)
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(5_000)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
        before: Any = past_use(bench)["project/p"]
        file = bench.folder / "commons.toml"
        replace(file, file.read_text().replace('half_life = "10s"', 'half_life = "1000s"'))
        bench.open().close()
        settle(controller)
        assert past_use(bench)["project/p"] == before
        assert controller.decider.params["half_life"] == controller.feed.mirror.half_life == 1_000_000
