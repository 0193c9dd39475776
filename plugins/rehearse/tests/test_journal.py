"""`--journal`: what ran here, on the nodes that are here; and what happens from now on if a policy decides."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from shanyrak.api import Frame, Problem, UnfitProblem, UsageProblem
from shanyrak.testing.fakes import Bench, settle
from shanyrak_rehearse.command import rehearse

MINUTE = 60_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two nodes of four CPUs, the kernel as policy, projects `ada` and `bek`."""
    made = Bench(tmp_path / "site")
    for project in ("ada", "bek"):
        made.fund(project)
    yield made
    assert made.faults() == [], "a rehearsal changes nothing of the journal"
    made.site.close()


@pytest.fixture
def ask(bench: Bench) -> Callable[..., Any]:
    def run(*args: str, as_json: bool = True) -> Any:
        words = ["--journal", *args, *(["--json"] if as_json else [])]
        result = CliRunner().invoke(rehearse, words, obj=Frame(str(bench.folder), {}))
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exception is None, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    return run


def run_for(bench: Bench, minutes: int) -> None:
    """The controller acts, each minute."""
    with bench.controller() as controller:
        settle(controller)
        for _ in range(minutes):
            bench.clock.advance(MINUTE)
            settle(controller)


def test_what_ran_here_is_the_trace(bench, ask):
    bench.engine().lasts = lambda launch: 2 * MINUTE
    wide = bench.run("ada", width=2, cpus=4, walltime="10m", **{"class": "service"}).id
    array = bench.run("bek", cpus=4, array="0-2", walltime="5m").id
    run_for(bench, 12)
    data = ask("--policy", "fifo")
    assert data["trace"]["jobs"] == 4
    assert data["trace"]["sha256"] == bench.site.events()[-1].hash
    kernel, fifo = data["policies"]
    assert (kernel["name"], fifo["name"]) == ("kernel", "fifo"), "the active policy is the first"
    assert kernel["schedule_sha256"] == fifo["schedule_sha256"]
    # Virtual ends are at the minute: the wide work runs 2 minutes, then two tasks of the array, then the third.
    assert kernel["wait"]["max_s"] == 240.0
    assert {row["name"]: row["jobs"] for row in kernel["by"]["account"]} == {"ada": 1, "bek": 3}
    assert {row["name"]: row["jobs"] for row in kernel["by"]["class"]} == {"batch": 3, "service": 1}
    assert data["recorded"]["jobs"] == 4
    assert data["semantics"]["promises"]["rule"] == "site"
    assert data["live"]["running"] == data["live"]["waiting"] == 0
    assert wide != array


@pytest.mark.parametrize("seed", range(3))
def test_the_clock_fed_with_a_live_run_starts_work_when_the_live_run_did(bench, ask, tmp_path, seed):
    """Ends and submissions are on whole minutes, at which the controller acts: so live and rehearsed see the same instants."""
    draw = random.Random(seed)
    lasts = {}
    bench.engine().lasts = lambda launch: lasts.setdefault(launch.token, draw.randint(1, 4) * MINUTE)
    for _ in range(12):
        for _ in range(draw.randint(0, 3)):
            wide = draw.choice([1, 1, 2])
            bench.run(
                draw.choice(["ada", "bek"]), width=wide, cpus=draw.randint(1, 4), walltime=f"{draw.randint(4, 9)}m"
            )
        run_for(bench, 1)
    run_for(bench, 60)
    data = ask("--schedule", str(tmp_path / "out.csv"))
    with bench.site.journal.read() as rows:
        live = rows.all("SELECT workload, started, ended FROM attempt ORDER BY workload")
        first = rows.one("SELECT MIN(submitted) FROM workload")[0]
    assert len(live) == data["trace"]["jobs"] > 5
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert sorted(lines) == sorted(f"{job},{(at - first) // 1000},{(end - first) // 1000}" for job, at, end in live)


def test_the_schedule_names_tasks(bench, ask, tmp_path):
    bench.engine().lasts = lambda launch: MINUTE
    one, array = bench.run("ada").id, bench.run("bek", array="0-1").id
    run_for(bench, 3)
    ask("--schedule", str(tmp_path / "out.csv"))
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[0] for line in lines) == sorted([f"{one}", f"{array}_0", f"{array}_1"])


def test_what_happens_from_now_on(bench, ask):
    bench.engine().lasts = lambda launch: None
    bench.run("ada", width=2, cpus=4, walltime="10m")
    run_for(bench, 1)
    long = bench.run("ada", cpus=4, width=2, walltime="1h").id
    short = bench.run("bek", cpus=4, width=2, walltime="2m").id
    live = ask("--policy", "shortest")["live"]
    assert (live["running"], live["waiting"]) == (1, 2)
    kernel, shortest = live["policies"]
    assert [row["job"] for row in kernel["starts"]] == [long, short]
    assert [row["job"] for row in shortest["starts"]] == [short, long]
    changed = {row["project"]: (row["sooner"], row["later"]) for row in shortest["against"]["projects"]}
    assert changed == {"bek": (1, 0), "ada": (0, 1)}
    text = ask("--policy", "shortest", as_json=False)
    assert "No work has ended here yet." in text
    assert "1 run, 2 wait" in text
    assert "shortest against kernel:" in text


def test_the_page_of_a_journal_tells_what_comes(bench, ask, tmp_path):
    bench.engine().lasts = lambda launch: MINUTE
    bench.run("ada")
    run_for(bench, 2)
    bench.engine().lasts = lambda launch: None
    bench.run("ada", width=2, cpus=4, walltime="1h")
    run_for(bench, 1)
    bench.run("ada", width=2, cpus=4, walltime="1h")
    bench.run("bek", width=2, cpus=4, walltime="2m")
    ask("--policy", "shortest", "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "<h2>From now on</h2>" in page
    assert "1 run now and 2 wait." in page
    assert "<td>bek</td><td>1</td><td>0</td>" in page


def test_a_promise_that_is_held_shows_when_a_policy_would_be_late(bench, ask):
    bench.engine().lasts = lambda launch: None
    bench.run("ada", width=2, cpus=4, walltime="10m")
    run_for(bench, 1)
    bench.run("ada", cpus=4, width=2, walltime="1h")
    run_for(bench, 1)
    live = ask()["live"]
    assert live["promised"] == 1
    assert live["policies"][0]["promises"]["kept"] + len(live["policies"][0]["promises"]["late"]) == 1


def test_what_contradicts_itself_is_refused(bench, ask, tmp_path):
    for args in (["--pool", "4"], ["--nodes", "2x2"], [str(tmp_path / "a.swf")]):
        with pytest.raises(UsageProblem, match="Leave files and machine out"):
            ask(*args)
    with pytest.raises(UsageProblem, match="no work has ended here yet"):
        ask("--html", str(tmp_path / "a.html"))


def test_without_a_workspace_there_is_no_journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(rehearse, ["--journal"], obj=Frame(env={}))
    assert isinstance(result.exception, UnfitProblem)


def test_the_rules_of_the_site_hold_for_a_trace_in_its_folder(bench, write, tmp_path):
    trace = write("submit,run,gpus,sector", "0,10,1,startup", "0,10,1,elsewhere", name="a.csv")
    result = CliRunner().invoke(rehearse, [str(trace), "--pool", "4", "--json"], obj=Frame(str(bench.folder), {}))
    data = json.loads(result.stdout)
    assert data["semantics"]["site"] == bench.site.commons.site.name
    assert data["policies"][0]["name"] == "kernel", "the active policy of the site"
    assert data["semantics"]["params"]["half_life"] == 7 * 24 * 60 * MINUTE
