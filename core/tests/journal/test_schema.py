"""Migrations: numbered, additive, once; a newer schema is refused."""

from pathlib import Path

import pytest
from shanyrak.errors import UnfitProblem
from shanyrak.journal.schema import FOLDED, MIGRATIONS, migrate, schema_version
from shanyrak.journal.sqlite import SqliteStore


def tables(store: SqliteStore) -> list[tuple[object, ...]]:
    with store.read() as rows:
        return rows.all("SELECT type, name, sql FROM sqlite_master ORDER BY name")


def test_again_changes_nothing(store: SqliteStore) -> None:
    before, version = tables(store), schema_version(store)
    migrate(store)
    assert tables(store) == before and schema_version(store) == version == len(MIGRATIONS)


def test_an_empty_file_is_version_nought(tmp_path: Path) -> None:
    fresh = SqliteStore(tmp_path / "new.db", create=True)
    assert schema_version(fresh) == 0
    migrate(fresh)
    assert schema_version(fresh) == len(MIGRATIONS)
    fresh.close()


def test_a_newer_one_is_refused_and_left_alone(store: SqliteStore) -> None:
    with store.write() as rows:
        rows.run("UPDATE meta SET value = '99' WHERE name = 'schema'")
    before = tables(store)
    with pytest.raises(UnfitProblem, match=r"schema 99 is newer than this program's \d+\. Upgrade shanyrak"):
        migrate(store)
    assert tables(store) == before


def test_a_migration_that_fails_leaves_the_version_before(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = (*MIGRATIONS, ("CREATE TABLE extra (id INTEGER)", "no such statement"))
    monkeypatch.setattr("shanyrak.journal.schema.MIGRATIONS", bad)
    before = tables(store)
    with pytest.raises(Exception, match="syntax error"):
        migrate(store)
    assert tables(store) == before and schema_version(store) == len(MIGRATIONS)
    monkeypatch.setattr("shanyrak.journal.schema.MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE extra (id INTEGER)",)))
    migrate(store)
    assert schema_version(store) == len(MIGRATIONS) + 1


def test_every_table_is_folded_or_named_as_not(store: SqliteStore) -> None:
    names = {str(name) for type_, name, _ in tables(store) if type_ == "table"}
    assert names == {*FOLDED, "event", "meta", "pulse"}
