"""The state machine: exactly the moves that the design draws."""

import itertools

import pytest
from shanyrak.model.states import ENDED, LIVE, MOVES, IllegalMove, check_move

END = {"done", "failed", "lost"}
DRAWN = {
    "submitted": {"queued", "refused"},
    "queued": {"starting", "cancelled", "expired"},
    "starting": {"running", "queued", "stopping"} | END,
    "running": {"stopping", "queued"} | END,
    "stopping": {"queued", "cancelled"} | END,
}


def test_moves_are_those_of_the_design() -> None:
    assert {state: set(moves) for state, moves in MOVES.items() if moves} == DRAWN
    assert {*END, "refused", "cancelled", "expired"} == set(ENDED)
    assert sorted(LIVE) == ["running", "starting", "stopping"]
    assert set(MOVES) == set(DRAWN) | ENDED


@pytest.mark.parametrize(("old", "new"), list(itertools.product(sorted(MOVES), sorted(MOVES))))
def test_every_pair_is_legal_or_refused(old: str, new: str) -> None:
    if old == new or new in DRAWN.get(old, ()):
        check_move(old, new)
    else:
        with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
            check_move(old, new)
