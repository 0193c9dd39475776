"""A site whose journal is in PostgreSQL, from `init` to a restored backup, by the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from shanyrak.quickstart.plan import WORKLOADS
from shanyrak.testing.storework import harness_of


@pytest.fixture
def elsewhere(tmp_path) -> Iterator[str]:
    """The URL of a new store."""
    harness = harness_of("postgres", tmp_path)
    yield harness.url()
    harness.close()


def test_a_site_from_init_to_a_restored_backup(shanyrak, elsewhere, tmp_path):
    shanyrak.bare("init", shanyrak.folder, "--nodes", "1x4", "--unit", "cpu", "--store", elsewhere)
    assert not list(shanyrak.folder.glob("journal.db*"))
    again = shanyrak.bare("init", tmp_path / "other", "--nodes", "1x4", "--unit", "cpu", "--store", elsewhere, code=6)
    assert "it holds a journal already" in again.line
    assert not (tmp_path / "other").exists(), "the same can be asked for with another schema"
    shanyrak("project", "add", "ada", "--sector", "startup", "--org", "Ada")
    shanyrak("grant", "add", "ada", "100", "cpu-hour")
    shanyrak.run("--", "echo", "salem")
    shanyrak.run("--array", "0-3%2", "--", "true")
    process = shanyrak.up()
    shanyrak.until(lambda: not shanyrak("ps", "--json").json, "all of it has run")
    assert "one is already running" in shanyrak("store", "copy", elsewhere, "sqlite:copy.db", code=6).line
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert {row["state"] for row in shanyrak("ps", "--all", "--json").json} == {"done"}
    assert shanyrak("account", "check", "--json").json["balanced"]
    assert shanyrak("verify", "--json").json["holds"]
    found = shanyrak("store", "info", "--json").json
    assert found["url"] == elsewhere and found["bytes"] > 0

    copied = shanyrak("store", "copy", elsewhere, "sqlite:copy.db", "--json").json
    assert copied["events"] == found["events"]
    shanyrak("backup", tmp_path / "b.tar")
    said = shanyrak.bare("restore", tmp_path / "b.tar", tmp_path / "again").out
    assert "The journal is in sqlite:journal.db now" in said
    kept = shanyrak.bare("-C", tmp_path / "again", "account", "--json").json
    assert kept == shanyrak("account", "--json").json
    assert shanyrak.bare("-C", tmp_path / "again", "verify", "--json").json["holds"]


@pytest.mark.engines
def test_the_first_run_there_ends_as_planned(shanyrak, elsewhere):
    """The same work, with the same ends, as on SQLite; every decision can be taken again."""
    shanyrak.bare("init", shanyrak.folder, "--nodes", "1x8", "--unit", "cpu", "--store", elsewhere)
    found = shanyrak.bare("quickstart", "--dir", shanyrak.folder, "--json").json
    reasons = {"done": "ok", "failed": "exit", "walltime": "walltime", "refused": "grant"}
    ends = {row["name"]: row["reason"] for row in found["workloads"]}
    assert ends == {work.label: reasons[work.expected] for work in WORKLOADS}
    assert found["account"]["balanced"] and shanyrak("verify", "--json").json["holds"]
    assert shanyrak("verify", "decisions", "--json").json["holds"]
