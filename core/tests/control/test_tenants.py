"""Projects, grants, pauses: what is accepted and what is not."""

from typing import Any

import pytest
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.testing.fakes import Bench, settle


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("P", "startup", "o"), "project 'P': not a name"),
        (("x", "startups", "o"), "sector 'startups': it does not exist. Did you mean 'startup'?"),
        (("x", "zzz", "o"), "Use one of business, learner, public, startup, university"),
        (("x", "startup", " "), "the organisation: its name is empty"),
        (("x", "startup", "o" * 201), "longer than 200"),
        (("x", "startup", "a\x1b[2J"), "characters that are not printed"),
        (("x", "startup", "o", 0), "out of range"),
        (("x", "startup", "o", 1, -2), "out of range"),
        (("p", "startup", "o"), "project 'p': it exists already"),
    ],
)
def test_bad_projects(bench: Bench, arguments: Any, words: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        bench.site.add_project(*arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("p", 1, "cpu-hours"), "unit 'cpu-hours': it does not exist. Did you mean 'cpu-hour'?"),
        (("p", 0, "cpu-hour"), "above zero"),
        (("p", -5, "cpu-hour"), "above zero"),
        (("p", 2**60, "cpu-second"), "absurdly large"),
        (("nobody", 1, "cpu-hour"), "project 'nobody': it does not exist"),
        (("p", 1, "cpu-hour", 10, 5), "the term: it ends before it begins"),
        (("p", 1, "cpu-hour", 0, 5), "has ended"),
        (("p", 1, "cpu-hour", 0, 0, "A Programme"), "programme 'A Programme': not a name"),
    ],
)
def test_bad_grants(bench: Bench, arguments: Any, words: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        bench.site.add_grant(*arguments)
    assert words in str(caught.value)
    assert bench.types().count("grant.issued") == 1


def test_grants_come_down_to_base_units(bench: Bench) -> None:
    number = bench.site.add_grant("p", 2, "gpu-hour", programme="open-call")
    row = next(row for row in bench.site.grants() if row["grant"] == number)
    assert (row["unit"], row["issued"], row["programme"], row["state"]) == ("gpu-second", 7200, "open-call", "active")
    assert bench.site.account()["units"]["gpu-second"]["left"] == 7200


def test_pulling_what_is_not_there(bench: Bench) -> None:
    with pytest.raises(UsageProblem, match="grant 9: it does not exist"):
        bench.site.pull_grant(9)
    for amount in (0, -1, 10**6 + 1):
        with pytest.raises(RefusedProblem, match="are left of it"):
            bench.site.pull_grant(1, amount)


@pytest.mark.parametrize("project", ["", "p"])
def test_what_is_paused_does_not_start_and_what_runs_goes_on(bench: Bench, project: str) -> None:
    bench.fund("q")
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.site.pause(project)
        bench.site.pause(project)
        bench.run(), bench.run("q")
        settle(controller)
        assert [bench.state(n).partition("/")[0] for n in (1, 2, 3)] == [
            "running", "queued", "running" if project else "queued"
        ]  # fmt: skip
        bench.site.pause(project, False)
        settle(controller)
        assert bench.state(2) == bench.state(3) == "running/running"
    assert len([t for t in bench.types() if "paused" in t or "resumed" in t]) == 2


def test_pausing_takes_a_project_that_exists_and_an_operator(bench: Bench) -> None:
    with pytest.raises(UsageProblem, match="project 'pp': it does not exist. Did you mean 'p'?"):
        bench.site.pause("pp")
    bench.site.actor = "somebody"
    with pytest.raises(RefusedProblem, match="operators"):
        bench.site.pause("p")


def test_a_cap_of_a_project_holds(bench: Bench) -> None:
    bench.site.add_project("small", "startup", "o", cap=3)
    bench.site.add_grant("small", 10_000, "cpu-second")
    bench.run("small", array="0-3", cpus=1)
    with bench.controller() as controller:
        settle(controller)
        assert len(bench.engine().live()) == 3


def test_weight_and_cap_of_each_project(bench: Bench) -> None:
    bench.site.add_project("x", "startup", "o", 3, 12)
    assert bench.site.project_rules() == {"p": (1, -1), "x": (3, 12)}


def test_members_come_and_go_and_who_left_stays_known(bench: Bench) -> None:
    bench.site.add_members("p", ["ada", "bob", "ada"])
    bench.site.add_members("p", ["bob", "Eve.K@lab"])
    bench.site.remove_members("p", ["ada"])
    assert bench.site.members() == {"p": {"Eve.K@lab": True, "ada": False, "bob": True}}
    assert bench.site.projects()[0]["members"] == ["Eve.K@lab", "bob"]
    bench.site.add_members("p", ["ada"])
    assert bench.site.members()["p"]["ada"]
    assert bench.types().count("member.added") == 4 and bench.types().count("member.removed") == 1


def test_bad_members_change_nothing(bench: Bench) -> None:
    for bad in ("", "a b", "a,b", "-a", "a|b", "a=b", "\x1b[2J", "a" * 65):
        with pytest.raises(UsageProblem, match="not a name that a user can have"):
            bench.site.add_members("p", ["ada", bad])
    with pytest.raises(UsageProblem, match="project 'pp': it does not exist. Did you mean 'p'?"):
        bench.site.add_members("pp", ["ada"])
    assert bench.site.members() == {}
    bench.site.add_members("p", ["ada", "bob"])
    with pytest.raises(UsageProblem, match="member of p 'adda': it does not exist. Did you mean 'ada'?"):
        bench.site.remove_members("p", ["bob", "adda"])
    assert bench.site.members() == {"p": {"ada": True, "bob": True}}
    bench.site.actor = "somebody"
    for change in (bench.site.add_members, bench.site.remove_members):
        with pytest.raises(RefusedProblem, match="officers"):
            change("p", ["ada"])
