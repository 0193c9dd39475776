"""The notes of jobs: nothing is read through a link or from somebody else, and what cannot be read proves nothing."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm.notes import GIVEN_UP, ROOM, Spool
from shanyrak_slurm.written import Note

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", False)


def token(spool: Spool, **notes: str) -> Path:
    folder = spool.folder / "t"
    folder.mkdir()
    for name, text in notes.items():
        (folder / name).write_text(text)
    return folder


def test_nothing_noted(spool: Spool) -> None:
    assert spool.note("t", "") == Note()
    assert spool.log("t", "", "stdout", 0, 100) == b""


def test_what_is_noted(spool: Spool) -> None:
    token(spool, began="7 n1 1764000000000\n", end="3 1764000005000 0 .\n")
    note = spool.note("t", "")
    assert (note.claimed, note.job, note.node, note.began_ms, note.ended_ms, note.code) == (
        True, "7", "n1", 1764000000000, 1764000005000, 3,
    )  # fmt: skip
    assert note.seen("t").ran_ms == 5000


def test_no_clock_that_is_set_while_it_runs_changes_how_long_it_ran(spool: Spool) -> None:
    token(spool, began="7 n1 1764000000000 50.25 1763999999\n", end=f"{'0 0 55.50':<62}.\n")
    note = spool.note("t", "")
    assert (note.start_ms, note.ended_ms, note.ran_ms) == (1763999999000, 1764000005250, 5250)


def test_an_end_without_a_beginning_costs_nothing(spool: Spool) -> None:
    token(spool, began="", end="0 1764000005000 55.50 .")
    assert (spool.note("t", "").ended_ms, spool.note("t", "").ran_ms) == (1764000005000, 0)


@pytest.mark.parametrize("text", ["", "7", "7 n1", "\n", "\0\0\0", "7 n1 ", "x" * 100_000])
def test_a_half_written_beginning_is_none(spool: Spool, text: str) -> None:
    token(spool, began=text)
    note = spool.note("t", "")
    assert (note.claimed, note.job, note.began_ms) == (True, "", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0 17x 0 .",
        "-1 1764000005000 0 .",
        "0 1764000005000 more .",
        "0 17640000050\0 .",
        " " * 63,
        "0 1764000005000 5.0",
    ],
)
def test_a_half_written_end_is_none(spool: Spool, text: str) -> None:
    token(spool, began="7 n1 1764000000000\n", end=text)
    assert spool.note("t", "").ended_ms == 0


def test_seconds_where_date_knows_no_milliseconds(spool: Spool) -> None:
    token(spool, began="7 n1 1764000000%3N\n", end="0 1764000005 0 .")
    assert spool.note("t", "").began_ms in (1764000000000, 17640000003000), "the digit of %3N is no part of the time"
    assert spool.note("t", "").ended_ms == 1764000005000


def test_no_link_is_followed(spool: Spool, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "began").write_text("9 n9 1764000000000")
    (other / "stdout").write_text("private")
    (spool.folder / "t").symlink_to(other)
    assert spool.note("t", "") == Note() and spool.log("t", "", "stdout", 0, 100) == b""
    (spool.folder / "t").unlink()
    folder = token(spool)
    for name in ("began", "stdout", "launch", "life"):
        (folder / name).symlink_to(other / "stdout")
    note = spool.note("t", "")
    assert (note.job, note.launch, note.lives) == ("", "", None)
    assert spool.log("t", "", "stdout", 0, 100) == b""


def test_only_files_are_read(spool: Spool) -> None:
    folder = token(spool)
    for name in ("began", "life", "stdout"):
        os.mkfifo(folder / name)
    (folder / "end").mkdir()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(folder / "launch"))
    note = spool.note("t", "")
    assert (note.job, note.ended_ms, note.launch, note.lives) == ("", 0, "", None)
    assert spool.log("t", "", "stdout", 0, 100) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_a_file_of_somebody_else_is_not_read(spool: Spool) -> None:
    folder = token(spool, began="7 n1 1764000000000\n", stdout="x", life="")
    for path in folder.iterdir():
        os.chown(path, 65534, 65534)
    note = spool.note("t", "")
    assert (note.job, note.lives) == ("", None) and spool.log("t", "", "stdout", 0, 100) == b""


@pytest.mark.parametrize(
    ("offset", "limit", "text"),
    [(0, 3, b"012"), (4, 100, b"456789"), (-3, 100, b"789"), (-100, 2, b"01"), (99, 5, b""), (0, 0, b""), (0, -1, b"")],
)
def test_parts_of_a_log(spool: Spool, offset: int, limit: int, text: bytes) -> None:
    token(spool, stdout="0123456789")
    assert spool.log("t", "", "stdout", offset, limit) == text


@pytest.mark.parametrize("kind", ["flock", "lockf"])
def test_a_lock_is_seen_across_processes(spool: Spool, kind: str) -> None:
    """A node's flock is one of POSIX (lockf) on the file server itself."""
    folder = token(spool)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("flock(", f"{kind}("), folder / "life"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    assert spool.note("t", "").lives is True
    holder.communicate(timeout=60)
    assert spool.note("t", "").lives is False
    with (folder / "life").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # looking has left no lock of its own
    (folder / "life").write_text("unlocked\n")
    assert spool.note("t", "").lives is None, "its node cannot lock files"


def test_to_give_up_is_one_step_that_a_start_before_it_wins(spool: Spool) -> None:
    assert spool.give_up("t", "") is True
    assert (spool.folder / "t").stat().st_mode & 0o777 == GIVEN_UP
    assert spool.note("t", "").given_up and spool.give_up("t", "") is True
    (spool.folder / "u").mkdir(mode=0o700)
    assert spool.give_up("u", "") is False and not spool.note("u", "").given_up


def test_what_claimed_a_token_and_hangs_is_kept_from_beginning(spool: Spool) -> None:
    assert spool.seal("t", "") is False, "nothing claimed it"
    folder = token(spool)
    assert spool.seal("t", "") and spool.seal("t", "") and spool.note("t", "").job == ""
    (folder / "began").unlink()
    (folder / "began").write_text("7 n1 1764000000000")
    assert spool.seal("t", "") is False and spool.note("t", "").job == "7"


def test_a_disk_without_room_is_found_out_before_anything_is_asked_for(spool: Spool) -> None:
    spool.probe()
    assert list(spool.folder.iterdir()) == []
    (spool.folder / ROOM).symlink_to("/dev/full")
    with pytest.raises(EngineProblem, match="No space left on device.*room"):
        spool.probe()


def test_a_spool_that_went_away_proves_nothing(spool: Spool, tmp_path: Path) -> None:
    spool.folder.rename(tmp_path / "elsewhere")
    for call in (lambda: spool.note("t", ""), lambda: spool.give_up("t", "")):
        with pytest.raises(EngineProblem, match="the spool .*spool: .* See that the disk"):
            call()


def test_a_spool_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineProblem, match="Set \\[plugins.slurm\\] spool"):
        Spool(tmp_path / "file" / "spool", False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders for others")
def test_each_owner_has_a_folder_that_others_do_not_enter(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", True)
    home = spool.of("nobody")
    status = home.stat()
    assert (status.st_uid, status.st_mode & 0o777, spool.folder.stat().st_mode & 0o777) == (65534, 0o700, 0o711)
    assert spool.give_up("t", "nobody") and spool.note("t", "nobody").given_up
    with pytest.raises(EngineProblem, match="no user no-such-user"):
        spool.of("no-such-user")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "stdout").write_text("private")
    (home / "u").symlink_to(secret)
    assert spool.log("u", "nobody", "stdout", 0, 100) == b"" and spool.give_up("u", "nobody") is False
    assert [path.name for path in secret.iterdir()] == ["stdout"]
