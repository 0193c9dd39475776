"""Why work is where it is: each rule with its words, its numbers and what would change it."""

import sys
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.why import BRIEF, RULES
from shanyrak.errors import UsageProblem
from shanyrak.model.quantities import instant_words
from shanyrak.plugins.discovery import find
from shanyrak.policy.reasons import Why
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle


def reasons(bench: Bench, id_: int) -> dict[str, dict[str, Any]]:
    return {reason["rule"]: reason for reason in bench.site.why(id_)["reasons"]}


def numbers(reason: dict[str, Any]) -> tuple[int, int]:
    return reason["need"], reason["have"]


def test_every_test_of_the_policy_has_words() -> None:
    assert set(RULES) == {bit.name for bit in Why} == set(BRIEF)


def test_without_a_controller_the_answer_says_so(bench: Bench) -> None:
    bench.run()
    answer = bench.site.why(1)
    assert answer["words"] == "it starts in the next round"
    assert answer["controller"] == "no controller is running: start one with `shanyrak up`"
    with bench.controller():
        assert bench.site.why(1)["controller"].startswith("the controller is pid ")


def test_hold_paused_and_after(bench: Bench) -> None:
    bench.run(), bench.run()
    bench.run(after=[1, 2])
    bench.site.hold(3)
    bench.site.pause("p")
    found = reasons(bench, 3)
    assert list(found) == ["hold", "paused", "after"], "all of them, in a fixed order"
    assert found["hold"]["words"] == f"held by {bench.site.actor}" and found["hold"]["change"] == "shanyrak release 3"
    assert found["paused"]["change"] == "shanyrak resume p"
    assert found["after"]["words"] == "comes after 1 (queued), 2 (queued)" and numbers(found["after"]) == (0, 2)
    bench.site.pause("p", False)
    bench.site.pause()
    assert reasons(bench, 3)["paused"]["change"] == "shanyrak resume"


def test_fit_and_reservation(bench: Bench) -> None:
    bench.run(cpus=2, walltime=50)
    bench.run(cpus=4, width=2, walltime=10)
    with bench.controller() as controller:
        settle(controller)
        at = bench.clock.wall + 50_000
        bench.run(cpus=3, walltime=51)
        bench.run(cpus=1, walltime=50)
        settle(controller)
        fit = reasons(bench, 2)["fit"]
        assert numbers(fit) == (2, 1) and "1 node(s) have that, the most free on one is 4" in fit["words"]
        assert instant_words(at) in fit["change"]
        late = reasons(bench, 3)["reservation"]
        assert numbers(late) == (51_000, 50_000)
        assert "would delay workload 2" in late["words"] and "a walltime of at most 50s" in late["change"]
        assert bench.state(4) == "running/running", "the number that would change it is right"


def test_grant(bench: Bench) -> None:
    bench.fund("q", 100)
    bench.run("q", walltime=60)
    with bench.controller() as controller:
        settle(controller)
        bench.run("q", walltime=50)
        settle(controller)
        short = reasons(bench, 2)["grant"]
        assert numbers(short) == (50, 40)
        assert short["change"] == "a grant of 10 cpu-seconds more, or the same with --walltime 40s"
        bench.fund("q", 10)
        settle(controller)
        assert bench.state(2) == "running/running"


def test_cap(bench: Bench) -> None:
    bench.site.add_project("small", "startup", "o", cap=3)
    bench.site.add_grant("small", 10_000, "cpu-second")
    bench.run("small", cpus=2)
    bench.run("small", cpus=2)
    with bench.controller() as controller:
        settle(controller)
        cap = reasons(bench, 2)["cap"]
    assert cap["words"] == "project small uses 2 of at most 3 units and this needs 2"
    assert numbers(cap) == (2, 1) and cap["change"].startswith("1 unit(s) of its own that end")


def test_nodes_window_and_tasks(bench: Bench) -> None:
    bench.run(width=2)
    bench.site.drain(["cpu-0"])
    few = reasons(bench, 1)["nodes"]
    assert numbers(few) == (2, 1) and few["change"].startswith("1 more node(s)")
    bench.site.undrain(["cpu-0"])
    bench.site.add_window(["cpu"], bench.clock.wall + 30_000, 0, "power")
    window = reasons(bench, 1)["window"]
    assert "window 1 from" in window["words"] and "(power)" in window["words"]
    assert numbers(window) == (60_000, 30_000) and window["change"] == "a walltime of at most 30s"


def test_an_array_at_its_own_most(bench: Bench) -> None:
    bench.run(array="0-3%1")
    with bench.controller() as controller:
        settle(controller)
        from shanyrak.control.now import moment

        assert moment(bench.site).mask(1) & Why.TASKS


def test_backoff(bench: Bench) -> None:
    bench.run()
    bench.engine().refuse("no room")
    with bench.controller() as controller:
        settle(controller)
        wait = reasons(bench, 1)["backoff"]
    assert "no room" in wait["words"] and wait["change"] == "it is tried again in 1s"


@pytest.mark.parametrize(
    ("end", "rule", "change"),
    [
        ({"exit_code": 1}, "exit", "see `shanyrak logs`"),
        ({"cause": "walltime"}, "walltime", "ask for a longer --walltime"),
        ({"cause": "memory"}, "memory", "ask for more --mem"),
        ({}, "ok", ""),
    ],
)
def test_what_has_ended(bench: Bench, end: dict[str, Any], rule: str, change: str) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0], **end)
        settle(controller)
    answer = bench.site.why(1)
    assert [(r["rule"], r["change"]) for r in answer["reasons"]] == [(rule, change)]


def test_what_was_refused_names_its_nearest(bench: Bench) -> None:
    bench.run(cpus=9)
    assert reasons(bench, 1)["fits"]["change"] == "ask for at most 4"
    with pytest.raises(UsageProblem, match="workload 9: it does not exist"):
        bench.site.why(9)


def test_ps_carries_the_first_reason_of_this_moment(bench: Bench) -> None:
    bench.run(cpus=4, width=2)
    bench.run(cpus=4, width=2)
    bench.run()
    bench.site.hold(3)
    with bench.controller() as controller:
        settle(controller)
        assert [row["reason"] for row in bench.site.ps()] == ["running", "fit", "hold"]


@pytest.mark.parametrize("body", ["raise RuntimeError('no')", "raise SystemExit(3)", "while True: pass"])
def test_a_policy_that_fails_the_question_does_not_fail_the_answer(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("shanyrak.control.now.PATIENCE_S", 0.2)
    monkeypatch.setattr("shanyrak.control.eta.PATIENCE_S", 0.05)
    (folder := tmp_path / "plugins").mkdir()
    monkeypatch.syspath_prepend(str(folder))
    hook = "@hookimpl\ndef shanyrak_policies():\n    return [Policy('odd', 'An odd one.', '1', decide='x_odd_code:decide')]\n"
    write_plugin(folder, "odd", hook, more={"x_odd_code": f"def decide(view, params, carry):\n    {body}\n"})
    bench = make(finders=[lambda: find([str(folder)])])
    bench.fund("p")
    bench.site.activate_policy("odd")
    bench.run(), bench.site.hold(1)
    answer = bench.site.why(1)
    assert [reason["rule"] for reason in answer["reasons"]] == ["hold"]
    assert answer["decided_by"].startswith("the core's kernel, because policy odd 1 failed (")
    assert bench.site.eta(1)["kind"] == "none"
    del sys.modules["x_odd_code"]


def test_the_list_says_of_an_array_that_a_part_of_it_starts(bench: Bench) -> None:
    bench.run(array="0-99")
    bench.run()
    assert [(row["reason"], row["words"]) for row in bench.site.ps()] == [
        ("starting", "starts in the next round, if a controller is running"),
        ("fit", "too few free units"),
    ]
