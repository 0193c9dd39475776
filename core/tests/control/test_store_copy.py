"""A journal in another store: the same to the last row, proved, and nothing at all when anything is wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from shanyrak.config.write import set_store
from shanyrak.control import lease, store_copy
from shanyrak.control.store_copy import copy_store
from shanyrak.control.workspace import open_store
from shanyrak.errors import Problem, UnfitProblem
from shanyrak.journal.journal import first_difference
from shanyrak.journal.schema import MIGRATIONS, TABLES
from shanyrak.testing.fakes import Bench, settle


@pytest.fixture
def lived(bench: Bench) -> Bench:
    """Work that ran, runs and waits; no controller."""
    bench.run(array="0-2")
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(1_000)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
    bench.run(name="қазақ 'quoted' \"too\" 100% ?")
    return bench


@pytest.fixture
def target(home, tmp_path: Path) -> str:
    """The URL of an empty store."""
    (tmp_path / "target").mkdir()
    return home.url(tmp_path / "target")


def move(bench: Bench, target: str, back: str = "") -> store_copy.Copied:
    return copy_store(bench.folder, bench.manager(), back or bench.site.commons.accounts.store, target)


def tables(bench: Bench, url: str) -> frozenset[str]:
    try:
        store = open_store(bench.folder, url, bench.manager())
    except Problem:
        return frozenset()
    try:
        return store.tables()
    finally:
        store.close()


def test_there_and_back(lived: Bench, target: str) -> None:
    before = lived.site.events()[-1]
    there = move(lived, target)
    assert (there.events, there.hash) == (before.seq, before.hash)
    back = move(lived, "sqlite:again.db", target)
    assert back == there
    one, other = lived.site.journal.store, open_store(lived.folder, "sqlite:again.db", lived.manager())
    with one.read() as left, other.read() as right:
        assert {table: first_difference(left, right, table) for table in TABLES} == dict.fromkeys(TABLES)
        assert sum(len(left.all(f'SELECT * FROM "{table}"')) for table in TABLES) == there.rows
    other.close()


def test_the_site_goes_on_there(lived: Bench, target: str) -> None:
    """What lived is adopted by its token, what waited starts, and the account balances."""
    move(lived, target)
    lived.site.close()
    assert set_store(lived.folder, target) and not set_store(lived.folder, target)
    lived.site = lived.open()
    with lived.controller() as controller:
        settle(controller)
        for token in lived.engine().live():
            lived.engine().finish(token)
        settle(controller)
    assert {row["state"] for row in lived.site.ps(everything=True)} == {"done"}
    assert len(lived.engine().starts) == len(set(lived.engine().starts)) == 5
    assert lived.site.check_account()["balanced"] and lived.faults() == []


def test_not_while_a_controller_lives(lived: Bench, target: str) -> None:
    with lived.controller(), pytest.raises(UnfitProblem, match="one is already running"):
        move(lived, target)
    assert tables(lived, target) == frozenset()
    move(lived, target)


def test_not_while_one_lives_on_another_machine(lived: Bench, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heart beats, or did a moment ago; one that is silent for long is gone."""
    monkeypatch.setattr(lease, "SILENCE_S", 0.5)
    journal = lived.site.journal
    far = {"epoch": 99, "host": "elsewhere", "boot": "b", "pid": 1, "started": "1"}
    with journal.write("controller") as writer:
        writer.append("lease.taken", "controller", far)
    free = lease.Watch.free
    looks = []

    def beats(watch: lease.Watch, rows: object) -> bool:
        looks.append(1)
        if len(looks) == 2:
            with journal.write("controller") as writer:
                lease._pulse(writer.rows)
        return free(watch, rows)

    with monkeypatch.context() as patch:
        patch.setattr(store_copy.Watch, "free", beats)
        with pytest.raises(UnfitProblem, match="pid 1 on elsewhere"):
            move(lived, target)
    assert move(lived, target).events == lived.site.events()[-1].seq


def test_not_into_one_that_holds_a_journal(lived: Bench, target: str) -> None:
    move(lived, target)
    for full in (target, lived.site.commons.accounts.store):
        with pytest.raises(UnfitProblem, match="it holds a journal already"):
            move(lived, full)


@pytest.mark.parametrize(
    ("version", "words"),
    [("1", "its schema is 1 .* Open its workspace once"), ("99", "its schema 99 is newer .* Upgrade")],
)
def test_one_of_another_schema_is_not_copied(lived: Bench, target: str, version: str, words: str) -> None:
    with lived.site.journal.store.write() as rows:
        rows.run("UPDATE meta SET value = ? WHERE name = 'schema'", (version,))
    with pytest.raises(UnfitProblem, match=words):
        move(lived, target)
    with lived.site.journal.store.write() as rows:
        rows.run("UPDATE meta SET value = ? WHERE name = 'schema'", (str(len(MIGRATIONS)),))


DAMAGE = {
    "an event": "UPDATE event SET time = time + 1 WHERE seq = 3",
    "a table": "UPDATE workload SET title = 'another' WHERE id = 1",
    "the account": "UPDATE balance SET amount = amount + 1 WHERE pot = 'left'",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_cannot_be_proved_is_not_there(tmp_path: Path, target: str, what: str) -> None:
    bench = Bench(tmp_path / "damaged")
    bench.fund()
    bench.run()
    with bench.site.journal.store.write() as rows:
        assert rows.run(DAMAGE[what])
    with pytest.raises(UnfitProblem, match="cannot be proved"):
        move(bench, f"sqlite:{tmp_path / 'copy.db'}")
    assert tables(bench, f"sqlite:{tmp_path / 'copy.db'}") == frozenset()
    bench.site.close()


KILLED = """
import sys
from pathlib import Path
from shanyrak.control.workspace import default_manager
from shanyrak.control.store_copy import copy_store
folder, source, target = sys.argv[1:4]
print("begins", flush=True)
copy_store(Path(folder), default_manager(Path(folder)), source, target)
"""


def start(bench: Bench, target: str, crash_at: str = "") -> "subprocess.Popen[str]":
    source = bench.site.commons.accounts.store
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(bench.folder), source, target], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "SHANYRAK_CRASH_AT": crash_at},
    )  # fmt: skip


def eventually_empty(check: Callable[[], frozenset[str]]) -> None:
    """A server takes a moment to see that its client is gone."""
    until = time.monotonic() + 60
    while check() and time.monotonic() < until:
        time.sleep(0.05)
    assert check() == frozenset()


@pytest.mark.parametrize("crash_at", ["commit.before", ""])
def test_killed_in_the_middle_it_can_be_done_again(lived: Bench, target: str, crash_at: str) -> None:
    """At its very end, and somewhere: nothing of it is there."""
    process = start(lived, target, crash_at)
    if not crash_at:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    eventually_empty(lambda: tables(lived, target))
    assert move(lived, target).events == lived.site.events()[-1].seq
