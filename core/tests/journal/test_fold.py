"""fold(events) == tables, and what differs is named by its table."""

import pytest
from shanyrak.journal.journal import fold_faults
from shanyrak.journal.schema import FOLDED
from shanyrak.journal.sqlite import SqliteStore
from shanyrak.journal.store import Store


def test_a_site_that_lived_folds_to_its_tables(lived: Store, scratch: SqliteStore) -> None:
    with lived.read() as rows:
        assert fold_faults(rows, scratch) == []
        empty = [table for table in FOLDED if not rows.all(f'SELECT 1 FROM "{table}" LIMIT 1')]
    assert empty == ["promise"] or empty == [], "the site has rows in nearly every table, so this proves something"


EDITS = {
    "workload": "UPDATE workload SET state = 'done' WHERE state = 'cancelled'",
    "attempt": "UPDATE attempt SET exit_code = 0 WHERE exit_code = 3",
    "node": "UPDATE node SET drained = 0",
    "project": "DELETE FROM project WHERE id = 'q'",
    "member": "UPDATE member SET present = 1",
    "credit": "UPDATE credit SET until = 0",
    "entry": "UPDATE entry SET amount = amount + 1",
    "setting": "INSERT INTO setting VALUES ('paused', '1')",
    "window": 'UPDATE "window" SET present = 0',
    "dependency": "DELETE FROM dependency",
    "reading": "UPDATE reading SET amount = amount + 1",
    "imported": "UPDATE imported SET ran = ran - 1",
    "lease": "UPDATE lease SET epoch = epoch + 1",
}


@pytest.mark.parametrize("table", EDITS)
def test_a_table_edited_behind_the_journal_is_named(lived: Store, scratch: SqliteStore, table: str) -> None:
    with lived.write() as rows:
        assert rows.run(EDITS[table]) > 0
    with lived.read() as rows:
        found = fold_faults(rows, scratch)
    assert [fault for fault in found if fault.startswith(f"table {table} differs")], found
    assert len(found) == 1


def test_events_that_are_gone_are_noticed(lived: Store, scratch: SqliteStore) -> None:
    """The chain alone cannot tell that its newest events were cut off; the tables can."""
    with lived.write() as rows:
        rows.run("DELETE FROM event WHERE seq > (SELECT MAX(seq) - 3 FROM event)")
        assert fold_faults(rows, scratch) != []
