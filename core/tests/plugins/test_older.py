"""What plugins of API 1 are called with is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from shanyrak.control.workspace import open_store
from shanyrak.exchange import StoreContext
from shanyrak.journal.schema import migrate
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.plugins.older import OlderStore
from shanyrak.testing.distribution import write_plugin

STORE = "CALLS = []\n\ndef make(argument):\n    CALLS.append(argument)\n    return argument\n"
HOOK = "@hookimpl\ndef shanyrak_stores():\n    return [Store('old', 'A store.', 'x_tool_store:make')]\n"


@pytest.mark.parametrize("api", ["1", "2"])
def test_a_store_is_made_from_its_url_alone_or_from_a_context(house, tmp_path: Path, api: str) -> None:
    record = f"PLUGIN = Plugin('tool', {api!r}, 'A tool.')"
    write_plugin(house.folder, "tool", HOOK, record=record, more={"x_tool_store": STORE})
    made = open_store(tmp_path, "old:place", house.manager(), create=True, wait_s=3.0)
    expected = StoreContext("old:place", str(tmp_path), None, True, 3.0)
    assert (made.store if api == "1" else made) == ("old:place" if api == "1" else expected)


def test_a_store_of_api_1_gets_the_methods_that_came_later(tmp_path: Path) -> None:
    beneath = SqliteStore(tmp_path / "journal.db", create=True)
    migrate(beneath)
    made = OlderStore(beneath)
    assert "event" in made.tables() and made.size() == 0
    assert made.damage() == [] and made.version() == beneath.version()
    made.close()


def test_a_newer_api_is_incompatible(house) -> None:
    write_plugin(house.folder, "tool", record="PLUGIN = Plugin('tool', '3', 'New.')")
    assert house.states() == {"tool": "incompatible"}
