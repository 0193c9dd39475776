"""The journal as material for a rehearsal: what ended here, and what is here now."""

from __future__ import annotations

from shanyrak.testing.fakes import settle

MINUTE = 60_000


def test_every_task_that_ended_is_told_once_by_its_last_attempt(bench):
    bench.engine().lasts = lambda launch: MINUTE
    one = bench.run(cpus=2, walltime="5m").id
    array = bench.run(array="0-2", cpus=4, walltime="3m").id
    with bench.controller() as controller:
        settle(controller)
        for _ in range(4):
            bench.clock.advance(MINUTE)
            settle(controller)
    rows = bench.site.past()
    assert [(row.workload, row.task) for row in rows] == [(one, 0), (array, 0), (array, 1), (array, 2)]
    assert {row.ran for row in rows} == {MINUTE}
    assert (rows[0].width, rows[0].units, rows[0].walltime) == (1, 2, 5 * MINUTE)
    assert (rows[0].project, rows[0].sector) == ("p", "startup")
    assert rows[0].started >= rows[0].submitted
    assert rows[3].started - rows[3].submitted == MINUTE, "two nodes: one of the three waited"


def test_what_waits_for_another_try_has_not_ended(bench):
    engine = bench.engine()
    engine.lasts = lambda launch: None
    id_ = bench.run(walltime="5m").id
    with bench.controller() as controller:
        settle(controller)
        engine.vanish(engine.live()[0], fenced=True)
        settle(controller)
    assert bench.state(id_).startswith("queued")
    assert bench.site.past() == []


def test_the_present_is_what_a_policy_sees_and_may_be_used_up(bench):
    bench.engine().lasts = lambda launch: None
    running, waiting = bench.run(width=2, cpus=4).id, bench.run(cpus=1).id
    with bench.controller() as controller:
        settle(controller)
    live = bench.site.live()
    view = live.mirror.view(0, live.now)
    assert (view.run_job.tolist(), view.job_id[view.job_tasks > 0].tolist()) == ([running], [waiting])
    assert live.projects == {running: "p", waiting: "p"}
    assert live.head == bench.site.events()[-1].hash
    live.mirror.unqueue(waiting)
    assert bench.site.live().mirror.view(0, live.now).row(waiting) >= 0


def test_sectors_are_told_in_units_of_any_machine(make):
    site = make(tables={"sectors": {"public": {"floor": "25%", "cap": 100, "weight": 3}, "learner": {}}}).site
    assert site.sectors(512) == {"public": (3, 128, 100), "learner": (1, 0, -1)}
