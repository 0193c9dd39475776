"""What a process is given: exactly its environment, secrets that touch no disk and no argument, its own CPUs and GPUs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from shanyrak.api import Node

SECRET = "s3cret-value-of-the-test"
DUMP = "import json, os; print(json.dumps(dict(os.environ)))"


def test_the_environment_is_exactly_what_was_asked(lab, monkeypatch):
    monkeypatch.setenv("LEAKED", "yes")
    seen = lab.run(
        "a", sys.executable, "-I", "-c", DUMP, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"},
        nodes=(("n1", 2), ("n2", 2)),
    )  # fmt: skip
    assert seen.exit_code == 0, lab.out("a", "stderr")
    expected = {
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/", "SHANYRAK_JOB": "7", "SHANYRAK_TASK": "3",
        "SHANYRAK_NODES": "n1,n2", "SHANYRAK_UNITS": "2,2", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    got = json.loads(lab.out("a"))
    if lab.kind == "bwrap":  # Bubblewrap tells the working folder to what it starts.
        assert got.pop("PWD", str(lab.work)) == str(lab.work)
    assert got == expected


def test_signals_descriptors_and_umask_are_the_usual_ones(plain):
    program = "import os; print(sorted(os.listdir('/proc/self/fd'))); print(oct(os.umask(0)))"
    plain.run("a", sys.executable, "-I", "-c", program)
    descriptors, umask = plain.out("a").splitlines()
    assert descriptors == "['0', '1', '2', '3']" and umask == "0o22"
    plain.run("b", "grep", "-E", "Sig(Ign|Blk)", "/proc/self/status")
    usual = (1 << 31) - 1  # 32 and 33 are the C library's own.
    assert [int(line.split()[1], 16) & usual for line in plain.out("b").splitlines()] == [0, 0]


def test_secrets_reach_the_process_and_nothing_else(lab, wait_for):
    lab.launch("a", "sh", "-c", 'echo "${#KEY}"; sleep 60', secrets={"KEY": SECRET})
    wait_for(lambda: lab.out("a"), "the command has spoken")
    assert lab.out("a") == f"{len(SECRET)}\n"
    for path in lab.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            assert SECRET.encode() not in line, line


def test_the_folder_is_private(plain):
    plain.run("a", "echo", "x")
    assert plain.folder.stat().st_mode & 0o077 == 0


def gpus(*counts: int) -> tuple[Node, ...]:
    return tuple(Node(f"n{index}", count, 64, 1 << 30) for index, count in enumerate(counts, 1))


def visible(lab, token: str) -> list[int]:
    text = lab.out(token).strip()
    return [int(part) for part in text.split(",") if part]


@pytest.fixture
def fake(plain, monkeypatch):
    """A machine without a GPU, on which declared ones are played."""
    monkeypatch.setattr("shanyrak_local.machine.gpus", lambda: 0)
    plain.make(gpus(4, 4))
    return plain


SHOW = ("sh", "-c", 'echo "$CUDA_VISIBLE_DEVICES"; sleep 60')


def test_gpu_leases_never_overlap_and_are_free_afterwards(fake, wait_for):
    asked = {"a": (("n1", 2),), "b": (("n2", 4),), "c": (("n1", 2),)}
    fake.engine.launch([fake.build(token, *SHOW, unit="gpu", nodes=nodes) for token, nodes in asked.items()])
    wait_for(lambda: all(fake.out(token) for token in asked), "all have spoken")
    first, second, third = (visible(fake, token) for token in asked)
    assert sorted(first + third) == [0, 1, 2, 3] and second == [4, 5, 6, 7]
    refused = fake.launch("d", *SHOW, unit="gpu", nodes=(("n1", 1),))
    assert "0 free" in refused.refused and not refused.user_fault
    fake.engine.stop(["a"])
    fake.end("a")
    assert not fake.launch("e", *SHOW, unit="gpu", nodes=(("n1", 2),)).refused
    wait_for(lambda: fake.out("e"), "it has spoken")
    assert visible(fake, "e") == first


def test_gpu_leases_are_kept_over_a_restart_of_the_controller(fake, wait_for):
    fake.launch("a", *SHOW, unit="gpu", nodes=(("n1", 3),))
    fake.engine.close()
    fake.make(gpus(4, 4))
    fake.launch("b", *SHOW, unit="gpu", nodes=(("n1", 1), ("n2", 1)))
    wait_for(lambda: fake.out("a") and fake.out("b"), "both have spoken")
    assert visible(fake, "a") == [0, 1, 2] and visible(fake, "b") == [3, 4]


def test_gpus_that_are_not_there_are_not_leased(plain, monkeypatch):
    monkeypatch.setattr("shanyrak_local.machine.gpus", lambda: 4)
    engine = plain.make(gpus(4, 4))
    assert "0 free" in plain.launch("a", *SHOW, unit="gpu", nodes=(("n2", 1),)).refused
    assert [node.up for node in engine.nodes()] == [True, True]


CPUS = (
    sys.executable,
    "-I",
    "-c",
    "import os, time; print(sorted(os.sched_getaffinity(0)), flush=True); time.sleep(60)",
)


def test_cpus_are_distinct_when_the_declared_fit(plain, wait_for):
    real = sorted(os.sched_getaffinity(0))
    if len(real) < 2:
        pytest.skip("one CPU only")
    plain.make((Node("n1", 2, 2, 1 << 30),))
    answers = [plain.launch(token, *CPUS, cpus=1) for token in ("a", "b")]
    assert all("cpus-pinned" in answer.isolation for answer in answers)
    wait_for(lambda: plain.out("a") and plain.out("b"), "both have spoken")
    assert {plain.out("a"), plain.out("b")} == {f"[{cpu}]\n" for cpu in real[:2]}


def test_cpus_are_shared_when_more_are_declared_than_there_are(plain, wait_for):
    real = sorted(os.sched_getaffinity(0))
    plain.make((Node("n1", 1000, 1000, 1 << 30),))
    assert "cpus-shared" in plain.launch("a", *CPUS, cpus=1).isolation
    wait_for(lambda: plain.out("a"), "it has spoken")
    assert plain.out("a") == f"{real}\n"
