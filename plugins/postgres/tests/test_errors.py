"""Whatever is wrong with the server, the database or the schema is one line that says what to do, and writes nothing."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from shanyrak.api import Busy, Damaged, Problem, UnfitProblem
from shanyrak.journal.journal import Journal
from shanyrak.journal.schema import MIGRATIONS, migrate, schema_version
from shanyrak.journal.store import Rows
from shanyrak_postgres.server import Server
from shanyrak_postgres.testing import Disk, small_disk

INSERT = "INSERT INTO setting VALUES (?, '1')"


def line(problem: Problem) -> str:
    """What a person reads, which is one line without anything secret."""
    assert "\n" not in str(problem)
    assert "geheim" not in str(problem)
    return str(problem)


@pytest.fixture(scope="module")
def role(server: Server) -> str:
    """A user with a password and no rights."""
    server.execute("CREATE ROLE tenant LOGIN PASSWORD 'geheim'")
    return "tenant"


def over_tcp(server: Server, schema: str, **more: str) -> str:
    return server.url(schema, host="127.0.0.1", user="tenant", **more)


def kept(folder: Path, text: str) -> str:
    file = folder / "password"
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def test_no_server(open_store, tmp_path: Path) -> None:
    with pytest.raises(UnfitProblem) as raised:
        open_store(f"postgres:host={tmp_path} dbname=x")
    assert "the server cannot be reached" in line(raised.value)


def test_passwords(server: Server, role: str, open_store, schema: str, tmp_path: Path, monkeypatch) -> None:
    url = over_tcp(server, schema)
    with pytest.raises(UnfitProblem, match="the server asks for a password, and there is none. Put it into"):
        open_store(url)
    with pytest.raises(UnfitProblem) as raised:
        open_store(url, password_file=kept(tmp_path, "geheim, but another"))
    assert "refuses the password" in line(raised.value)
    monkeypatch.setenv("PGPASSFILE", kept(tmp_path, "127.0.0.1:*:*:tenant:geheim"))
    with pytest.raises(UnfitProblem, match="there is none in schema"):
        open_store(url)
    monkeypatch.delenv("PGPASSFILE")
    with pytest.raises(UnfitProblem) as raised:
        open_store(url, password_file=kept(tmp_path, "geheim\n"))
    assert "there is none in schema" in line(raised.value)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("ROLE tenant CONNECTION LIMIT 0", "the user has no connection left. ALTER ROLE"),
        ("ROLE tenant NOLOGIN", "this user may not log in"),
        ("DATABASE closed CONNECTION LIMIT 0", "the database has no connection left"),
        ("DATABASE closed ALLOW_CONNECTIONS false", "the database takes no connections"),
    ],
)
def test_doors_that_are_shut(server: Server, role: str, open_store, schema, tmp_path, limit: str, words: str) -> None:
    server.execute("CREATE DATABASE closed")
    server.execute(f"ALTER {limit}")
    try:
        with pytest.raises(UnfitProblem) as raised:
            open_store(over_tcp(server, schema, dbname="closed"), password_file=kept(tmp_path, "geheim"))
        assert words in line(raised.value)
    finally:
        server.execute("ALTER ROLE tenant LOGIN CONNECTION LIMIT -1")
        server.execute("DROP DATABASE closed")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"dbname": "nowhere"}, "there is no such database"),
        ({"user": "nobody_at_all"}, "there is no such user"),
    ],
)
def test_what_is_not_there(server: Server, open_store, schema: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(UnfitProblem) as raised:
        open_store(server.url(schema, **more))
    assert words in line(raised.value)


def test_no_rights(server: Server, role: str, open_store, store, schema: str, tmp_path: Path) -> None:
    given = {"password_file": kept(tmp_path, "geheim")}
    with pytest.raises(UnfitProblem) as raised:
        open_store(over_tcp(server, f"{schema}_new"), create=True, **given)
    assert "this user may not do that" in line(raised.value)
    with pytest.raises(UnfitProblem, match="this user may not do that .permission denied for schema"):
        open_store(over_tcp(server, schema), **given)
    server.execute(f"GRANT USAGE ON SCHEMA {schema} TO tenant")
    server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO tenant")
    reader = open_store(over_tcp(server, schema), **given)
    assert schema_version(reader) == len(MIGRATIONS)
    with pytest.raises(UnfitProblem, match="this user may not do that"), reader.write() as rows:
        rows.run(INSERT, ("a",))


def test_a_server_that_only_reads(server: Server, open_store, store, schema: str) -> None:
    """As a standby does."""
    url = server.url(schema) + " options='-c default_transaction_read_only=on'"
    with pytest.raises(UnfitProblem, match="the server only reads"), open_store(url).write() as rows:
        rows.run(INSERT, ("a",))


def test_a_database_of_another_encoding(server: Server, open_store, schema: str) -> None:
    server.execute("CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0")
    with pytest.raises(UnfitProblem, match="holds text as LATIN1"):
        open_store(server.url(schema, dbname="latin"), create=True)


def test_a_newer_schema_is_refused(store) -> None:
    with store.write() as rows:
        rows.run("UPDATE meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(UnfitProblem, match="newer than this program's"):
        migrate(store)
    with pytest.raises(UnfitProblem, match="another version"):
        Journal(store)


@pytest.mark.parametrize("name", ["statement_timeout", "idle_in_transaction_session_timeout"])
def test_limits_for_what_people_do_by_hand_are_not_ours(server: Server, open_store, store, schema, name: str) -> None:
    """A journal is copied in one transaction, in which this side may be silent for long."""
    with open_store(server.url(schema) + f" options='-c {name}=1min'").read() as rows:
        assert rows.one("SELECT current_setting(?)", (name,)) == ("0",)


def test_a_pooler_that_mixes_sessions_is_found_out(open_store, store, names, put) -> None:
    """Its client goes on in a session that is reset, or somebody else's, with another schema perhaps."""
    put(store, "a")
    for statement in ("DISCARD ALL", "SET shanyrak.session = 'another'"):
        for act in (lambda: put(store, "b"), lambda: names(store), store.version):
            store._connected().db.execute(statement)
            with pytest.raises(UnfitProblem) as raised:
                act()
            assert "a pooler" in line(raised.value) and "nothing was written" in line(raised.value)
            store._connected().db.close()
    assert names(store) == {"a"}


def test_a_lock_that_is_kept(open_store, store, names, put) -> None:
    """By another connection, for longer than is waited for; then it goes on."""
    other = open_store(wait_s=0.2)
    with store.write() as rows:
        rows.run(INSERT, ("a",))
        with pytest.raises(Busy) as raised, other.write() as refused:
            refused.run(INSERT, ("b",))
    assert "another writer has kept it locked" in line(raised.value)
    put(other, "c")
    assert names(store) == {"a", "c"}


def test_a_row_that_is_there_already_is_damage(store) -> None:
    with pytest.raises(Damaged, match="contradicts itself"), store.write() as rows:
        rows.many(INSERT, [("a",), ("a",)])


def test_a_defect_stays_what_it_is(store, names, put) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), store.write() as rows:
        rows.run(INSERT, ("a",))
        rows.run("SELECT 1 FROM no_such_table")
    put(store, "b")
    assert names(store) == {"b"}


def test_one_that_is_swallowed_does_not_pass_for_a_commit(store, names) -> None:
    """After an error the transaction is void, whatever its caller thinks."""

    def careless(rows: Rows) -> None:
        rows.run(INSERT, ("a",))
        with pytest.raises(psycopg.errors.UndefinedTable):
            rows.run("SELECT 1 FROM no_such_table")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction), store.write() as rows:
        careless(rows)
    assert names(store) == set()


def test_a_cluster_that_does_not_sync_is_named(server: Server, store) -> None:
    assert store.damage() == []
    server.execute("ALTER SYSTEM SET full_page_writes = off")
    server.execute("SELECT pg_reload_conf()")
    try:
        until = threading.Event()
        for _ in range(600):
            if store.damage():
                break
            until.wait(0.1)
        assert store.damage() == [
            "the server runs with full_page_writes = off: a crash of its machine would tear the journal"
        ]
    finally:
        server.execute("ALTER SYSTEM RESET full_page_writes")
        server.execute("SELECT pg_reload_conf()")


@pytest.fixture
def small(server: Server) -> Iterator[Disk]:
    """A tablespace `small` on a file system of its own."""
    with small_disk("24m") as disk:
        at = disk.at / "space"
        at.mkdir()
        if server.user:
            shutil.chown(at, server.user)
        server.execute(f"CREATE TABLESPACE small LOCATION '{at}'")
        yield disk
        server.execute("DROP TABLESPACE small")


def test_a_full_disk(server: Server, small: Disk, open_store, put, names, schema: str) -> None:
    """What was acknowledged stays, nothing of what was not, and with room it goes on."""
    store = open_store(server.url(schema) + " options='-c default_tablespace=small'", create=True)
    migrate(store)
    small.fill(leave=16 << 20)
    said: set[str] = set()
    with pytest.raises(UnfitProblem) as raised:
        for number in range(1000):
            with store.write() as rows:
                rows.many("INSERT INTO setting VALUES (?, ?)", [(f"{number}.{n}", "x" * 7000) for n in range(10)])
                rows.run("UPDATE setting SET value = ? WHERE name = ?", (secrets.token_hex(50_000), f"{number}.0"))
            said |= {f"{number}.{n}" for n in range(10)}
    assert "the server's disk is full; nothing was written" in line(raised.value)
    assert said and names(store) == said
    small.clear()
    put(store, "after")
    assert names(store) == {*said, "after"} and store.damage() == []
    server.execute(f"DROP SCHEMA {schema} CASCADE")
