"""Migrations: numbered, additive, once; a newer schema is refused."""

from pathlib import Path

import pytest
from shanyrak.errors import UnfitProblem
from shanyrak.journal.schema import FOLDED, MIGRATIONS, TABLES, migrate, parts, schema_version
from shanyrak.journal.store import Store


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every table with its rows."""
    names = sorted(store.tables())
    with store.read() as rows:
        return {name: rows.all(f'SELECT * FROM "{name}"') for name in names}


def test_again_changes_nothing(store: Store) -> None:
    before, version = tables(store), schema_version(store)
    migrate(store)
    assert tables(store) == before and schema_version(store) == version == len(MIGRATIONS)


def test_an_empty_store_is_version_nought(home, tmp_path: Path) -> None:
    fresh = home.open(tmp_path, create=True)
    assert schema_version(fresh) == 0
    migrate(fresh)
    assert schema_version(fresh) == len(MIGRATIONS)
    fresh.close()


def test_a_newer_one_is_refused_and_left_alone(store: Store) -> None:
    with store.write() as rows:
        rows.run("UPDATE meta SET value = '99' WHERE name = 'schema'")
    before = tables(store)
    with pytest.raises(UnfitProblem, match=r"schema 99 is newer than this program's \d+\. Upgrade shanyrak"):
        migrate(store)
    assert tables(store) == before


def test_a_migration_that_fails_leaves_the_version_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = (*MIGRATIONS, ("CREATE TABLE extra (id INTEGER)", "no such statement"))
    monkeypatch.setattr("shanyrak.journal.schema.MIGRATIONS", bad)
    before = tables(store)
    with pytest.raises(Exception, match="syntax error"):
        migrate(store)
    assert tables(store) == before and schema_version(store) == len(MIGRATIONS)
    monkeypatch.setattr("shanyrak.journal.schema.MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE extra (id INTEGER)",)))
    migrate(store)
    assert schema_version(store) == len(MIGRATIONS) + 1


def test_every_table_is_folded_or_named_as_not(store: Store) -> None:
    assert store.tables() == {*FOLDED, "event", "meta", "pulse"} == TABLES.keys()


@pytest.mark.parametrize("part", [1, 2, 3, 10_000])
def test_every_row_comes_once_in_parts_of_any_size(lived: Store, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr("shanyrak.journal.schema.PART", part)
    with lived.read() as rows:
        for table, key in TABLES.items():
            found = [row for some in parts(rows, table) for row in some]
            assert found == rows.all(f'SELECT * FROM "{table}" ORDER BY {", ".join(key)}')
