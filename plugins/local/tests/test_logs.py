"""Logs: while an attempt runs and after, limited, and never the reason that it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from shanyrak.api import EngineProblem


def test_logs_while_running_and_by_offset(lab, wait_for):
    lab.launch("a", "sh", "-c", "echo 0123456789; sleep 60")
    wait_for(lambda: lab.out("a") == "0123456789\n", "the log is there while it runs")
    logs = lab.engine.logs
    assert logs("a", "stdout", 2, 3) == b"234"
    assert logs("a", "stdout", -4, 100) == b"789\n"
    assert logs("a", "stdout", -400, 2) == b"01"
    assert logs("a", "stdout", 400, 2) == b""
    assert logs("a", "stderr", 0, 100) == b""
    assert logs("unknown", "stdout", 0, 100) == b""
    assert logs("../../etc/passwd", "stdout", 0, 100) == b""
    with pytest.raises(EngineProblem, match="no stream"):
        logs("a", "stdin", 0, 1)


def test_a_log_keeps_its_start_and_its_end(plain):
    plain.make(log_limit=8192)
    plain.run("a", sys.executable, "-c", "for n in range(100_000): print(f'line {n:06}')")
    text = plain.out("a")
    assert text.startswith("line 000000\n") and text.endswith("line 099999\n")
    assert len(text) < 8192 + 70 * 1024
    assert "bytes of this log were not kept" in text


def test_all_of_a_large_log_below_the_limit_is_kept(plain):
    plain.run("a", "sh", "-c", "head -c 20000000 /dev/zero; head -c 1000 /dev/zero >&2")
    assert len(plain.out("a")) == 20_000_000
    assert len(plain.out("a", "stderr")) == 1000


def test_a_token_that_cannot_name_a_file_is_refused(plain):
    for token in ("../x", "", "a/b", "x" * 200, "a\n"):
        assert plain.launch(token, "true").refused


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB where the engine's folder will be."""
    folder = tmp_path / "engine"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder]).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, name="ballast"):
    with open(folder / name, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def test_a_full_disk_refuses_launches_and_loses_no_result(small_disk, lab_of, wait_for):
    lab = lab_of("none")
    lab.launch("a", "sh", "-c", "while ! test -e go; do sleep 0.05; done; echo spoken; echo spoken; exit 7")
    fill(small_disk)
    answers = [lab.launch(f"b{n}", "sleep", "60") for n in range(200)]
    refused = [answer for answer in answers if answer.refused]
    assert refused, "the space that was reserved is finite"
    assert all("No space left" in answer.refused and not answer.user_fault for answer in refused)
    (lab.work / "go").touch()
    seen = lab.end("a")
    assert (seen.exit_code, seen.cause) == (7, "")
    shutil.os.unlink(small_disk / "ballast")
    assert lab.run("c", "true").exit_code == 0


def test_a_log_that_cannot_be_written_does_not_stop_the_command(small_disk, lab_of):
    lab = lab_of("none")
    lab.run("first", "true")
    lab.launch("a", "sh", "-c", "while ! test -e go; do sleep 0.05; done; head -c 4000000 /dev/zero && exit 5")
    fill(small_disk)
    (lab.work / "go").touch()
    assert lab.end("a").exit_code == 5
