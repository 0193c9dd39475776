"""Writers in processes of their own while PostgreSQL is killed and started again: nothing lost, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from shanyrak.control.proofs import verify_store
from shanyrak.journal.journal import events
from shanyrak_postgres.server import Server

WRITER = """
import sys, time
from shanyrak.api import StoreContext, UnfitProblem
from shanyrak.journal.journal import Journal
from shanyrak_postgres.problems import Lost
from shanyrak_postgres.store import PostgresStore

url, name, stop = sys.argv[1:4]
import pathlib
while True:
    try:
        journal = Journal(PostgresStore(StoreContext(url, ".", None, wait_s=30.0)))
        break
    except UnfitProblem:
        time.sleep(0.05)
number = 0
while not pathlib.Path(stop).exists():
    try:
        with journal.write("kit") as writer:
            writer.append("settings.changed", f"{name}.{number}", {"settings": {f"{name}.{number}": "x" * 100}})
    except UnfitProblem as problem:
        assert isinstance(problem, Lost) or "cannot be reached" in str(problem) or "starting" in str(problem), problem
        print("again", problem, file=sys.stderr)
        time.sleep(0.02)
        continue  # nothing was written, it says
    print(number, flush=True)
    number += 1
"""


def killed(server: Server, url: str, folder: Path, writers: int, kills: int, seed: int) -> int:
    """So many kills while so many write; gives how many events were acknowledged, each of which is there once."""
    draw, stop = random.Random(seed), folder / "stop"
    processes = []
    for number in range(writers):
        with open(folder / f"out{number}", "wb") as out, open(folder / f"said{number}", "wb") as said:
            command = [sys.executable, "-c", WRITER, url, f"w{number}", str(stop)]
            processes.append(subprocess.Popen(command, stdout=out, stderr=said))
    try:
        for _ in range(kills):
            before = (folder / "out0").stat().st_size
            until = time.monotonic() + 120
            while (folder / "out0").stat().st_size < before + 60:
                assert time.monotonic() < until and processes[0].poll() is None, (folder / "said0").read_text()[-2000:]
                time.sleep(0.01)
            time.sleep(draw.random() * 0.2)
            server.crash()
    finally:
        stop.write_text("")
        codes = [process.wait(120) for process in processes]
    told = [(folder / f"said{number}").read_text() for number in range(writers)]
    assert codes == [0] * writers, told
    assert any("again" in one for one in told), "no writer noticed a kill"
    return sum(len((folder / f"out{number}").read_text().split()) for number in range(writers))


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.engines)])
def test_nothing_is_lost_and_nothing_twice(lone: Server, open_store, tmp_path: Path, kills: int) -> None:
    from shanyrak.journal.schema import migrate

    url = lone.url("kills")
    store = open_store(url, create=True)
    migrate(store)
    said = killed(lone, url, tmp_path, 3, kills, 20260101)
    with store.read() as rows:
        found = Counter(event.subject for event in events(rows))
    assert max(found.values()) == 1, [name for name, times in found.items() if times > 1]
    for number in range(3):
        told = (tmp_path / f"out{number}").read_text().split()
        assert {f"w{number}.{n}" for n in told} <= found.keys(), "what was acknowledged is there"
    assert said == found.total(), "what was not acknowledged was said not to be there, and tried again"
    assert [proof["faults"] for proof in verify_store(store)] == [[], [], [], []]


def test_a_backup_while_others_write_is_whole(server: Server, store, schema: str, tmp_path: Path) -> None:
    from shanyrak.journal.sqlite import SqliteStore

    stop = tmp_path / "stop"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, server.url(schema), "w", str(stop)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for number in range(3):
        for _ in range(10):
            process.stdout.readline()
        store.backup(str(tmp_path / f"copy{number}"))
    stop.write_text("")
    process.communicate(timeout=60)
    seen = []
    for number in range(3):
        copy = SqliteStore(tmp_path / f"copy{number}")
        assert [proof["faults"] for proof in verify_store(copy)] == [[], [], [], []]
        with copy.read() as rows:
            seen.append(rows.one("SELECT MAX(seq) FROM event")[0])
        copy.close()
    assert 10 <= seen[0] < seen[1] < seen[2]
    assert not list(tmp_path.glob("*.part"))
