"""What happens by time alone: terms of grants and of work, pauses, windows."""

from shanyrak.control import timers
from shanyrak.testing.fakes import Bench, settle


def test_a_grant_opens_and_ends_by_its_term(bench: Bench) -> None:
    now = bench.clock.wall
    bench.fund("q", 600, start=now + 10_000, until=now + 30_000)
    bench.run("q", walltime=5)
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(1) == "queued/waiting" and bench.engine().starts == []
        bench.clock.advance(9_999)
        settle(controller)
        assert bench.engine().starts == []
        bench.clock.advance(1)
        settle(controller)
        assert bench.state(1) == "running/running"
        bench.engine().finish(bench.engine().starts[0])
        bench.clock.advance(20_000)
        settle(controller)
    (row,) = bench.site.grants("q")
    assert (row["state"], row["left"], row["issued"]) == ("expired", 0, 0)
    assert [t for t in bench.types() if t.startswith("grant.")] == [
        "grant.issued", "grant.issued", "grant.opened", "grant.returned"
    ]  # fmt: skip


def test_work_that_did_not_start_within_its_term_expires_with_what_comes_after(bench: Bench) -> None:
    bench.run(term="30s")
    bench.run(after=[1])
    bench.site.hold(1)
    with bench.controller() as controller:
        bench.clock.advance(29_999)
        settle(controller)
        assert bench.state(1) == "queued/waiting"
        bench.clock.advance(1)
        settle(controller)
    assert bench.state(1) == "expired/term"
    assert bench.state(2) == "cancelled/after-failed"


def test_work_that_has_run_does_not_expire(bench: Bench) -> None:
    bench.run(term="30s")
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], cause="node", fenced=True)
        settle(controller)
        bench.site.hold(1)
        bench.clock.advance(60_000)
        settle(controller)
        assert bench.state(1) == "queued/waiting", "its term was for the first start"


def test_a_pause_after_trouble_ends_for_an_array_that_lives_too(bench: Bench) -> None:
    bench.run(array="0-1%2", cpus=4)
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], cause="node", fenced=True)
        settle(controller)
        assert len(bench.engine().starts) == 2
        bench.clock.advance(1_000)
        settle(controller)
        assert len(bench.engine().starts) == 3, "its other task runs on, and still it is tried again"
        assert bench.state(1) == "running/running"


def test_a_window_is_over_at_its_end(bench: Bench) -> None:
    now = bench.clock.wall
    bench.site.add_window(["cpu"], now, now + 40_000, "cooling")
    bench.run(walltime=5)
    with bench.controller() as controller:
        settle(controller)
        assert bench.engine().starts == [] and not controller.idle(), "time alone will let it start"
        bench.clock.advance(40_000)
        settle(controller)
        assert bench.state(1) == "running/running"
    assert bench.site.windows() == []


def test_soonest_is_the_first_of_all_and_nought_without_any(bench: Bench) -> None:
    now = bench.clock.wall
    with bench.site.journal.read() as rows:
        assert timers.soonest(rows) == 0
    bench.run(term="50s")
    bench.fund("q", 1, until=now + 60_000)
    with bench.site.journal.read() as rows:
        assert timers.soonest(rows) == now + 50_000
        assert not timers.due(rows, now + 49_999) and timers.due(rows, now + 50_000)
    number = bench.site.add_window(["cpu-0"], now, now + 20_000)
    with bench.site.journal.read() as rows:
        assert timers.soonest(rows) == now + 20_000
    bench.site.remove_window(number)
    bench.site.stop(1)
    with bench.site.journal.read() as rows:
        assert timers.soonest(rows) == now + 60_000


def test_ringing_twice_changes_nothing(bench: Bench) -> None:
    bench.run(term="1s")
    bench.fund("q", 5, until=bench.clock.wall + 1_000)
    bench.clock.advance(2_000)
    for _ in range(2):
        with bench.site.journal.write("me") as writer:
            timers.ring(writer)
        count = len(bench.types())
    with bench.site.journal.write("me") as writer:
        timers.ring(writer)
    assert len(bench.types()) == count
