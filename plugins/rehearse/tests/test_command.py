"""The command as people call it: what it prints, and one clear line for what is wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rehearselab.traces import swf
from shanyrak.api import PluginProblem, UsageProblem

QUEUE = (
    swf(1, 0, 100, 4, limit=200, wait=7, user=1, group=1),
    swf(2, 10, 100, 4, limit=100, wait=7, user=2, group=1),
    swf(3, 20, 50, 2, limit=150, wait=7, user=3, group=2),
    swf(4, 30, 5, 2, limit=60, user=3, group=2),
)
"""On 4 units: 1 runs, 2 waits for all, 3 and 4 wait behind it."""


def starts(path: Path) -> dict[str, int]:
    head, *lines = path.read_text().splitlines()
    assert head == "job,start,end"
    return {line.split(",")[0]: int(line.split(",")[1]) for line in lines}


def test_the_json_has_the_shape_that_is_fixed(write, report):
    data = report(write(*QUEUE), "--pool", 4, "--policy", "fifo", "--policy", "easy")
    assert {"sha256", "jobs", "dropped"} <= set(data["trace"])
    assert data["trace"]["jobs"] == 4
    fifo, easy = data["policies"]
    assert (fifo["name"], easy["name"]) == ("fifo", "easy")
    for one in (fifo, easy):
        assert set(one["wait"]) == {"mean_s", "median_s", "p95_s", "max_s"}
        assert set(one["promises"]) >= {"given", "kept", "broken"}
        assert set(one["bounded_slowdown"]) == {"mean"}
        assert len(one["schedule_sha256"]) == 64
        assert "jobs_per_second" not in one
    # 1 runs until 100, 2 until 200, then 3 and 4 together.
    assert fifo["wait"] == {"mean_s": (0 + 90 + 180 + 170) / 4, "median_s": 130.0, "p95_s": 180.0, "max_s": 180.0}
    assert fifo["bounded_slowdown"]["mean"] == round((1 + 1.9 + 4.6 + 17.5) / 4, 4)
    assert fifo["utilisation"] == round((400 + 400 + 100 + 10) / (4 * 250), 6)
    assert data["recorded"]["jobs"] == 3
    assert data["recorded"]["wait"]["mean_s"] == 7.0


def test_the_schedule_is_written_and_its_hash_is_that_of_the_file(write, report, tmp_path):
    out = tmp_path / "out.csv"
    data = report(write(*QUEUE), "--pool", 4, "--policy", "fifo", "--schedule", out)
    assert starts(out) == {"1": 0, "2": 100, "3": 200, "4": 200}
    assert data["policies"][0]["schedule_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    report(write(*QUEUE), "--pool", 4, "--policy", "fifo", "--policy", "easy", "--schedule", out)
    assert starts(tmp_path / "out-fifo.csv") == {"1": 0, "2": 100, "3": 200, "4": 200}


def test_nodes_take_up_to_a_node_on_one_and_whole_nodes_above(write, report, tmp_path):
    out = tmp_path / "out.csv"
    trace = write(swf(1, 0, 100, 3), swf(2, 0, 100, 2), swf(3, 0, 100, 3), swf(4, 1, 100, 5))
    report(trace, "--nodes", "2x4", "--policy", "fifo", "--schedule", out)
    assert starts(out) == {"1": 0, "2": 0, "3": 100, "4": 200}, "3 units do not fit beside 3 or 2 on a node of 4"


def test_events_of_one_instant_are_a_batch_or_single(write, report, tmp_path):
    """At 100 work ends and a large and a small job come: single events show the small one before the end."""
    out = tmp_path / "out.csv"
    trace = write(swf(1, 0, 100, 3), swf(2, 100, 10, 4), swf(3, 100, 10, 1))
    report(trace, "--pool", 4, "--policy", "easy", "--schedule", out)
    assert starts(out) == {"1": 0, "2": 100, "3": 110}
    report(trace, "--pool", 4, "--policy", "easy", "--events", "single", "--schedule", out)
    assert starts(out)["3"] in (100, 110)


def test_estimates_given_exact_and_by_a_factor(write, report, tmp_path):
    out = tmp_path / "out.csv"
    trace = write(swf(1, 0, 100, 3, limit=200), swf(2, 1, 10, 4, limit=20), swf(3, 2, 90, 1, limit=180))
    wanted = {"given": 2, "exact": 2, "x1.2": 2, "x2": 2}
    for rule in wanted:
        data = report(trace, "--pool", 4, "--policy", "easy", "--estimates", rule, "--schedule", out)
        assert data["semantics"]["estimates"]["rule"] == rule
        assert starts(out)["3"] == wanted[rule]
    late = write(swf(1, 0, 100, 3, limit=100), swf(2, 1, 10, 4, limit=20), swf(3, 2, 60, 1, limit=180))
    report(late, "--pool", 4, "--policy", "easy", "--schedule", out)
    assert starts(out)["3"] == 110, "by what it asked for it would delay job 2"
    report(late, "--pool", 4, "--policy", "easy", "--estimates", "exact", "--schedule", out)
    assert starts(out)["3"] == 2


def test_processors_become_units(write, report):
    trace = write("; MaxProcs: 32", swf(1, 0, 10, 16), swf(2, 0, 10, 9))
    data = report(trace, "--procs-per-unit", 8)
    assert data["semantics"]["machine"]["units"] == 4
    assert data["policies"][0]["wait"]["max_s"] == 0.0


def test_jobs_larger_than_the_machine_are_counted_and_listed(write, report, said_by):
    trace = write(swf(1, 0, 10, 5), swf(2, 0, 10, 4), swf(3, 0, 10, 9))
    data = report(trace, "--pool", 4)
    assert data["trace"]["too_large"] == {"jobs": 2, "list": ["1", "3"]}
    assert (data["trace"]["jobs"], data["policies"][0]["jobs"]) == (3, 1)
    assert "Too large for the machine, not run: 2 jobs (1, 3)." in said_by(trace, "--pool", 4)
    with pytest.raises(UsageProblem, match="each of the 3 jobs asks for more than a pool of 2 units"):
        report(trace, "--pool", 2)


def test_what_is_left_out_is_told(write, said_by):
    text = said_by(write(swf(1, 0, 10, 1), swf(2, 0, -1, 1)), "--pool", 4)
    assert "Left out: 1 of 2 rows (1 run time unknown)." in text


def test_several_files_are_one_trace(write, report, tmp_path):
    one = write(swf(1, 0, 10, 4), swf(3, 20, 10, 4), name="a.swf")
    two = write(swf(2, 1, 10, 4), name="b.swf")
    both = write(*one.read_text().splitlines(), *two.read_text().splitlines(), name="c.swf")
    data, whole = report(one, two, "--pool", 4), report(both, "--pool", 4)
    assert data["policies"] == whole["policies"]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in (one, two))
    assert data["trace"]["sha256"] == hashlib.sha256(sums.encode()).hexdigest()
    assert whole["trace"]["sha256"] == hashlib.sha256(both.read_bytes()).hexdigest()


def test_the_order_of_rows_and_the_clock_change_nothing(write, report):
    shifted = [swf(1, 1000, 100, 4, limit=200), swf(2, 1010, 100, 4), swf(3, 1020, 50, 2), swf(4, 1020, 5, 2)]
    plain = [swf(1, 0, 100, 4, limit=200), swf(2, 10, 100, 4), swf(3, 20, 50, 2), swf(4, 20, 5, 2)]
    hashes = {
        report(write(*lines), "--pool", 4)["policies"][0]["schedule_sha256"]
        for lines in (plain, plain[::-1], shifted, shifted[2:] + shifted[:2])
    }
    assert len(hashes) == 1


def test_the_same_input_gives_the_same_bytes(write, said_by):
    trace = write(*QUEUE)
    words = (trace, "--pool", 4, "--policy", "fifo", "--policy", "easy", "--json")
    assert said_by(*words) == said_by(*words)
    timed = json.loads(said_by(*words, "--timing"))
    assert all(one["jobs_per_second"] > 0 for one in timed["policies"])
    for one in timed["policies"]:
        for key in ("jobs_per_second", "seconds", "rounds", "rounds_skipped"):
            del one[key]
    assert timed == json.loads(said_by(*words))


def test_what_promises_cost_is_told(write, report, said_by):
    """Job 2 is promised 100; at 50 a shorter one comes, which without the promise goes first and lets job 2 wait longer."""
    trace = write(swf(1, 0, 100, 4), swf(2, 10, 100, 4), swf(3, 50, 10, 4))
    words = (trace, "--pool", 4, "--policy", "shortest", "--promises", "site")
    promises = report(*words)["policies"][0]["promises"]
    assert (promises["given"], promises["kept"], promises["broken"]) == (2, 2, 0)
    assert report(*words)["policies"][0]["wait"]["mean_s"] == (0 + 90 + 150) / 3
    assert promises["without"]["wait"]["mean_s"] == (0 + 100 + 50) / 3
    assert "+60.0 % wait" in said_by(*words)
    off = report(trace, "--pool", 4, "--policy", "shortest")["policies"][0]["promises"]
    assert off == {"given": 0, "kept": 0, "broken": 0, "causes": {}}


def test_who_gains_and_who_loses(write, report, said_by):
    trace = write(*QUEUE)
    data = report(trace, "--pool", 4, "--policy", "fifo", "--policy", "shortest")
    against = data["policies"][1]["against"]
    accounts = against["by"]["account"]
    assert accounts["winners"][0]["name"] == "user 3"
    assert [row["name"] for row in accounts["losers"]] == ["user 2"]
    assert against["jobs_sooner"] == 2
    text = said_by(trace, "--pool", 4, "--policy", "fifo", "--policy", "shortest")
    assert "shortest against fifo: 2 jobs start sooner, 0 later" in text
    assert "user 3" in text


# ---- what is wrong is one line ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--pool", "4", "--policy", "esay"], "there is no such policy; .* Did you mean `easy`"),
        (["--pool", "4", "--nodes", "2x2"], "a machine is one or the other"),
        (["--nodes", "64 by 8"], "written like 64x8"),
        (["--nodes", "0x8"], "written like 64x8"),
        (["--pool", "4", "--estimates", "x0.5"], "a factor of 1 or more"),
        (["--pool", "4", "--estimates", "guess"], "given, exact, or a factor"),
        ([], "the trace does not say how large it was"),
        (["--pool", "4", "--schedule", "nowhere/out.csv"], "it cannot be written"),
        (["--pool", "4", "--html", "nowhere/out.html"], "it cannot be written"),
    ],
)
def test_a_wrong_request_is_one_line(write, report, args, words):
    with pytest.raises(UsageProblem, match=words) as error:
        report(write(*QUEUE), *args)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_wrong_files_are_one_line(tmp_path, write, report):
    whole = gzip.compress("".join(f"{line}\n" for line in QUEUE * 50).encode())
    (tmp_path / "cut.swf.gz").write_bytes(whole[:-30])
    (tmp_path / "noise.swf.gz").write_bytes(b"\x1f\x8b" + b"noise" * 20)
    (tmp_path / "empty.swf").touch()
    (tmp_path / "bytes.csv").write_bytes(b"submit,run,gpus\n1,2,\xff\xfe\n")
    for name, words in (
        ("cut.swf.gz", "damaged or cut short"), ("noise.swf.gz", "damaged or cut short"), ("empty.swf", "it is empty"),
        ("bytes.csv", "it is not text"), ("missing.swf", "it cannot be read"), (".", "it cannot be read"),
    ):  # fmt: skip
        with pytest.raises(UsageProblem, match=words) as error:
            report(tmp_path / name, "--pool", 4)
        assert name in str(error.value)
    with pytest.raises(UsageProblem, match="no column for run"):
        report(write("timestamp,num_gpus", "1,2", name="a.csv"), "--pool", 4)
    with pytest.raises(UsageProblem, match="no reader knows its form. There are swf: .*; csv: "):
        report(write("hello", name="a.txt"), "--pool", 4)
    with pytest.raises(UsageProblem, match="it holds no job"):
        report(write("; nothing", name="b.swf"), "--pool", 4)


def test_a_policy_that_fails_is_named(write, report, monkeypatch):
    import shanyrak_policies.easy

    def broken(view, params):
        raise RuntimeError("no idea")

    monkeypatch.setattr(shanyrak_policies.easy, "stages", broken)
    with pytest.raises(PluginProblem, match="policy easy of plugin policies: it failed on this work .*no idea"):
        report(write(*QUEUE), "--pool", 4)


def test_exit_codes_and_streams(write, tmp_path):
    """The whole program: data on stdout, trouble on stderr, in one line."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SHANYRAK_COMPILED": "0"}
    words = [sys.executable, "-P", "-m", "shanyrak", "rehearse", str(write(*QUEUE)), "--pool", "4", "--json"]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["trace"]["jobs"] == 4
    done = subprocess.run(
        [*words, "--policy", "esay"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("shanyrak: --policy esay: ")
    assert done.stderr.count("\n") == 1


def test_progress_is_a_line_now_and_then_and_says_nothing_of_a_job_or_two(monkeypatch, capsys):
    from shanyrak_rehearse import progress

    clock = iter([0.0, 11.0, 12.0, 15.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress(1000) as begin:
        tick = begin("easy")
        for done in (1, 200, 300, 500):
            tick(done, 0)
    assert capsys.readouterr().err.splitlines() == [
        "shanyrak: easy: 200 of 1,000 jobs, about 48 s left",
        "shanyrak: easy: 500 of 1,000 jobs, about 40 s left",
    ]
