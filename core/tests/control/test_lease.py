"""At most one controller acts: who holds the lease, who may take it, and what a lost one may still do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from shanyrak.control import lease
from shanyrak.control.lease import Holder, LeaseLost, judge, myself, take
from shanyrak.errors import UnfitProblem
from shanyrak.testing.fakes import Bench, settle


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def holder_of(pid: int) -> Holder:
    return myself()._replace(pid=pid, started=lease._start_time(pid)[0])


def test_this_process_lives() -> None:
    assert judge(myself(), myself()) == "live"


def test_what_is_provably_dead(child: subprocess.Popen[bytes]) -> None:
    held = holder_of(child.pid)
    assert judge(held, myself()) == "live"
    assert judge(held._replace(started="1"), myself()) == "dead", "its pid was given to another process"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert judge(held, myself()) == "dead", "a zombie"
    child.wait()
    assert judge(held, myself()) == "dead"


def test_what_is_unknown(child: subprocess.Popen[bytes]) -> None:
    held, here = holder_of(child.pid), myself()
    assert judge(held._replace(host="elsewhere"), here) == "unknown"
    assert judge(held._replace(boot="another"), here) == "unknown", "another machine may have this one's name"
    assert judge(held._replace(boot=""), here._replace(boot="")) == "unknown", "nothing is known of where it is"
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert judge(holder_of(child.pid), myself()) == "unknown", "it may wake up"


def test_who_hides_from_proc_is_not_dead(child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A /proc that is mounted with hidepid shows nothing of other users' processes."""
    held = holder_of(child.pid)
    monkeypatch.setattr(lease, "_start_time", lambda pid: ("", ""))
    assert judge(held, myself()) == "unknown"
    child.kill()
    child.wait()
    assert judge(held, myself()) == "dead"


SAY = "from shanyrak.control.lease import myself; print(*myself(), sep='\\t', flush=True); input()"


@pytest.mark.parametrize(("options", "mounted"), [(["--mount-proc"], True), ([], False)])
def test_a_process_of_another_container_is_unknown(options: list[str], mounted: bool) -> None:
    """One kernel and one host name, but pids of their own: nothing is proved by a pid that is not there, or is another's."""
    command = ["unshare", "--pid", "--fork", "--kill-child", *options, sys.executable, "-c", SAY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as inside:
        assert inside.stdout and inside.stderr
        line = inside.stdout.readline()
        if not line:
            pytest.skip(f"pid namespaces cannot be made here: {inside.stderr.read().strip()}")
        host, boot, pid, started = line.rstrip("\n").split("\t")
        held, here = Holder(host, boot, int(pid), started), myself()
        assert held.host == here.host
        assert bool(held.boot) == mounted, "where /proc is another namespace's, nothing is claimed"
        assert judge(held, here) == judge(held._replace(pid=2**22), here) == "unknown"
        inside.communicate("\n", timeout=60)


def hold(bench: Bench, holder: Holder, epoch: int = 1) -> None:
    with bench.site.journal.write("controller") as writer:
        writer.append("lease.taken", "controller", {"epoch": epoch, **holder._asdict()})


def test_a_live_one_is_an_error_that_names_it(bench: Bench) -> None:
    with bench.controller(), pytest.raises(UnfitProblem, match=rf"already running \(pid {os.getpid()} on ") as caught:
        bench.site.controller()
    assert caught.value.exit_code == 6


def test_a_dead_one_is_replaced_at_once_and_its_epoch_is_over(bench: Bench) -> None:
    hold(bench, myself()._replace(started="1"), epoch=4)
    mine = take(bench.site.journal, "controller")
    assert mine.epoch == 5
    with bench.site.journal.read() as rows:
        mine.check(rows)
        with pytest.raises(LeaseLost):
            lease.Lease(bench.site.journal, 4).check(rows)


def test_an_unknown_one_is_replaced_after_its_silence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SILENCE_S", 0.3)
    hold(bench, myself()._replace(host="elsewhere"))
    assert take(bench.site.journal, "controller").epoch == 2


def test_an_unknown_one_that_gives_a_sign_of_life_is_live(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(bench, myself()._replace(host="elsewhere"))

    def beat(seconds: float) -> None:
        with bench.site.journal.store.write() as rows:
            lease._pulse(rows)

    monkeypatch.setattr(lease.time, "sleep", beat)
    with pytest.raises(UnfitProblem, match="already running .* on elsewhere"):
        take(bench.site.journal, "controller")


def test_a_lease_that_was_left_is_free(bench: Bench) -> None:
    first = take(bench.site.journal, "controller")
    first.leave("controller")
    assert take(bench.site.journal, "controller").epoch == 2
    with pytest.raises(LeaseLost):
        first.leave("controller")


def test_the_heartbeat_comes_every_two_seconds_and_fails_when_lost(bench: Bench) -> None:
    now = [0.0]
    mine = lease.Lease(bench.site.journal, take(bench.site.journal, "c").epoch, lambda: now[0])

    def pulse() -> int:
        with bench.site.journal.read() as rows:
            return lease._read_pulse(rows)

    before = pulse()
    for now[0] in (1.0, 1.9, 2.0, 3.9, 4.0):
        mine.heartbeat()
    assert pulse() == before + 2
    hold(bench, myself(), epoch=9)
    now[0] = 10.0
    with pytest.raises(LeaseLost):
        mine.heartbeat()
    assert "lease.left" not in bench.types()


@pytest.mark.parametrize("moment", ["before a decision", "before a launch", "before an end"])
def test_a_controller_that_lost_its_lease_acts_no_more(bench: Bench, moment: str) -> None:
    engine = bench.engine()
    with bench.controller() as old:
        if moment == "before a decision":
            settle(old)
            bench.run()
        elif moment == "before a launch":
            bench.run()
            engine.fail("launch", RuntimeError("away"))
            settle(old)
            engine.mend()
        else:
            bench.run()
            settle(old)
            engine.finish(engine.starts[0])
        hold(bench, myself(), epoch=99)
        starts, types = len(engine.starts), bench.types()
        with pytest.raises(LeaseLost, match="another one has taken over"):
            old.run(lambda: False, until_idle=True)
        assert len(engine.starts) == starts and bench.types() == types
