"""Policies: what is shown of them, who makes one decide, and on which rehearsal."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shanyrak.errors import PluginProblem, RefusedProblem, UsageProblem
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle

Make = Callable[..., Bench]
SOURCE = """
@hookimpl
def shanyrak_policies():
    return [Policy('turn', 'In turn.', '3', stages='x_turn_stages:stages')]
"""
REPORT: dict[str, Any] = {"trace": {"sha256": "ab"}, "semantics": {}, "policies": [{"name": "turn", "version": "3"}]}


@pytest.fixture
def new(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """A bench with a policy `turn`, and operators Ada and Bek."""

    def build(**policy: Any) -> Bench:
        folder = tmp_path / "site-packages"
        folder.mkdir()
        write_plugin(folder, "turn", SOURCE)
        monkeypatch.syspath_prepend(str(folder))
        tables = {"policy": {"active": "kernel", **policy}, "roles": {"operators": ["ada", "bek"]}}
        return make(finders=[lambda: find([str(folder)])], tables=tables)

    return build


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORT))
    return path


def last(bench: Bench) -> tuple[str, str, dict[str, Any]]:
    event = bench.site.events()[-1]
    return event.type, event.actor, event.data()


def say(bench: Bench, actor: str, report: Path | None = None) -> str:
    bench.site.actor = actor
    return bench.site.activate_policy("turn", report)


def test_one_operator_is_enough_where_nothing_else_is_said(new: Callable[..., Bench], report: Path) -> None:
    bench = new()
    assert bench.site.policy()["activated"] is None, "as the file says"
    assert say(bench, "ada", report) == "active"
    digest = hashlib.sha256(report.read_bytes()).hexdigest()
    assert last(bench) == (
        "policy.activated",
        "ada",
        {"settings": {"policy": "turn"}, "version": "3", "plugin": "turn", "rehearsal": digest, "proposed_by": ""},
    )
    assert [(row["name"], row["active"]) for row in bench.site.policies()] == [("kernel", False), ("turn", True)]
    shown = bench.site.policy()
    assert shown["activated"] == {
        "at": bench.clock.wall, "by": "ada", "version": "3", "proposed_by": "", "rehearsal": digest,
    }  # fmt: skip
    assert shown["params"] == bench.site.params() and [one["class"] for one in shown["classes"]] == ["batch", "service"]
    assert bench.site.policy("kernel")["activated"] is None


def test_a_second_operator_makes_a_proposal_active(new: Callable[..., Bench], report: Path) -> None:
    bench = new(second_actor=True)
    assert say(bench, "ada", report) == "proposed"
    assert bench.site.active_policy() == "kernel"
    assert bench.site.policies()[1]["proposed"]["by"] == "ada" and bench.site.policies()[0]["proposed"] is None
    before = bench.types()
    with pytest.raises(RefusedProblem, match="policy turn: you have proposed it, and it takes a second person"):
        say(bench, "ada", report)
    assert bench.types() == before
    assert say(bench, "bek", report) == "active"
    type_, actor, data = last(bench)
    assert (type_, actor, data["proposed_by"]) == ("policy.activated", "bek", "ada")
    assert bench.site.active_policy() == "turn" and bench.site.policies()[1]["proposed"] is None


def test_a_second_person_who_says_something_else_proposes_that(new: Callable[..., Bench], report: Path) -> None:
    bench = new(second_actor=True)
    assert say(bench, "ada", report) == "proposed"
    assert say(bench, "bek") == "proposed", "without the report it is another command"
    assert bench.site.policies()[1]["proposed"]["by"] == "bek"
    assert say(bench, "ada") == "active"


def test_who_is_no_operator_is_no_second_person(new: Callable[..., Bench]) -> None:
    bench = new(second_actor=True)
    say(bench, "ada")
    with pytest.raises(RefusedProblem, match="it takes one of the operators"):
        say(bench, "somebody")


BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "it is no report of a rehearsal"),
    "a list": ("[1]", "it is no report of a rehearsal"),
    "something else": ('{"policies": [{"name": "turn"}]}', "it is no report of a rehearsal"),
    "deep": ("[" * 100_000, "it is no report of a rehearsal"),
    "no policy": (json.dumps({**REPORT, "policies": []}), "it has no policy in it, not turn"),
    "another": (json.dumps({**REPORT, "policies": [{"name": "easy"}]}), "it has easy in it, not turn"),
    "older": (
        json.dumps({**REPORT, "policies": [{"name": "turn", "version": "2"}]}),
        "it is of version 2 of turn, and version 3 is installed",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_report_must_be_of_a_rehearsal_of_this_policy(new: Callable[..., Bench], report: Path, kind: str) -> None:
    bench = new()
    text, words = BAD[kind]
    report.write_text(text)
    before = bench.types()
    with pytest.raises(UsageProblem, match=words):
        bench.site.activate_policy("turn", report)
    report.unlink()
    with pytest.raises(UsageProblem, match="it cannot be read"):
        bench.site.activate_policy("turn", report)
    assert bench.types() == before


def test_an_unknown_policy(new: Callable[..., Bench]) -> None:
    bench = new()
    with pytest.raises(PluginProblem):
        bench.site.activate_policy("tern")
    with pytest.raises(UsageProblem, match="policy 'tern': it does not exist. Did you mean 'turn'"):
        bench.site.policy("tern")


def test_a_proposal_is_no_reason_for_a_round(new: Callable[..., Bench]) -> None:
    bench = new(second_actor=True)
    bench.fund("p")
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        decided = controller._decided
        say(bench, "ada")
        settle(controller)
        assert controller.decider.name == "kernel 1" and controller._decided == controller.feed.seq > decided
