"""One transaction: its events and what they change become durable together, or not at all."""

from pathlib import Path

import pytest
from shanyrak.errors import UnfitProblem
from shanyrak.journal.journal import Journal, events
from shanyrak.journal.store import Store


class Cut(Exception):
    """The caller fails in the middle."""


def setting(journal: Journal, name: str) -> str | None:
    with journal.read() as rows:
        found = rows.one("SELECT value FROM setting WHERE name = ?", (name,))
        return found[0] if found else None


def test_tables_change_with_their_events(journal: Journal) -> None:
    with journal.write("me") as writer:
        writer.append("settings.changed", "site", {"settings": {"a": "1", "b": "2"}})
    assert (setting(journal, "a"), setting(journal, "b")) == ("1", "2")


def test_nothing_stays_of_a_transaction_that_fails(journal: Journal) -> None:
    with pytest.raises(Cut), journal.write("me") as writer:
        for number in range(600):  # more than are inserted at once
            writer.append("settings.changed", "site", {"settings": {f"n{number}": "1"}})
        raise Cut
    assert setting(journal, "n0") is None
    with journal.write("me") as writer:
        assert writer.append("settings.changed", "site", {"settings": {"a": "1"}}) == 1
    with journal.read() as rows:
        assert [event.seq for event in events(rows)] == [1]


def test_an_event_that_cannot_be_applied_takes_the_transaction_with_it(journal: Journal) -> None:
    with pytest.raises(KeyError), journal.write("me") as writer:
        writer.append("settings.changed", "site", {"settings": {"a": "1"}})
        writer.append("no.such", "site", {})
    assert setting(journal, "a") is None
    with journal.read() as rows:
        assert events(rows) == []


def test_flush_lets_the_transaction_see_its_own_events(journal: Journal) -> None:
    with journal.write("me") as writer:
        writer.append("settings.changed", "site", {"settings": {}}, actor="other")
        writer.flush()
        assert [event.actor for event in events(writer.rows)] == ["other"]
        writer.append("settings.changed", "site", {"settings": {}})
    with journal.read() as rows:
        assert [event.actor for event in events(rows)] == ["other", "me"]


def test_a_reader_sees_one_snapshot(journal: Journal, home, tmp_path: Path) -> None:
    other = Journal(home.open(tmp_path), journal.clock)
    with other.read() as rows:
        assert events(rows) == []
        with journal.write("me") as writer:
            writer.append("settings.changed", "site", {"settings": {"a": "1"}})
        assert events(rows) == [] and rows.all("SELECT * FROM setting") == []
    assert setting(other, "a") == "1"
    other.store.close()


def test_a_journal_of_another_schema_is_refused(store: Store) -> None:
    with store.write() as rows:
        rows.run("UPDATE meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(UnfitProblem, match="another version"):
        Journal(store)
