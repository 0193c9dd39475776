"""The first run, as a new user sees it: it does all it plans, twice in one folder, in under a minute."""

from __future__ import annotations

import subprocess

import pytest
from shanyrak.quickstart.plan import PROJECTS, WORKLOADS

EXPECTED = {"done": ("done", "ok"), "failed": ("failed", "exit"), "walltime": ("failed", "walltime"),
            "refused": ("refused", "grant")}  # fmt: skip


@pytest.fixture(scope="module")
def twice(beside):
    """The first run as data, twice in the same folder, and the command line on it."""
    made = beside("first")
    return made, [made.bare("quickstart", "--dir", made.folder, "--json") for _ in range(2)]


@pytest.mark.parametrize("which", [0, 1])
def test_it_ends_as_planned(twice, which):
    made, answers = twice
    found = answers[which].json
    assert set(found) == {"workspace", "engine", "seconds", "workloads", "account"}
    assert found["workspace"] == str(made.folder)
    assert 0 < found["seconds"] < 60
    rows = {row["name"]: row for row in found["workloads"]}
    assert len(found["workloads"]) == len(WORKLOADS) == len(rows)
    for work in WORKLOADS:
        row = rows[work.label]
        assert (row["state"], row["reason"]) == EXPECTED[work.expected], row
        assert row["project"] == work.project
        if work.expected in ("done", "failed"):
            assert row["exit_code"] == work.exit_code
        assert row["words"]
    assert len({row["project"] for row in rows.values()}) == len(PROJECTS) == 5


@pytest.mark.parametrize("which", [0, 1])
def test_its_account_balances(twice, which):
    found = twice[1][which].json["account"]
    assert found["balanced"]
    pots = found["units"]["cpu-second"]
    granted = sum(project.cpu_seconds for project in PROJECTS)
    assert pots["issued"] == granted * (which + 1) == pots["used"] + pots["held"] + pots["left"]
    assert pots["held"] == 0
    assert pots["used"] > 0
    assert set(found["projects"]) == {project.id for project in PROJECTS}


def test_the_second_run_is_work_of_its_own(twice):
    first, second = (({row["id"] for row in answer.json["workloads"]}) for answer in twice[1])
    assert not first & second


def test_what_it_leaves_is_a_sound_site(twice):
    made, _ = twice
    made("verify")
    made("account", "check")
    work = made.folder / "work"
    assert (work / "steppe-vision" / "digits-network.npz").stat().st_size > 1000
    assert (work / "climate-desk" / "co2-trend.svg").read_text().startswith("<svg")


def test_the_page_says_who_got_what_and_what_to_do_next(shanyrak):
    """Plain lines while it runs, as this is no terminal; then a page of at most a hundred columns."""
    answer = shanyrak.bare("quickstart", "--dir", shanyrak.folder)
    assert answer.err == ""
    progress, page = answer.out.split("The first run took", 1)
    for work in WORKLOADS:
        assert f"{work.project}/{work.label}" in progress
        assert work.label in page
    for project in PROJECTS:
        assert project.organisation in page
    assert "It balances: issued 5,700 = used" in page
    told = [line.strip() for line in page.splitlines() if f" -C {shanyrak.folder} " in line]
    assert all(len(line) <= 100 or line.strip() in told for line in page.splitlines())
    assert len(told) == 3
    why = next(line for line in told if " why " in line)
    typed = subprocess.run(
        why, shell=True, env=shanyrak.env, cwd=shanyrak.folder.parent, capture_output=True, text=True
    )
    assert "grant" in typed.stdout, "a person can type it as it stands"
