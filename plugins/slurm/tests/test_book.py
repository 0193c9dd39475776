"""The book: killed, called twice, opened again, on a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shanyrak.api import EngineProblem, Seen
from shanyrak_slurm.book import Book

JOB = ("a", "ada", 1000, [("a", 0, 60_000), ("b", 1, 60_000)])
DIE = """
import os, signal, sys
from pathlib import Path
from shanyrak_slurm.book import Book
book = Book(Path(sys.argv[1]))
book.intend([("a", "ada", 1000, [("a", 0, 60_000), ("b", 1, 60_000)])])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_before_slurm_answered_the_intent_is_there(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIE, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    book = Book(tmp_path)
    first, second = book.entries(["a", "b"]).values()
    assert (first.token, first.place, first.id, first.task_id, first.asked_ms) == ("a", 0, "", "", 1000)
    book.took([("a", "7")])
    assert [entry.task_id for entry in book.entries(["a", "b"]).values()] == ["7_0", "7_1"] and second.token == "b"
    book.close()


def test_a_token_is_given_away_once(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.intend([JOB])
    with pytest.raises(EngineProblem, match="the book of engine slurm"):
        book.intend([("z", "ada", 1000, [("z", -1, 1)]), ("c", "ada", 1000, [("b", -1, 60_000)])])
    assert book.entries(["z", "c"]) == {} and book.entries(["b"])["b"].name == "a", "all of it or nothing"
    book.refused(["a"])
    assert book.entries(["a", "b"]) == {}
    book.intend([JOB])
    book.close()


def test_ends_are_kept_and_forgotten(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.intend([JOB])
    book.forget(["a", "no-such"])
    assert book.entries(["a"])["a"].seen is None, "what has not ended cannot be forgotten"
    end = Seen("a", "ended", 1, 2, 1, exit_code=3, isolation=("x",), fenced=True)
    book.ended([end])
    book.ended([end])
    book.close()
    book = Book(tmp_path)
    assert book.entries(["a"])["a"].seen == end
    book.forget(["a"])
    book.forget(["a"])
    seen = book.entries(["a"])["a"].seen
    assert seen and (seen.state, seen.fenced) == ("absent", True)
    book.close()


def test_marks(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.intend([JOB])
    book.fence(["x", "x"])
    book.fence(["x"])
    assert book.fenced(["x", "a"]) == {"x"}
    book.over(["a"])
    book.stopped(["b"])
    book.missed(["a"], 5)
    first, second = book.entries(["a", "b"]).values()
    assert (first.over, first.stopped, first.missed_ms) == (True, False, 5)
    assert (second.over, second.stopped, second.missed_ms) == (False, True, 0)
    assert len(book.entries([f"t{n}" for n in range(50_000)] + ["a"])) == 1, "as many tokens as there are"
    book.close()


def test_it_is_private(tmp_path: Path) -> None:
    Book(tmp_path).close()
    assert (tmp_path / "jobs.db").stat().st_mode & 0o777 == 0o600


def test_a_book_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(os.urandom(8192))
    with pytest.raises(EngineProblem, match="see that its disk has room and is healthy|See that its disk"):
        Book(tmp_path)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.intend([JOB])
    book._db.execute("PRAGMA max_page_count = 1")  # as on a disk without room: SQLITE_FULL
    many = [(f"n{n}", "ada", 1, [(f"n{n}" + "x" * 100, -1, 1)]) for n in range(1000)]
    with pytest.raises(EngineProblem, match="full"):
        book.intend(many)
    assert book.entries(["a", "b"]).keys() == {"a", "b"} and book.entries([many[0][3][0][0]]) == {}
    book.close()
