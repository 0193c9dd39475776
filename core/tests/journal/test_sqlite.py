"""The SQLite store: what goes wrong is one line for a person, and other processes are noticed."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from shanyrak.errors import UnfitProblem
from shanyrak.journal.schema import migrate
from shanyrak.journal.sqlite import SqliteStore, explain, refuse_network_filesystem
from shanyrak.journal.store import Busy, Damaged


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "journal.db", create=True, wait_s=0.2)
    migrate(made)
    yield made
    made.close()


INSERT = "INSERT INTO setting VALUES (?, '1')"


def test_durable_and_exclusive_by_its_pragmas(store: SqliteStore) -> None:
    with store.read() as rows:
        assert rows.one("PRAGMA journal_mode") == ("wal",)
        assert rows.one("PRAGMA synchronous") == (2,), "FULL"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_lock_that_is_kept_is_busy_and_nothing_is_written(store: SqliteStore) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match=r"another writer has kept it locked.*Try again"), store.write() as rows:
        rows.run(INSERT, ("a",))
    other.execute("ROLLBACK")
    with store.write() as rows:
        rows.run(INSERT, ("a",))
    other.close()


def test_readers_go_on_while_another_writes(store: SqliteStore) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute(INSERT, ("a",))
    with store.read() as rows:
        assert rows.all("SELECT * FROM setting") == []
    other.execute("COMMIT")
    with store.read() as rows:
        assert rows.all("SELECT name FROM setting") == [("a",)]
    other.close()


def test_a_block_that_raises_leaves_nothing_and_the_store_works_on(store: SqliteStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.write() as rows:
        rows.run(INSERT, ("a",))
        raise KeyboardInterrupt
    with store.write() as rows:
        assert rows.all("SELECT * FROM setting") == []


def test_a_full_disk_is_told_and_loses_nothing(store: SqliteStore) -> None:
    with store.read() as rows:
        pages = rows.one("PRAGMA page_count")
        assert pages is not None
        rows.one(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(UnfitProblem, match=r"the disk is full; nothing was written.*Free space"), store.write() as rows:
        rows.many(INSERT, [(f"{n}" * 100,) for n in range(1000)])
    with store.read() as rows:
        assert rows.all("SELECT * FROM setting") == []


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnfitProblem, match=r"the file is not there\. Restore a backup"):
        SqliteStore(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(UnfitProblem, match=r"the file is damaged.*shanyrak verify"):
        SqliteStore(tmp_path / "x.db")


def test_a_torn_file_is_named(lived: SqliteStore, tmp_path: Path) -> None:
    lived.backup(str(tmp_path / "torn.db"))
    data = bytearray((tmp_path / "torn.db").read_bytes())
    data[8192:12288] = os.urandom(4096)
    (tmp_path / "torn.db").write_bytes(data)
    torn = SqliteStore(tmp_path / "torn.db")
    assert torn.damage() != []
    torn.close()
    assert lived.damage() == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_READONLY, "cannot be opened for writing"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened for writing"),
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, "file system failed"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "kept it locked for 3 s"),
        (sqlite3.SQLITE_LOCKED, "kept it locked"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_NOTADB, "is damaged"),
    ],
)
def test_each_error_of_sqlite_is_one_line(code: int, words: str) -> None:
    error = sqlite3.OperationalError("low-level")
    error.sqlite_errorcode = code
    problem = explain(error, "j.db", 3.2)
    assert isinstance(problem, UnfitProblem) and words in str(problem) and "\n" not in str(problem)


def test_a_defect_of_ours_stays_what_it_is(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), store.read() as rows:
        rows.all("SELECT * FROM no_such")


def test_rows_that_contradict_each_other_are_damage(store: SqliteStore) -> None:
    with pytest.raises(Damaged, match="contradicts itself"), store.write() as rows:
        rows.many(INSERT, [("a",), ("a",)])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_file_that_may_only_be_read(store: SqliteStore) -> None:
    store.close()
    store.path.chmod(0o400)
    with pytest.raises(UnfitProblem, match="cannot be opened for writing"), SqliteStore(store.path).write() as rows:
        rows.run(INSERT, ("a",))


MOUNTS = "dev / ext4 rw 0 0\nhost:/x /mnt/nfs nfs4 rw 0 0\ntmp /mnt/nfs/local tmpfs rw 0 0\nfs /mnt/with\\040blank lustre rw 0 0\n"


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfs/a/b", "nfs4"),
        ("/mnt/nfs/local/a", ""),
        ("/mnt/nfsx", ""),
        ("/home", ""),
        ("/mnt/with blank/x", "lustre"),
    ],
)
def test_network_file_systems_are_refused(tmp_path: Path, folder: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    if kind:
        with pytest.raises(UnfitProblem, match=rf"network file system \({kind}\)"):
            refuse_network_filesystem(Path(folder), str(tmp_path / "mounts"))
    else:
        refuse_network_filesystem(Path(folder), str(tmp_path / "mounts"))


def test_where_mounts_cannot_be_read_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network_filesystem(tmp_path, str(tmp_path / "no-such-file"))


def test_version_tells_of_every_commit(store: SqliteStore) -> None:
    """Also of those of this process: a controller notices what is asked through its own store."""
    before = store.version()
    with store.write() as rows:
        rows.run(INSERT, ("own",))
    assert store.version() != before
    before = store.version()
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    insert = "INSERT INTO setting VALUES ('other', '1')"
    subprocess.run([sys.executable, "-c", script, str(store.path), insert], check=True)
    assert store.version() != before
    assert store.version() == store.version()


def test_a_backup_is_whole_while_others_write(store: SqliteStore, tmp_path: Path) -> None:
    """Another connection writes pairs without a pause; each copy has whole pairs, is sound, and comes to an end."""
    with store.write() as rows:
        rows.many(INSERT, [(f"fill-{n}-{'x' * 2000}",) for n in range(4000)])
    other, done = SqliteStore(store.path), threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            with other.write() as rows:
                rows.run(INSERT, (f"a{number}",))
                rows.run(INSERT, (f"b{number}",))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            store.backup(str(tmp_path / f"copy{number}.db"))
    finally:
        done.set()
        thread.join()
        other.close()
    for number in range(3):
        copy = SqliteStore(tmp_path / f"copy{number}.db")
        with copy.read() as rows:
            pairs = rows.one("SELECT SUM(name LIKE 'a%'), SUM(name LIKE 'b%') FROM setting WHERE name NOT LIKE 'fill%'")
        assert pairs is not None and pairs[0] == pairs[1]
        assert copy.damage() == []
        copy.close()


def test_a_backup_that_fails_leaves_nothing(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError("no")

    monkeypatch.setattr("shanyrak.journal.durable.sync", fail)
    with pytest.raises(OSError, match="no"):
        store.backup(str(tmp_path / "copy.db"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy")]


def test_threads_take_turns(store: SqliteStore) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 20):
            with store.write() as rows:
                seen = rows.one("SELECT COUNT(*) FROM setting")
                rows.run(INSERT, (f"{number}-{seen}",))

    threads = [threading.Thread(target=add, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as rows:
        assert rows.one("SELECT COUNT(*) FROM setting") == (80,)
