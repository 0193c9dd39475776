"""What outlives whom: attempts outlive the controller, and are found by token, pid and start time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from shanyrak_local import lock, proc
from shanyrak_local.book import Reader, encode
from shanyrak_local.engine import LocalEngine

CONTROLLER = """
import json, sys, time
from shanyrak.api import EngineContext, Launch
from shanyrak_local.engine import make
from shanyrak_local.settings import Settings
folder, kind, fields = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
engine = make(EngineContext("pool", folder, Settings(isolation=kind)))
fields.update(argv=tuple(fields["argv"]), nodes=tuple(map(tuple, fields["nodes"])), outputs=())
answer = engine.launch([Launch(**fields)])[0]
print(answer.handle or answer.refused, flush=True)
time.sleep(float(sys.argv[4]))
"""


def controller(lab, token, *argv, linger=60.0):
    """A process of its own that launches and then stays."""
    launch = lab.build(token, *argv)
    fields = {name: getattr(launch, name) for name in launch.__slots__}
    return subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, str(lab.folder), lab.kind, json.dumps(fields), str(linger)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_work_outlives_a_killed_controller(lab):
    child = controller(lab, "a", "sh", "-c", "sleep 1; echo done; exit 4")
    child.stdout.readline()
    os.killpg(child.pid, 9)
    child.communicate()
    killed = time.time_ns() // 1_000_000
    assert lab.see("a").state == "running"
    seen = lab.end("a")
    assert (seen.exit_code, seen.cause) == (4, "")
    assert seen.ended_ms > killed - 1 and seen.ran_ms >= 1000
    assert lab.out("a") == "done\n"


def test_what_ended_while_nobody_looked_has_its_true_end(plain):
    plain.launch("a", "sh", "-c", "sleep 0.3; exit 6")
    for engine in plain.engines:
        engine.close()
    end = time.monotonic() + 60
    while lock.held(plain.folder):
        assert time.monotonic() < end
        time.sleep(0.05)
    plain.make()
    seen = plain.see("a")
    assert (seen.exit_code, seen.cause) == (6, "")
    assert 300 <= seen.ran_ms < 30_000
    assert abs(seen.ended_ms - seen.started_ms - seen.ran_ms) < 1000


def test_launch_again_finds_the_same(lab, wait_for):
    first = lab.launch("a", "sh", "-c", "echo once; sleep 60")
    again = lab.launch("a", "sh", "-c", "echo once; sleep 60")
    assert first == again and first.handle
    other = lab.make()
    assert other.launch([lab.build("a", "sh", "-c", "echo once; sleep 60")])[0] == first
    wait_for(lambda: lab.out("a"), "the command has spoken")
    lab.engine.stop(["a"])
    lab.end("a")
    assert lab.launch("a", "true").handle == first.handle
    assert lab.out("a") == "once\n"


def test_one_token_from_ten_processes_is_one_process(lab, mark, found, wait_for):
    children = [controller(lab, "a", "sh", "-c", f"echo x >> ran; sleep {mark}", linger=0) for _ in range(10)]
    said = {child.communicate(timeout=120)[0] for child in children}
    assert len(said) == 1
    wait_for(lambda: (lab.work / "ran").exists(), "the command runs")
    assert (lab.work / "ran").read_text() == "x\n"
    assert len([pid for pid in found(mark) if proc.stat_fields(pid)]) == 1


def test_one_token_from_ten_threads_is_one_process(plain):
    engines = [plain.make() for _ in range(10)]
    launch = plain.build("a", "sh", "-c", "echo x >> ran")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda engine: engine.launch([launch])[0], engines))
    assert len(set(answers)) == 1
    plain.end("a")
    assert (plain.work / "ran").read_text() == "x\n"


def dead_keepers_book(lab, **changes):
    """A book with one live attempt, as a keeper leaves it that is killed."""
    lab.folder.mkdir(exist_ok=True)
    start = {
        "k": "start", "t": "a", "at": 1000, "mono": 5, "boot": proc.boot_id(), "worker": [os.getpid(), 1],
        "handle": "h", "ns": True, "iso": ["pidns"], "w": 1, "task": 0,
    }  # fmt: skip
    start.update(changes)
    worker = {"k": "worker", "pid": start["worker"][0], "start": start["worker"][1]}
    (lab.folder / "book").write_bytes(encode(worker) + encode(start))
    lab.tokens.add("a")


def test_a_pid_in_use_by_another_is_not_the_worker(plain):
    """The pid of this very process with a forged start time: nothing may be killed, the attempt has ended."""
    dead_keepers_book(plain)
    seen = plain.see("a")
    assert (seen.state, seen.cause, seen.fenced) == ("ended", "node", True)


def test_a_worker_that_outlived_its_keeper_is_killed(plain):
    child = subprocess.Popen(["sleep", "60"])
    dead_keepers_book(plain, worker=[child.pid, proc.start_time(child.pid)])
    seen = plain.see("a")
    assert (seen.state, seen.cause, seen.fenced) == ("ended", "node", True)
    assert child.wait(10) == -9


def test_after_a_reboot_attempts_have_ended(plain):
    child = subprocess.Popen(["sleep", "60"])
    try:
        dead_keepers_book(plain, boot="another", worker=[child.pid, proc.start_time(child.pid) + 1])
        seen = plain.see("a")
        assert (seen.state, seen.cause, seen.fenced) == ("ended", "node", True)
        assert "started anew" in seen.words
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_recovery_twice_changes_nothing(plain):
    dead_keepers_book(plain)
    seen = plain.see("a")
    before = (plain.folder / "book").read_bytes()
    plain.make()
    assert plain.see("a") == seen
    assert (plain.folder / "book").read_bytes() == before


def test_a_killed_keepers_attempts_keep_their_duration(plain, kill):
    plain.launch("a", "sleep", "60")
    time.sleep(0.5)
    kill(plain.keeper())
    seen = plain.end("a")
    assert seen.cause == "node" and seen.ended_ms >= seen.started_ms and seen.ran_ms < 60_000


def test_a_torn_last_line_is_cut_and_the_rest_kept(plain):
    plain.run("a", "sh", "-c", "exit 9")
    plain.clean_up()
    with open(plain.folder / "book", "ab") as book:
        book.write(b'1234abcd {"k":"en')
    assert plain.make().observe(["a"])[0].exit_code == 9
    assert plain.run("b", "true").exit_code == 0
    assert plain.see("a").exit_code == 9
    assert Reader(plain.folder).refresh().damaged == 0


def test_a_damaged_line_makes_absence_unknown(plain):
    plain.run("a", "true")
    plain.clean_up()
    book = plain.folder / "book"
    book.write_bytes(book.read_bytes() + b"00000000 {}\n")
    engine: LocalEngine = plain.make()
    assert [seen.state for seen in engine.observe(["a", "b"])] == ["ended", "unknown"]


def test_absence_is_a_proof_of_death_only_when_the_book_is_older_than_the_boot(plain, monkeypatch):
    plain.run("a", "true")
    assert not plain.see("b").fenced, "a new book may stand in for one that was lost, as after a restore"
    plain.engine.forget(["a"])
    assert plain.see("a").fenced
    monkeypatch.setattr("shanyrak_local.proc.boot_id", lambda: "another boot")
    assert plain.make().observe(["b"])[0].fenced


def test_a_copy_of_the_folder_leaves_the_work_of_the_other_alone(plain, tmp_path):
    import shutil

    plain.launch("a", "sleep", "60")
    kept, twin = plain.folder, tmp_path / "twin"
    twin.mkdir()
    for name in ("book", "lock"):
        shutil.copy2(kept / name, twin / name)
    plain.folder = twin
    copied = plain.make()
    seen = copied.observe(["a"])[0]
    assert (seen.state, seen.cause, seen.fenced) == ("ended", "node", False)
    assert "copy" in seen.words
    copied.close()
    plain.folder = kept
    assert plain.make().observe(["a"])[0].state == "running"


def test_a_moved_folder_still_adopts(plain, tmp_path):
    plain.launch("a", "sh", "-c", "sleep 0.5; exit 7")
    moved = tmp_path / "moved"
    plain.folder.rename(moved)
    plain.folder = moved
    plain.make()
    assert plain.end("a").exit_code == 7


def test_forget(plain):
    plain.run("a", "sh", "-c", "echo kept")
    plain.engine.forget(["a"])
    assert plain.see("a").state == "absent"
    assert plain.out("a") == "kept\n"
    assert plain.launch("a", "true").refused
    plain.engine.forget(["a", "unknown"])


def test_forget_leaves_what_runs(plain):
    plain.launch("a", "sleep", "60")
    plain.engine.forget(["a"])
    assert plain.see("a").state == "running"


def test_wait_returns_early_when_something_ends(plain):
    plain.launch("a", "sleep", "0.5")
    begun = time.monotonic()
    while plain.see("a").state == "running":
        plain.engine.wait(50)
    assert time.monotonic() - begun < 40


def test_wait_keeps_its_timeout_when_there_is_nothing(plain):
    begun = time.monotonic()
    plain.engine.wait(0.2)
    assert time.monotonic() - begun >= 0.19
