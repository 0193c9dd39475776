"""Double entry: amounts move, nothing comes from nothing, and each kind of corruption is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shanyrak.journal.accounts import HELD, LEFT, POOL, USED, Move, Totals, balance, faults, post, quick_faults, totals
from shanyrak.journal.store import Damaged, Store

C, G = "cpu-second", "gpu-second"


def test_post_moves_between_pots(store: Store) -> None:
    with store.write() as rows:
        post(rows, 1, [Move(POOL, LEFT, 1, C, 100), Move(POOL, LEFT, 2, G, 50)])
        post(rows, 2, [Move(LEFT, HELD, 1, C, 30), Move(LEFT, HELD, 1, C, 0)])
        post(rows, 3, [Move(HELD, USED, 1, C, 10), Move(HELD, LEFT, 1, C, 20)])
        assert [balance(rows, 1, pot) for pot in (LEFT, HELD, USED)] == [90, 0, 10]
        assert totals(rows) == {C: Totals(100, 0, 10, 90), G: Totals(50, 0, 0, 50)}
        assert rows.all("SELECT seq, line FROM entry ORDER BY 1, 2") == [(1, 0), (1, 1), (2, 0), (3, 0), (3, 1)]
        assert quick_faults(rows) == []
        assert balance(rows, 9, LEFT) == 0


moves = st.lists(
    st.builds(
        Move,
        st.sampled_from([POOL, LEFT, HELD, USED]),
        st.sampled_from([POOL, LEFT, HELD, USED]),
        st.integers(1, 3),
        st.sampled_from([C, G]),
        st.integers(0, 2**50),
    ),
    max_size=20,
)


def test_any_moves_sum_to_nought(store: Store) -> None:
    @settings(deadline=None)  # a commit waits for a disk
    @given(moves)
    def check(sequence: list[Move]) -> None:
        with store.write() as rows:
            rows.run("DELETE FROM entry")
            rows.run("DELETE FROM balance")
            for seq in range(0, len(sequence), 3):
                post(rows, seq, sequence[seq : seq + 3])
            assert quick_faults(rows) == []
            expected = {unit: 0 for _, _, _, unit, amount in sequence if amount}
            for source, target, _, unit, amount in sequence:
                expected[unit] = expected.get(unit, 0) + amount * ((target == POOL) - (source == POOL))
            found = {unit: -total.issued for unit, total in totals(rows).items()}
            assert found == {unit: amount for unit, amount in expected.items() if unit in found}

    check()


def test_a_site_that_lived_balances(lived: Store) -> None:
    with lived.read() as rows:
        assert faults(rows) == []
        assert rows.one("SELECT COUNT(*) FROM hold") != (0,), "something lives, so that holds are proved too"
        assert rows.one("SELECT COUNT(*) FROM charge") != (0,)


CORRUPTIONS = {
    "a balance is raised": (
        "UPDATE balance SET amount = amount + 1 WHERE pot = 'left' AND credit = 1",
        "left of grant 1: entries say",
    ),
    "a used amount is lowered": (
        "UPDATE balance SET amount = amount - 1 WHERE pot = 'used' AND credit = 1",
        "used of grant 1: entries say",
    ),
    "the pool is touched": (
        "UPDATE balance SET amount = amount - 5 WHERE pot = 'pool'",
        "pool of grant 0: entries say",
    ),
    "an entry is raised": ("UPDATE entry SET amount = amount + 7 WHERE target = 'used'", "used of grant"),
    "an entry is gone": ("DELETE FROM entry WHERE target = 'used'", "used of grant"),
    "an entry names another grant": ("UPDATE entry SET credit = 1 WHERE credit = 2", "left of grant 1: entries say"),
    "a charge is raised": ("UPDATE charge SET amount = amount + 1", "units x"),
    "a charge is raised by its own formula": ("UPDATE charge SET amount = 2 * amount, ms = 2 * ms", "is not used"),
    "a charge is gone": ("DELETE FROM charge WHERE token IN (SELECT MIN(token) FROM charge)", "is not used"),
    "a hold is raised": ("UPDATE hold SET amount = amount + 1", "is not what lives"),
    "a hold is gone": ("DELETE FROM hold", "is not what lives (0)"),
    "a hold outlives its attempt": ("UPDATE attempt SET open = 0", "which does not live"),
    "held is below nought": (
        "UPDATE balance SET amount = -1 WHERE pot = 'held' AND credit = 2",
        "held of grant 2 is below zero",
    ),
}


@pytest.mark.parametrize("case", CORRUPTIONS)
def test_each_corruption_is_named(lived: Store, case: str) -> None:
    statement, words = CORRUPTIONS[case]
    with lived.write() as rows:
        assert rows.run(statement) > 0
        found = faults(rows)
    assert any(words in fault for fault in found), found


def test_every_read_notices_what_does_not_sum_up(lived: Store) -> None:
    with lived.write() as rows:
        rows.run("UPDATE balance SET amount = amount + 1 WHERE pot = 'left' AND credit = 1")
        (fault,) = quick_faults(rows)
    assert fault.startswith("cpu-second: issued 110000 is not used ")


def test_a_part_is_charged_once(lived: Store) -> None:
    with pytest.raises(Damaged, match="contradicts itself .*charge"), lived.write() as rows:
        rows.run("INSERT INTO charge SELECT * FROM charge")
