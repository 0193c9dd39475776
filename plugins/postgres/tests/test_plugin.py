"""The plugin as the core sees it, and what needs no server: records, settings, URLs, statements."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest
import shanyrak_postgres
from shanyrak.api import Problem, UnfitProblem, UsageProblem
from shanyrak_postgres.dialect import translated
from shanyrak_postgres.place import password, place
from shanyrak_postgres.settings import Settings


def test_the_records_name_what_exists() -> None:
    records = list(shanyrak_postgres.shanyrak_stores())
    assert [record.scheme for record in records] == ["postgres", "postgresql"]
    for target in {
        shanyrak_postgres.PLUGIN.settings,
        *(t for record in records for t in (record.target, record.harness)),
    }:
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_entry_point_imports_nothing_heavy() -> None:
    code = "import sys, shanyrak_postgres; print([m for m in ('pydantic', 'psycopg', 'ssl') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_settings_are_closed_and_explained() -> None:
    with pytest.raises(pydantic.ValidationError, match="pasword_file"):
        Settings.model_validate({"pasword_file": "x"})
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("url", "options", "schema"),
    [
        ("postgres:dbname=commons", {"dbname": "commons"}, "shanyrak"),
        ("postgres:dbname=commons host=h schema=astana", {"dbname": "commons", "host": "h"}, "astana"),
        ("postgresql:schema = 'astana' dbname=commons", {"dbname": "commons"}, "astana"),
        ("postgres:service=site options='-c work_mem=64MB'", {"service": "site", "options": "-c work_mem=64MB"}, "shanyrak"),
        ("postgresql://me@h:5433/commons?schema=astana&sslmode=verify-full",
         {"user": "me", "host": "h", "port": "5433", "dbname": "commons", "sslmode": "verify-full"}, "astana"),
        ("postgres:///commons?host=/run/postgresql", {"dbname": "commons", "host": "/run/postgresql"}, "shanyrak"),
        ("postgres:dbname=my_schema=x", {"dbname": "my_schema=x"}, "shanyrak"),
    ],
)  # fmt: skip
def test_where_a_url_points_to(url: str, options: dict[str, str], schema: str) -> None:
    assert place(url) == (url, options, schema)


@pytest.mark.parametrize(
    "url",
    [
        "postgres:dbname=x password=geheim",
        "postgresql://me:geheim@h/x",
        "postgresql://h/x?password=geheim",
        "postgres:dbname=x sslpassword=geheim",
        "postgres:dbname x geheim",
        "postgres:geheim=x",
        "postgresql://me:gehe im@h:port/x",
    ],
)
def test_a_password_is_neither_taken_nor_shown(url: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        place(url)
    assert "gehe" not in str(raised.value)


@pytest.mark.parametrize("schema", ["", "Astana", "pg_mine", "a-b", "a" * 64, '"', "1st"])
def test_a_name_that_is_none_for_a_schema(schema: str) -> None:
    with pytest.raises(UsageProblem, match="no name"):
        place(f"postgres:dbname=x schema='{schema}'")


def test_a_password_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "postgres"
    file.parent.mkdir()
    with pytest.raises(UnfitProblem, match="cannot be read"):
        password(str(tmp_path), "secrets/postgres")
    file.write_text("geheim\n")
    file.chmod(0o640)
    with pytest.raises(Problem, match="others may read it. Chmod 600"):
        password(str(tmp_path), "secrets/postgres")
    file.chmod(0o600)
    assert password(str(tmp_path), "secrets/postgres") == password(str(tmp_path), str(file)) == "geheim"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UnfitProblem, match="not UTF-8"):
        password(str(tmp_path), "secrets/postgres")
    assert password(str(tmp_path), "") == ""


def test_statements_are_translated() -> None:
    assert translated("SELECT a FROM t WHERE b = ? AND c LIKE 'x?%' AND \"d?\" = ?") == (
        b"SELECT a FROM t WHERE b = $1 AND c LIKE 'x?%' AND \"d?\" = $2"
    )
    assert translated("SELECT 'it''s ?', ?") == b"SELECT 'it''s ?', $1"
    assert translated("CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT NOT NULL)") == (
        b'CREATE TABLE t (id BIGINT PRIMARY KEY, n TEXT COLLATE "C" NOT NULL)'
    )
    assert translated("CREATE INDEX i ON t (n) WHERE n = 'TEXT'") == b"CREATE INDEX i ON t (n) WHERE n = 'TEXT'"
