"""Service classes: named in a request, numbered by rank in the view, kept through a change of their order."""

from typing import Any

import pytest
from shanyrak.config.write import replace
from shanyrak.control.feed import Feed
from shanyrak.errors import UsageProblem
from shanyrak.testing.fakes import Bench, settle

CLASSES = {
    "learner": {"promise": "never"},
    "batch": {},
    "public": {"promise": "always", "sectors": ["public"]},
}


def view(bench: Bench) -> Any:
    with bench.site.journal.read() as rows:
        return Feed(rows).mirror.view(0, 0)


def test_a_request_names_its_class(make: Any) -> None:
    bench = make(tables={"classes": CLASSES})
    bench.fund("p")
    bench.run(), bench.run(**{"class": "learner"})
    assert [row["class"] for row in bench.site.ps()] == ["batch", "learner"]
    assert view(bench).job_class.tolist() == [1, 0]
    assert bench.site.workload(2)["spec"]["class"] == "learner"
    assert bench.site.why(2)["class"] == "learner"
    assert bench.site.why(2)["promise"] == "none of its work is promised a start"
    assert bench.site.why(1)["promise"].endswith("from 2 units on; this takes 1")


def test_an_unknown_one_is_an_error_that_names_the_nearest(bench: Bench) -> None:
    with pytest.raises(UsageProblem, match="class 'servise': it does not exist. Did you mean 'service'"):
        bench.run(**{"class": "servise"})
    with pytest.raises(UsageProblem, match="class 'x': it does not exist. Use one of batch, service"):
        bench.run(**{"class": "x"})
    with pytest.raises(UsageProblem, match="Did you mean 'class'"):
        bench.run(clas="service")


def test_a_class_may_be_for_some_sectors_alone(make: Any) -> None:
    bench = make(tables={"classes": CLASSES})
    bench.fund("p")
    receipt = bench.run(**{"class": "public"})
    assert (receipt.state, receipt.reason) == ("refused", "class")
    assert receipt.words == "class public is for projects of the sectors public, not startup"
    assert receipt.nearest == "the same with --class learner"
    bench.site.add_project("city", "public", "a city")
    bench.fund("city")
    assert bench.run("city", **{"class": "public"}).state == "queued"


def test_a_key_is_of_one_class(bench: Bench) -> None:
    bench.run(key="k", **{"class": "service"})
    assert bench.run(key="k", **{"class": "service"}).existing
    with pytest.raises(UsageProblem, match="asks for something else"):
        bench.run(key="k")


def test_what_runs_keeps_the_rank_at_which_it_started_and_what_waits_goes_with_its_name(bench: Bench) -> None:
    for _ in range(2):
        bench.run(cpus=4, width=2, **{"class": "service"})
    bench.run(cpus=4, width=2)
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(1) == "running/running"
        old = (bench.folder / "commons.toml").read_text()
        new = old.replace("[classes.batch]", '[classes.learner]\npromise = "never"\n\n[classes.batch]')
        replace(bench.folder / "commons.toml", new)
        bench.open().close()
        settle(controller)
        followed = controller.feed.mirror.view(0, 0)
        assert controller.decider.params["promise_classes"] == 0b100, "the running controller has read the file again"
        live = followed.job_tasks > 0
        assert followed.job_class[live].tolist() == view(bench).job_class.tolist() == [2, 1]
        assert followed.run_class.tolist() == view(bench).run_class.tolist() == [1]
        assert followed.job_promise[live].tolist() == view(bench).job_promise.tolist()
        assert followed.job_promise[live][0] > 0, "its promise goes along"
        replace(bench.folder / "commons.toml", new.replace("[classes.service]", "[classes.urgent]"))
        bench.open().close()
        settle(controller)
        assert controller.feed.mirror.view(0, 0).job_class[live].tolist() == view(bench).job_class.tolist() == [1, 1]
    assert [row["class"] for row in bench.site.ps()] == ["batch", "batch", "batch"]


@pytest.mark.parametrize(
    ("work", "promised"),
    [
        ({"class": "learner", "cpus": 4, "width": 2}, False),
        ({"cpus": 4, "width": 2}, True),
        ({"cpus": 3}, False),
        ({"class": "sure"}, True),
    ],
)
def test_who_is_promised_a_start(make: Any, work: dict[str, Any], promised: bool) -> None:
    classes = {"learner": {"promise": "never"}, "batch": {}, "sure": {"promise": "always"}}
    bench = make(tables={"classes": classes, "policy": {"active": "kernel", "margin": "0s", "large": 4}})
    bench.fund("p")
    bench.run(cpus=4, width=2)
    bench.run(**work)
    with bench.controller() as controller:
        settle(controller)
    row = bench.site.ps()[1]
    assert row["state"] == "queued" and bool(row["promised"]) is promised
    assert (bench.site.eta(2)["kind"] == "promise") is promised
