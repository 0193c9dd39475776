"""What a store is held to: one writer at a time, durable when it says so, whole whatever dies, and honest when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanyrak.api import JournalStore
from shanyrak.control.proofs import verify_store
from shanyrak.errors import Problem, UnfitProblem
from shanyrak.journal.journal import Journal, events
from shanyrak.journal.schema import migrate
from shanyrak.testing.fakes import Bench, installed, settle
from shanyrak.testing.harness import StoreHarness
from shanyrak.testing.trial import Trial

HOOK = "shanyrak_stores"
HARNESS = StoreHarness
CAPABILITIES = {
    "backup": "copies itself, while others write, to a SQLite file that appears when it is whole",
    "full-disk": "keeps what was acknowledged, and says so, when its files cannot grow",
}

INSERT = "INSERT INTO setting VALUES (?, '1')"
KILLS = 4
"""How often a writer is killed while it writes."""


@pytest.fixture
def store(harness: StoreHarness) -> Iterator[JournalStore]:
    """A new store with the tables of a journal."""
    made = harness.open(create=True)
    migrate(made)
    yield made
    made.close()


def settings(store: JournalStore) -> set[str]:
    with store.read() as rows:
        return {str(name) for (name,) in rows.all("SELECT name FROM setting")}


def sound(store: JournalStore) -> list[str]:
    """All that can be proved wrong: the file, the chain, the fold, the account."""
    return [f"{proof['proof']}: {fault}" for proof in verify_store(store) for fault in proof["faults"]]


def writer(harness: StoreHarness, name: str, count: int, **env: str) -> subprocess.Popen[str]:
    """A process that appends `count` events."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "shanyrak.testing.storework", harness.record.scheme, str(harness.folder),
         name, str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **env},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def acknowledged(process: subprocess.Popen[str], name: str) -> set[str]:
    """What the process said was durable, after its end."""
    out, _ = process.communicate(timeout=120)
    return {f"{name}.{number}" for number in out.split()}


def test_what_is_not_there_is_a_problem_in_words(harness: StoreHarness) -> None:
    with pytest.raises(Problem):
        harness.open()


def test_what_was_written_is_read_by_the_next(harness: StoreHarness, store: JournalStore) -> None:
    with store.write() as rows:
        rows.run(INSERT, ("a",))
        assert rows.one("SELECT name FROM setting") == ("a",), "a transaction sees its own rows"
        rows.many(INSERT, [("b",), ("c",)])
        assert rows.run("UPDATE setting SET value = '2' WHERE name IN ('a', 'b')") == 2
    store.close()
    again = harness.open()
    assert settings(again) == {"a", "b", "c"}
    assert again.damage() == []
    assert sound(again) != [], "rows that no event wrote are found"
    again.close()


def test_a_block_that_raises_leaves_nothing(store: JournalStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.write() as rows:
        rows.run(INSERT, ("a",))
        raise KeyboardInterrupt
    assert settings(store) == set()
    with store.write() as rows:
        rows.run(INSERT, ("b",))
    assert settings(store) == {"b"}


def test_a_reader_sees_one_moment(harness: StoreHarness, store: JournalStore) -> None:
    other = harness.open()
    with store.read() as rows:
        before = rows.all("SELECT name FROM setting")
        with other.write() as writing:
            writing.run(INSERT, ("a",))
        assert rows.all("SELECT name FROM setting") == before == []
    assert settings(store) == {"a"}
    other.close()


def test_the_version_tells_of_every_commit(harness: StoreHarness, store: JournalStore) -> None:
    """Of others and of its own; not of what was only read."""
    other = harness.open()
    seen = [store.version()]
    for who in (other, store, other):
        with who.write() as rows:
            rows.run(INSERT, (f"n{len(seen)}",))
        seen.append(store.version())
    assert len(set(seen)) == len(seen)
    settings(store)
    assert store.version() == seen[-1]
    other.close()


def test_a_lock_that_is_kept_is_a_problem_and_nothing_is_written(harness: StoreHarness, store: JournalStore) -> None:
    """Told after the time to wait, and readers go on."""
    other = harness.open(wait_s=0.3)
    with store.write() as rows:
        rows.run(INSERT, ("a",))
        with pytest.raises(UnfitProblem), other.write() as refused:
            refused.run(INSERT, ("b",))
        assert settings(other) == set()
    assert settings(other) == {"a"}
    other.close()


def test_threads_take_turns(store: JournalStore) -> None:
    def write(name: str) -> None:
        for number in range(20):
            with store.write() as rows:
                rows.run(INSERT, (f"{name}{number}",))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(settings(store)) == 40


def test_two_writers_lose_nothing(harness: StoreHarness, store: JournalStore) -> None:
    """Two processes: each event has its own number, and the chain holds."""
    processes = {name: writer(harness, name, 25) for name in ("a", "b")}
    said = {name: acknowledged(process, name) for name, process in processes.items()}
    assert [len(said[name]) for name in ("a", "b")] == [25, 25]
    assert settings(store) == said["a"] | said["b"]
    with store.read() as rows:
        assert [event.seq for event in events(rows)] == list(range(1, 51))
    assert sound(store) == []


@pytest.mark.parametrize("point", ["commit.before", "commit.after"])
def test_killed_at_each_step_it_is_whole(harness: StoreHarness, store: JournalStore, point: str) -> None:
    process = writer(harness, "a", 40, SHANYRAK_CRASH_AT=f"{point}:7")
    said = acknowledged(process, "a")
    assert process.returncode == -9
    assert len(said) == 6
    expected = said | ({"a.6"} if point == "commit.after" else set())
    assert settings(store) == expected
    assert sound(store) == []


def test_killed_while_it_writes_it_is_whole_and_goes_on(harness: StoreHarness, store: JournalStore) -> None:
    """What was acknowledged is there; at most one that was not is, too."""
    said: set[str] = set()
    for round_ in range(KILLS):
        name = f"r{round_}"
        process = writer(harness, name, 100_000)
        assert process.stdout is not None
        numbers = [process.stdout.readline().strip() for _ in range(3 + 5 * round_)]
        process.kill()
        numbers += process.stdout.read().split()  # also what was read ahead, of which `communicate` knows nothing
        acknowledged(process, name)
        said |= {f"{name}.{number}" for number in numbers}
        found = settings(store)
        assert said <= found
        assert len(found - said) <= round_ + 1
        said = found
    assert sound(store) == []


def test_a_whole_site_lives_in_it(harness: StoreHarness, trial: Trial, tmp_path: Path) -> None:
    """Grants, work, ends and charges; and the tables are the fold of the events."""
    home = type(harness)(harness.record, harness.plugin, tmp_path / "site", harness.settings)
    bench = Bench(
        tmp_path / "site",
        tables={"accounts": {"store": home.url()}},
        finders=[installed(trial.name)],
    )
    bench.fund()
    bench.run()
    bench.run(array="0-3%2")
    with bench.controller() as controller:
        settle(controller)
        bench.clock.advance(3_000)
        for token in bench.engine().live():
            bench.engine().finish(token)
        settle(controller)
    assert bench.site.account()["balanced"]
    assert sound(bench.site.journal.store) == bench.faults() == []
    bench.site.close()
    home.close()


@pytest.mark.claim("full-disk")
def test_when_it_cannot_grow_it_says_so_and_keeps_what_it_has(harness: StoreHarness, store: JournalStore) -> None:
    with store.write() as rows:
        rows.many(INSERT, [(f"{number}" * 20,) for number in range(200)])
    before = settings(store)
    process = writer(harness, "a", 100_000, SHANYRAK_CRASH_BYTES=str(2 << 20))
    out, err = process.communicate(timeout=120)
    assert process.returncode == UnfitProblem.exit_code, err
    assert len(err.strip().splitlines()) == 1
    assert settings(store) == before | {f"a.{number}" for number in out.split()}
    after = writer(harness, "b", 3)
    assert acknowledged(after, "b") <= settings(store), "with room it goes on"
    assert after.returncode == 0


@pytest.mark.claim("backup")
def test_a_backup_is_whole_and_appears_only_then(harness: StoreHarness, store: JournalStore, tmp_path: Path) -> None:
    busy = writer(harness, "a", 200)
    target = tmp_path / "copy"
    for _ in range(3):
        store.backup(str(target))
        assert target.stat().st_size > 0
    busy.communicate(timeout=120)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy") and path != target] == []
    from shanyrak.journal.sqlite import SqliteStore

    copy = SqliteStore(target)
    assert sound(copy) == []
    copy.close()
    with pytest.raises((Problem, OSError)):
        store.backup(str(tmp_path / "no" / "such" / "folder"))


def test_it_serves_a_journal(store: JournalStore) -> None:
    """Numbered, chained, folded."""
    journal = Journal(store)
    with journal.write("kit") as writing:
        first = writing.append("settings.changed", "a", {"settings": {"a": "1"}})
        second = writing.append("settings.changed", "a", {"settings": {"a": "2"}})
    assert second == first + 1
    with journal.read() as rows:
        assert rows.one("SELECT value FROM setting WHERE name = 'a'") == ("2",)
    assert sound(store) == []
