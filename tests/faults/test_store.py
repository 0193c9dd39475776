"""The store under the journal misbehaves: locked by another writer, no room on the disk, a torn or altered file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultlab.house import House, forever, read
from faultlab.invariants import at_rest, sound
from faultlab.processes import Child, eventually
from shanyrak.control.proofs import verify
from shanyrak.control.site import Site
from shanyrak.control.workspace import default_manager
from shanyrak.errors import Problem, UnfitProblem


def one_line(child: Child, *codes: int) -> str:
    """What a command said, which is one line for a person, and that it ended with one of `codes`."""
    code = child.wait()
    said = child.said()
    assert code in codes, (code, said)
    if code:
        assert len(said.splitlines()) == 1, said
        assert "Traceback" not in said
    return said


# ---- another writer keeps it locked ------------------------------------------------------------------------------


def test_locked_by_another_writer(house: House, scale):
    """The lock lasts for longer than anybody waits: a minute against 20 s, every day 3 s against 0.5 s."""
    locked_s, wait_s = scale.pick(3, 60), scale.pick(0, 20) or 0.5

    def up() -> None:
        site = house.open(wait_s)
        forever(site)
        site.close()

    controller = house.start(up)
    site = house.open()
    eventually(lambda: read(site, "SELECT 1 FROM lease WHERE held = 1"), "the controller is up")
    first = site.submit(house.job("sleep 0.5"))
    house.acknowledge(first.id)
    eventually(lambda: read(site, "SELECT 1 FROM attempt WHERE open = 1"), "the first job lives")
    site.close()

    other = sqlite3.connect(house.folder / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    until = time.monotonic() + locked_s
    refused = 0

    def client() -> object:
        Site.open.__func__.__kwdefaults__["wait_s"] = wait_s  # the command line waits as long as everybody here
        return house.command("run", "--project", "p", "--", *house.job("true")["command"])

    while time.monotonic() < until:
        said = one_line(house.start(client), 6)
        assert "another writer has kept it locked" in said
        refused += 1
        assert controller.poll() is None, controller.said()
    other.execute("ROLLBACK")
    other.close()
    assert refused
    one_line(house.start(client), 0)
    site = house.open()
    assert len(site.ps(everything=True)) == 2, "what was not acknowledged was recorded"
    eventually(lambda: not site.ps(reasons=False), "the work goes on")
    site.close()
    assert "Traceback" not in controller.said()
    controller.kill(signal.SIGTERM)
    controller.good()
    at_rest(house)


# ---- a full disk -------------------------------------------------------------------------------------------------


class Disk:
    """A small file system of its own that can be filled to the last page."""

    def __init__(self, at: Path) -> None:
        self.at, self.ballast = at, at / "ballast"

    def leave(self, room: int) -> None:
        """Fill it until `room` bytes are left, or fewer when others write meanwhile."""
        self.free()
        with open(self.ballast, "wb") as file:
            while (size := self._size(room)) > 0:
                try:
                    os.posix_fallocate(file.fileno(), 0, size)
                    return
                except OSError as error:  # what was free when it was measured has been written to since
                    if error.errno != errno.ENOSPC:
                        raise

    def _size(self, room: int) -> int:
        stat = os.statvfs(self.at)
        return stat.f_bavail * stat.f_frsize - room

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    at = tmp_path / "disk"
    at.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", at], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield Disk(at)
    subprocess.run(["umount", "-l", at], check=True)


@pytest.fixture
def small(disk: Disk, origin: Path, tmp_path: Path) -> Iterator[House]:
    """A house whose workspace is on the small disk; its jobs work elsewhere."""
    made = House(tmp_path / "house", origin)
    shutil.move(made.folder, disk.at / "site")
    made.folder = disk.at / "site"
    yield made
    disk.free()
    made.demolish()


def rooms(scale) -> list[int]:
    """Bytes left: from none, page by page, so that each write in turn is the one that fails."""
    return [4096 * pages for pages in ((0, 1, 2, 4, 8, 9, 10, 12, 16) if not scale.full else range(40))]


def test_full_at_each_write_of_a_submission(small: House, disk: Disk, scale):
    codes = []
    for room in rooms(scale):
        disk.leave(room)
        child = small.shanyrak("run", "--project", "p", "--json", "--", "/bin/sh", "-c", "true")
        said = one_line(child, 0, 6)
        codes.append(child.wait())
        disk.free()
        if codes[-1] == 0:
            small.acknowledge(json.loads(said.splitlines()[-1] if said.startswith("shanyrak") else said)["id"])
    assert 6 in codes
    site = small.open()
    assert len(site.ps(everything=True)) == codes.count(0), (
        "a refused submission was recorded, or an acknowledged one not"
    )
    sound(small, site)
    site.close()
    small.settle()


def test_full_under_the_controller_and_the_engine(small: House, disk: Disk, scale):
    controller = small.child(forever)
    site = small.open()
    eventually(lambda: read(site, "SELECT 1 FROM lease WHERE held = 1"), "the controller is up")
    for room in rooms(scale):
        disk.free()
        for script in ("true", "sleep 0.2", "exit 4"):
            small.acknowledge(site.submit(small.job(script)).id)
        disk.leave(room)
        time.sleep(0.7)
        assert controller.poll() is None, controller.said()
    disk.free()
    eventually(lambda: not site.ps(reasons=False), "all is done when there is room again")
    assert "Traceback" not in controller.said()
    for row in site.ps(everything=True):
        assert (row["state"], row["exit_code"]) in (("done", 0), ("failed", 4)), row
    site.close()
    controller.kill(signal.SIGTERM)
    controller.good()
    at_rest(small)


def test_full_at_each_start_of_a_controller(small: House, disk: Disk, scale):
    site = small.open()
    small.acknowledge(site.submit(small.job("true")).id)
    site.close()
    for room in rooms(scale)[:4]:
        disk.leave(room)
        said = one_line(small.shanyrak("up", "--until-idle"), 5, 6)
        assert "shanyrak: " in said
    disk.free()
    small.settle()
    at_rest(small)


def test_full_at_each_write_of_a_backup_and_of_the_configuration(small: House, disk: Disk, scale):
    before = (small.folder / "commons.toml").read_text()
    codes = []
    for room in [*rooms(scale), 1 << 20]:
        disk.leave(room)
        target = disk.at / f"backup-{room}.tar"
        child = small.shanyrak("backup", str(target))
        one_line(child, 0, 6)
        assert target.exists() == (child.wait() == 0), "a backup appears only when it is whole"
        assert not list(disk.at.glob(".shanyrak*")), "a failed backup left something behind"
        codes.append(child.wait())
        config = small.shanyrak("plugin", "disable", "policies")
        one_line(config, 0, 6)
        text = (small.folder / "commons.toml").read_text()
        if config.wait():
            assert text == before
        else:
            assert "policies" in text
            disk.free()
            assert small.shanyrak("plugin", "enable", "policies").wait() == 0
            before = (small.folder / "commons.toml").read_text()
        target.unlink(missing_ok=True)
    assert set(codes) == {0, 6}
    disk.free()
    at_rest(small)


# ---- a torn or altered journal -----------------------------------------------------------------------------------


@pytest.fixture
def worked(house: House) -> House:
    """A house that has done some work, with all of its journal in the one file."""
    site = house.open()
    for _ in range(30):
        house.acknowledge(site.submit(house.job("true", name="a name that takes some room " * 4)).id)
    site.close()
    house.settle()
    db = sqlite3.connect(house.folder / "journal.db")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return house


def named(house: House) -> str:
    """All faults that `verify` finds, and that its command ends with 6."""
    child = house.shanyrak("verify")
    assert child.wait() == 6, child.said()
    assert "BROKEN" in child.said() or "shanyrak: " in child.said()
    assert "Traceback" not in child.said()
    proofs = verify(house.folder, default_manager(house.folder))
    faults = [fault for proof in proofs for fault in proof["faults"]]
    assert faults
    return "\n".join(faults)


def answers_in_one_line(house: House) -> None:
    """No command shows a traceback, whatever it meets."""
    for verb in (
        ["ps", "--all"],
        ["account", "check"],
        ["run", "--project", "p", "--", "true"],
        ["up", "--until-idle"],
    ):
        child = house.shanyrak(*verb)
        code = child.wait()
        assert code in (0, 1, 6), (verb, child.said())
        assert "Traceback" not in child.said()
        if code == 6:
            lines = [line for line in child.said().splitlines() if "the controller is up" not in line]
            assert len(lines) == 1, child.said()


@pytest.mark.parametrize("lost", [100, 4096, 3 * 4096 + 1])
def test_a_truncated_file_is_named(worked: House, lost: int):
    file = worked.folder / "journal.db"
    os.truncate(file, file.stat().st_size - lost)
    assert any(word in named(worked) for word in ("torn", "damaged", "malformed", "page"))
    answers_in_one_line(worked)


def test_overwritten_bytes_are_named(worked: House, scale):
    file = worked.folder / "journal.db"
    sound_bytes = file.read_bytes()
    pages = len(sound_bytes) // 4096
    for page in range(pages if scale.full else min(pages, 12)):
        at = (pages - 1 - page) * 4096
        file.write_bytes(sound_bytes[:at] + b"\xa5" * 64 + sound_bytes[at + 64 :])
        for rest in ("-wal", "-shm"):
            Path(f"{file}{rest}").unlink(missing_ok=True)
        proofs = verify(worked.folder, default_manager(worked.folder))
        assert not all(proof["holds"] for proof in proofs), f"page {pages - page} of {pages} may be overwritten"
    answers_in_one_line(worked)


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        ("UPDATE event SET payload = replace(payload, 'true', 'evil') WHERE seq = 6", "event 6 (workload.submitted)"),
        ("UPDATE event SET time = time + 1 WHERE seq = 9", "event 9 "),
        ("UPDATE event SET actor = 'mallory' WHERE seq = 8", "event 8 "),
        ("DELETE FROM event WHERE seq = 7", "event 7 is missing"),
        ("UPDATE event SET payload = 'torn' WHERE seq = (SELECT MAX(seq) FROM event)", "was altered or torn"),
        ("DELETE FROM event WHERE seq > (SELECT MAX(seq) - 5 FROM event)", "differs from the fold"),
        ("UPDATE balance SET amount = amount + 1 WHERE pot = 'left'", "left of grant 1"),
        ("UPDATE workload SET exit_code = 1 WHERE id = 3", "table workload differs"),
        ("DELETE FROM charge WHERE token = (SELECT MIN(token) FROM charge)", "table charge differs"),
    ],
)
def test_an_altered_row_is_named(worked: House, alter: str, words: str):
    db = sqlite3.connect(worked.folder / "journal.db")
    assert db.execute(alter).rowcount
    db.commit()
    db.close()
    assert words in named(worked)
    answers_in_one_line(worked)


def test_a_torn_tail_of_the_log_loses_only_what_was_not_acknowledged(house: House):
    """The machine dies while a commit is being written: all before it is there, of it there is nothing."""

    def client(site: Site) -> None:
        for _ in range(10):
            house.acknowledge(site.submit(house.job("true")).id)
        os.kill(os.getpid(), signal.SIGKILL)

    child = house.child(client)
    assert child.wait() == -signal.SIGKILL
    log = house.folder / "journal.db-wal"
    whole = log.read_bytes()
    for lost in (1, 4000, 4120, 9000):
        log.write_bytes(whole[:-lost])
        (house.folder / "journal.db-shm").unlink(missing_ok=True)
        copy = house.base / f"torn-{lost}"
        shutil.copytree(house.folder, copy)
        try:
            site = Site.open(copy)
        except UnfitProblem as problem:
            pytest.fail(str(problem))
        found = [row["id"] for row in site.ps(everything=True)]
        assert found == list(range(1, len(found) + 1))
        assert 0 < len(found) < 10
        site.close()
        proofs = verify(copy, default_manager(copy))
        assert all(proof["holds"] for proof in proofs), proofs
    log.write_bytes(whole)
    house.settle()
    at_rest(house)


def test_a_missing_journal_is_one_line(worked: House):
    for file in worked.folder.glob("journal.db*"):
        file.unlink()
    for verb in (["ps"], ["up"], ["run", "--project", "p", "--", "true"], ["doctor"]):
        child = worked.shanyrak(*verb)
        assert child.wait() in (1, 6), child.said()
        assert "the file is not there" in child.said()
        assert "Traceback" not in child.said()
    with pytest.raises(Problem):
        Site.open(worked.folder)
