"""The engine over a real Ray head, which is killed at several moments: nothing is lost, nothing runs twice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from shanyrak_ray import doctor
from shanyrak_ray.trial import trial

pytestmark = pytest.mark.engines
CPU = {"unit": "cpu", "nodes": (("gpu-0", 1),), "memory": 1 << 28}


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file below FOLDER with its bytes. Ray renames files of its own while it is read: a file that goes is left out."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


def test_it_runs_what_it_is_given_and_ray_is_told_nothing_of_it(head, real_lab, wait_for):
    lab = real_lab(head)
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    (reply,) = lab.engine.launch(
        [lab.build("t1", sys.executable, "-c", script, env={"PLAIN": "a b"}, secrets={"HIDDEN": "s3cret-of-t1"})]
    )
    assert not reply.refused
    wait_for(lambda: lab.see("t1").state == "ended", "it ends")
    assert lab.see("t1").exit_code == 0
    seen = json.loads(lab.out("t1"))
    seen.pop("LC_CTYPE", None)
    assert sorted(seen) == [
        "CUDA_VISIBLE_DEVICES", "HIDDEN", "PLAIN", "SHANYRAK_JOB", "SHANYRAK_NODES", "SHANYRAK_TASK", "SHANYRAK_UNITS",
    ]  # fmt: skip
    assert len(seen["CUDA_VISIBLE_DEVICES"].split(",")) == 2 and seen["HIDDEN"] == "s3cret-of-t1"
    told = json.dumps(lab.engine.ray.jobs())
    assert "s3cret-of-t1" not in told and "a b" not in told
    written = dict(contents(head.folder))
    assert written and not [path for path, content in written.items() if b"s3cret-of-t1" in content]


def test_the_doctor_asks_each_node_whether_it_sees_the_spool(head, real_lab, tmp_path, wait_for):
    lab = real_lab(head)
    (tmp_path / "spool").mkdir()
    settings = lab.settings.model_copy(update={"spool": str(tmp_path / "spool")})
    over = {"SUCCEEDED", "FAILED", "STOPPED"}
    wait_for(
        lambda: {job["status"] for job in lab.engine.ray.jobs().values()} <= over,
        "Ray sees that work of other tests is over",
    )
    found = doctor.examine(settings, tmp_path)
    assert {one.level for one in found} == {"ok"}, found
    assert list((tmp_path / "spool").glob("jobs/*/*")) == [] == list(tmp_path.glob("doctor"))
    own = doctor.examine(settings.model_copy(update={"spool": ""}), tmp_path / "engines")
    assert {one.level for one in own} == {"ok"}, own
    assert list((tmp_path / "engines").iterdir()) == []
    blind = settings.model_copy(update={"python": "/no/such/python"})
    (bad,) = [one for one in doctor.examine(blind, tmp_path) if one.level == "bad"]
    assert "not found" in bad.words and "/no/such/python" in bad.fix


def test_the_doctor_tells_of_work_that_is_not_the_sites_and_of_a_token_that_is_not_rays(
    head, real_lab, tmp_path, wait_for
):
    lab = real_lab(head)
    lab.engine.ray.submit({"submission_id": "foreign-1", "entrypoint": "sleep 600"})
    try:
        (jobs,) = [one for one in doctor.examine(lab.settings, tmp_path) if one.subject == "jobs"]
        assert jobs.level == "warn" and "foreign-1" in jobs.words
    finally:
        lab.engine.ray.stop("foreign-1")
        wait_for(lambda: lab.engine.ray.delete("foreign-1"), "the foreign job is gone")
    (tmp_path / "token").write_text("not-the-token-of-this-head")
    (bad,) = doctor.examine(lab.settings, tmp_path)
    assert bad.level == "bad" and "it does not take the token" in bad.words
    (without,) = doctor.examine(lab.settings.model_copy(update={"token_file": ""}), tmp_path)
    assert without.level == "bad" and "nobody in without a token" in without.words


def test_a_head_that_dies_takes_no_work_with_it_and_its_new_one_starts_nothing_twice(mortal, real_lab, wait_for):
    """One job runs, one waits for room, one was accepted just before the kill; then all end once, as they should."""
    lab = real_lab(mortal)
    starts = lab.folder / "starts"
    note = f"echo $SHANYRAK_TASK >> {starts}"
    runs = lab.build("t1", "sh", "-c", f"{note}; sleep 4; exit 7", task=1, **CPU)
    waits = lab.build("t2", "sh", "-c", f"{note}; exit 8", task=2, **{**CPU, "nodes": (("gpu-0", 16),)})
    lab.engine.launch([runs])
    wait_for(lambda: lab.see("t1").state == "running", "the first runs")
    lab.engine.launch([waits])
    assert lab.see("t2").state == "pending"
    lab.engine.launch([lab.build("t3", "sh", "-c", f"{note}; exit 9", task=3, **CPU)])
    mortal.kill(work=False)
    assert lab.see("t1").state in ("running", "ended"), "it lives on, or ends by itself"
    assert lab.see("t2").state == "pending"
    wait_for(lambda: lab.see("t1").state == "ended", "the first ends while Ray is dead")
    assert lab.see("t1").exit_code == 7
    lab.engine.close()
    lab.engine = lab.make()
    mortal.begin()
    wait_for(lambda: lab.see("t2").state == lab.see("t3").state == "ended", "the others run at the new head")
    assert (lab.see("t2").exit_code, lab.see("t3").exit_code) == (8, 9)
    assert sorted(starts.read_text().split()) == ["1", "2", "3"], "each once"


def test_work_that_outlived_its_head_is_adopted_and_can_be_stopped(mortal, real_lab, wait_for):
    """Under another engine object and a new head; and the new head's work gets other GPUs."""
    lab = real_lab(mortal)
    show = "echo $CUDA_VISIBLE_DEVICES; exec sleep 600"
    lab.engine.launch([lab.build("t1", "sh", "-c", show)])
    wait_for(lambda: lab.out("t1"), "it runs")
    mortal.kill(work=False)
    mortal.begin()
    lab.engine.close()
    lab.engine = lab.make()
    (again,) = lab.engine.launch([lab.build("t1", "sh", "-c", show)])
    assert not again.refused and lab.see("t1").state == "running"
    lab.engine.launch([lab.build("t2", "sh", "-c", show)])
    wait_for(lambda: lab.out("t2"), "other work runs at the new head")
    assert not set(lab.out("t1").strip().split(",")) & set(lab.out("t2").strip().split(","))
    lab.engine.stop(["t1", "t2"])
    wait_for(lambda: lab.see("t1").state == lab.see("t2").state == "ended", "both are stopped")
    assert lab.see("t1").fenced and lab.see("t2").fenced


def test_what_waits_is_stopped_while_ray_is_dead_and_never_starts(mortal, real_lab, wait_for):
    lab = real_lab(mortal)
    lab.engine.launch([lab.build("t1", "sleep", "600", **CPU)])
    lab.engine.launch([lab.build("t2", "touch", str(lab.folder / "began"), **{**CPU, "nodes": (("gpu-0", 16),)})])
    wait_for(lambda: lab.see("t1").state == "running", "the first runs")
    mortal.kill(work=False)
    lab.engine.stop(["t2"])
    mortal.begin()
    lab.engine.stop(["t1"])
    wait_for(lambda: lab.see("t1").state == "ended", "the first is stopped")
    assert (lab.see("t2").state, lab.see("t2").fenced) == ("absent", True)
    lab.engine.launch([lab.build("t3", "true", **CPU)])
    wait_for(lambda: lab.see("t3").state == "ended", "the new head works")
    assert not (lab.folder / "began").exists()


def test_a_trial_is_a_site_to_be_made(tmp_path):
    with trial(tmp_path) as there:
        gpus, cpus = there.pools
        assert (gpus["engine"], gpus["unit"], gpus["units"]) == ("ray", "gpu", 16)
        assert (cpus["engine"], cpus["unit"], cpus["units"]) == ("ray", "cpu", min(len(os.sched_getaffinity(0)), 16))
        assert set(there.settings) == {"address", "token_file"}
