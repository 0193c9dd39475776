"""`verify`: each proof by itself, also on a journal that is damaged."""

from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.proofs import verify
from shanyrak.testing.fakes import Bench


@pytest.fixture
def damaged(tmp_path: Path) -> Bench:
    """A bench that is not held to be sound at the end."""
    bench = Bench(tmp_path / "site")
    bench.fund("p")
    bench.run()
    return bench


def failing(bench: Bench) -> dict[str, list[str]]:
    return {p["proof"]: p["faults"] for p in verify(bench.folder, bench.manager()) if not p["holds"]}


def test_a_sound_one_holds_in_four_proofs(bench: Bench) -> None:
    proofs = verify(bench.folder, bench.manager())
    assert [p["holds"] for p in proofs] == [True] * 4


@pytest.mark.parametrize(
    ("statement", "proofs"),
    [
        ("UPDATE event SET actor = 'x' WHERE seq = 3", {"each event follows from the one before (hash chain)"}),
        ("UPDATE node SET drained = 1", {"the tables are the fold of the events"}),
        (
            "UPDATE balance SET amount = amount + 1 WHERE pot = 'left'",
            {"the tables are the fold of the events", "the account balances"},
        ),
    ],
)
def test_each_damage_fails_its_own_proof(damaged: Bench, statement: str, proofs: set[str]) -> None:
    with damaged.site.journal.store.write() as rows:
        rows.run(statement)
    assert set(failing(damaged)) == proofs
    damaged.site.close()


def test_payloads_that_are_no_json_are_told_not_raised(damaged: Bench) -> None:
    with damaged.site.journal.store.write() as rows:
        rows.run("UPDATE event SET payload = '{' WHERE seq = 2")
    found = failing(damaged)
    assert found["the tables are the fold of the events"][0].startswith("the journal: an event in it is torn")
    assert len(found) == 2
    damaged.site.close()


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" * 9999)])
def test_one_that_cannot_be_opened_is_one_fault(damaged: Bench, damage: Any) -> None:
    damaged.site.close()
    for extra in ("-wal", "-shm"):
        Path(f"{damaged.folder / 'journal.db'}{extra}").unlink(missing_ok=True)
    damage(damaged.folder / "journal.db")
    assert list(failing(damaged)) == ["the journal can be opened"]
