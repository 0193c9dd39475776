"""The plan is consistent with itself, with the programs, and with the data and their stated checksums."""

from __future__ import annotations

import hashlib
import re
import sys

import pytest
from shanyrak.quickstart import plan


def tasks(work: plan.Workload) -> int:
    if not work.array:
        return 1
    first, last = work.array.split("%")[0].split("-")
    return int(last) - int(first) + 1


def test_there_is_a_project_in_each_sector():
    sectors = [project.sector for project in plan.PROJECTS]
    assert sorted(sectors) == ["business", "learner", "public", "startup", "university"]
    assert {work.project for work in plan.WORKLOADS} == {project.id for project in plan.PROJECTS}


def test_labels_are_unique_and_dependencies_come_first_in_the_same_project():
    seen: dict[str, str] = {}
    for work in plan.WORKLOADS:
        assert work.label not in seen
        if work.after:
            assert seen[work.after] == work.project
        seen[work.label] = work.project


def test_each_kind_of_ending_is_there():
    assert {work.expected for work in plan.WORKLOADS} == {"done", "failed", "walltime", "refused"}
    for work in plan.WORKLOADS:
        assert (work.expected == "failed") == (work.exit_code != 0)


def test_only_the_refused_request_is_larger_than_its_grant():
    grants = {project.id: project.cpu_seconds for project in plan.PROJECTS}
    for work in plan.WORKLOADS:
        asked = work.cpus * work.walltime_s * tasks(work)
        assert (work.cpus * work.walltime_s > grants[work.project]) == (work.expected == "refused")
        if work.expected != "refused":
            assert asked <= grants[work.project]
    for project in plan.PROJECTS:
        mine = [w for w in plan.WORKLOADS if w.project == project.id and w.expected != "refused"]
        assert sum(w.cpus * w.walltime_s * tasks(w) for w in mine) <= project.cpu_seconds


@pytest.mark.parametrize("work", plan.WORKLOADS, ids=lambda work: work.label)
def test_a_command_names_files_that_exist(work):
    command = work.command(sys.executable)
    assert command[0] == sys.executable
    assert not [word for word in command if "{" in word]
    for word in command:
        if word.startswith((str(plan.PROGRAMS), str(plan.DATA))):
            assert plan.Path(word).is_file()


def test_the_data_are_what_their_notes_say():
    notes = (plan.DATA / "README.md").read_text()
    stated = dict(re.findall(r"^## (\S+)$.*?^- sha256: `([0-9a-f]{64})`$", notes, re.M | re.S))
    files = {path.name: path.read_bytes() for path in plan.DATA.iterdir() if path.name != "README.md"}
    assert stated == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert sum(map(len, files.values())) < 600_000
    whole, cut = files["us-employment.csv"], files["us-employment-cut.csv"]
    assert whole.startswith(cut)
    assert len(cut) < len(whole)
