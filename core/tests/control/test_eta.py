"""When work starts: what happened, the promise, an estimate with its basis, or never."""

import pytest
from shanyrak.errors import UsageProblem
from shanyrak.testing.fakes import Bench, settle


def test_started_promised_estimated(bench: Bench) -> None:
    for _ in range(3):
        bench.run(cpus=4, width=2)
    with bench.controller() as controller:
        begun = bench.clock.wall
        settle(controller)
        found = [bench.site.eta(id_) for id_ in (1, 2, 3)]
    assert [(one["kind"], one["start"]) for one in found] == [
        ("started", begun), ("promise", begun + 60_000), ("estimate", begun + 120_000)
    ]  # fmt: skip
    assert found[1]["estimate"] == begun + 60_000
    assert found[2]["basis"].startswith("the core's kernel on a virtual clock")


def test_an_estimate_is_when_it_does_start(bench: Bench) -> None:
    """All work takes its whole walltime and nothing new comes: then the estimate is exact."""
    shapes = [(4, 2, 30), (2, 1, 50), (3, 2, 20), (1, 1, 70), (4, 1, 10), (2, 2, 40)]
    for cpus, width, walltime in shapes:
        bench.run(cpus=cpus, width=width, walltime=walltime)
    expected = {id_: bench.site.eta(id_)["start"] for id_ in range(1, 7)}
    with bench.controller() as controller:
        for _ in range(300):
            settle(controller)
            bench.clock.advance(1_000)
            if controller.idle():
                break
        settle(controller)
    assert {row["id"]: row["started"] for row in bench.site.ps(True)} == expected


def test_never_as_things_stand(bench: Bench) -> None:
    bench.run()
    bench.site.hold(1)
    bench.run(cpus=9)
    bench.site.stop(bench.run().id)
    found = [bench.site.eta(id_) for id_ in (1, 2, 3)]
    assert [(one["kind"], one["start"]) for one in found] == [("none", None)] * 3
    assert "shanyrak why 1" in found[0]["words"]
    assert "it is refused" in found[1]["words"] and "it is cancelled" in found[2]["words"]
    with pytest.raises(UsageProblem, match="workload 9"):
        bench.site.eta(9)


def test_asking_changes_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.run(cpus=4, width=2)
    before = bench.types()
    for id_ in (1, 2, 3):
        bench.site.eta(id_), bench.site.why(id_)
    bench.site.ps()
    assert bench.types() == before
