"""Admission: each rule, the nearest request that would pass, names that do not exist."""

from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.admit import Receipt
from shanyrak.errors import UsageProblem
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import CPU, Bench, settle

GPU = {"name": "gpu", "engine": "fake", "unit": "gpu", "nodes": 1, "units": 2, "cpus": 8, "memory": "16G"}


def refused(receipt: Receipt) -> tuple[str, str, str]:
    assert receipt.state == "refused"
    return receipt.reason, receipt.words, receipt.nearest


def test_a_good_request_is_queued_with_an_id_and_reduced_to_units(bench: Bench) -> None:
    receipt = bench.run(cpus=2, mem="6G", name="n")
    assert (receipt.id, receipt.state, receipt.reason, receipt.nearest) == (1, "queued", "waiting", "")
    assert receipt.note == "costs 3 cpu units a node, because 6 GiB is the share of 3"
    assert bench.run().id == 2
    row = bench.site.workload(1)
    assert (row["project"], row["walltime_ms"]) == ("p", 60_000)


def test_what_can_never_run_here(bench: Bench) -> None:
    rule, words, nearest = refused(bench.run(cpus=5))
    assert rule == "fits"
    assert words == "it can never run here: cpus: 5 a node asked, a node of cpu has 4"
    assert nearest == "ask for at most 4"


def test_what_the_grant_does_not_cover(bench: Bench) -> None:
    bench.fund("small", 100)
    rule, words, nearest = refused(bench.run("small", cpus=2, walltime=51))
    assert rule == "grant"
    assert "102 cpu-seconds (1 x 2 units for 51s)" in words and "have 100 cpu-seconds" in words
    assert nearest == "the same with --walltime 50s"
    assert bench.run("small", cpus=2, walltime=50).state == "queued", "the nearest request passes"


def test_a_project_without_a_grant_is_told_the_command(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    bench.fund("p")
    rule, words, nearest = refused(bench.run(gpus=2))
    assert (rule, words) == ("grant", "project p has no grant of gpu-seconds")
    assert nearest == "shanyrak grant add p 120 gpu-second"
    bench.fund("p", 120, "gpu-second")
    assert bench.run(gpus=2).state == "queued"


def test_a_grant_that_is_used_up_has_no_nearest(bench: Bench) -> None:
    number = bench.fund("q", 60)
    bench.site.pull_grant(number, 60)
    assert refused(bench.run("q"))[2] == "none: the grants are used up"


def test_what_is_held_counts_since_it_comes_back(bench: Bench) -> None:
    bench.fund("q", 60)
    bench.run("q")
    with bench.controller() as controller:
        settle(controller)
        assert bench.run("q").state == "queued"


def test_grants_that_ended_do_not_count_and_those_to_come_do(bench: Bench) -> None:
    bench.fund("q", 100, until=bench.clock.wall + 1_000)
    bench.clock.advance(1_000)
    assert refused(bench.run("q"))[0] == "grant"
    bench.fund("q", 100, start=bench.clock.wall + 5_000)
    assert bench.run("q").state == "queued"


def test_what_comes_after_work(bench: Bench) -> None:
    waits = bench.run(after=[bench.run().id])
    assert (waits.state, waits.reason, waits.words) == ("queued", "after", "comes after 1")
    bench.site.stop(1)
    rule, words, nearest = refused(bench.run(after=[1]))
    assert rule == "after" and "workload 1, which is cancelled" in words
    assert nearest == "the same once 1 was submitted again and is done"
    with pytest.raises(UsageProblem, match="workload 99: it does not exist"):
        bench.run(after=[99])


@pytest.mark.parametrize(("exit_code", "state"), [(0, "queued"), (1, "refused")])
def test_after_what_has_ended(bench: Bench, exit_code: int, state: str) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], exit_code=exit_code)
        settle(controller)
    receipt = bench.run(after=[1])
    assert receipt.state == state
    assert receipt.reason == ("waiting" if state == "queued" else "after")


def test_an_unknown_project_is_an_error_with_the_nearest(bench: Bench) -> None:
    bench.fund("climate")
    with pytest.raises(UsageProblem, match="project 'climat': it does not exist. Did you mean 'climate'?"):
        bench.run("climat")
    with pytest.raises(UsageProblem, match="add it with `shanyrak project add`|Add it"):
        bench.run("zzzz")
    with pytest.raises(UsageProblem, match="pool 'gpuu' does not exist"):
        bench.run(pool="gpuu")
    assert "workload.submitted" not in bench.types()


def test_a_batch_is_recorded_whole_or_not_at_all(bench: Bench) -> None:
    good = {"project": "p", "command": ["true"]}
    with pytest.raises(UsageProblem):
        bench.site.submit_many([good, {**good, "project": "nobody"}])
    assert bench.site.ps(True) == []
    receipts = bench.site.submit_many([good, {**good, "cpus": 99}, good])
    assert [(r.id, r.state) for r in receipts] == [(1, "queued"), (2, "refused"), (3, "queued")]


def test_the_default_walltime_is_the_sites(make: Any) -> None:
    bench = make(tables={"accounts": {"default_walltime": "10m"}})
    bench.fund("p")
    bench.site.submit({"project": "p", "command": ["true"]})
    assert bench.site.workload(1)["walltime_ms"] == 600_000


ASKING = """
@hookimpl
def shanyrak_decide_admission(request):
    if 'boom' in request.spec['command']:
        raise RuntimeError('no luck')
    if request.units > 2:
        return Refusal('quiet-hours', f'{request.units} units of {request.unit} for {request.actor}', {'most': 2}, 'ask for 2')
"""


def test_plugins_may_refuse_and_one_that_raises_refuses_by_its_name(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "plugins").mkdir()
    monkeypatch.syspath_prepend(str(folder))
    write_plugin(folder, "asking", ASKING)
    bench = make(finders=[lambda: find([str(folder)])])
    bench.fund("p")
    assert bench.run(cpus=2).state == "queued"
    rule, words, nearest = refused(bench.run(cpus=3))
    assert (rule, nearest) == ("quiet-hours", "ask for 2") and words.startswith("3 units of cpu-second for ")
    rule, words, _ = refused(bench.run(command=["boom"]))
    assert rule == "plugin.asking" and "no luck" in words
    assert refused(bench.run(cpus=99))[0] == "fits", "a plugin is not asked for what cannot run"
