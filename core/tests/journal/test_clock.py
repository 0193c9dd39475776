"""Ledger time never goes back, whatever the wall clock does, and steps are noticed."""

from hypothesis import given
from hypothesis import strategies as st
from shanyrak.journal.clock import STEP_MS
from shanyrak.journal.journal import Journal
from shanyrak.testing.fakes import VirtualClock

HOUR, DAY = 3_600_000, 86_400_000


def test_follows_the_wall() -> None:
    time = VirtualClock()
    clock = time.ledger()
    begun = clock.now()
    time.advance(1_234)
    assert clock.now() == begun + 1_234 == time.wall
    assert clock.take_step() == 0


def test_goes_on_by_the_monotonic_clock_when_the_wall_goes_back() -> None:
    time = VirtualClock()
    clock = time.ledger()
    begun = clock.now()
    time.step(-HOUR)
    assert clock.now() == begun
    time.advance(500)
    assert clock.now() == begun + 500
    assert clock.take_step() == -HOUR
    assert clock.take_step() == 0, "told once"


def test_goes_forward_with_the_wall_and_stays_there() -> None:
    time = VirtualClock()
    clock = time.ledger()
    begun = clock.now()
    time.step(DAY)
    assert clock.now() == begun + DAY
    time.step(-DAY)
    assert clock.now() == begun + DAY
    assert clock.take_step() == 0, "back where it was: nothing to tell"


def test_is_never_before_the_journal() -> None:
    time = VirtualClock()
    clock = time.ledger()
    assert clock.now(time.wall + DAY) == time.wall + DAY
    time.advance(10)
    assert clock.now() == time.wall + DAY


def test_small_drift_is_no_step_and_adds_up() -> None:
    time = VirtualClock()
    clock = time.ledger()
    for _ in range(4):
        time.step(STEP_MS // 4)
        clock.now()
    assert clock.take_step() == 4 * (STEP_MS // 4)
    time.step(STEP_MS - 1)
    clock.now()
    assert clock.take_step() == 0


moves = st.lists(st.tuples(st.integers(0, DAY), st.integers(-DAY, DAY), st.integers(0, DAY)), max_size=30)


@given(moves)
def test_never_back_for_any_sequence(sequence: list[tuple[int, int, int]]) -> None:
    time = VirtualClock()
    clock = time.ledger()
    before, mono = clock.now(), time.mono
    for passed, stepped, last in sequence:
        time.advance(passed)
        time.step(stepped)
        now = clock.now(time.wall - DAY + last)
        assert now >= before + (time.mono - mono), "at least the time that passed"
        assert now >= time.wall
        before, mono = now, time.mono


def test_one_transaction_has_one_time_and_later_ones_are_not_earlier(journal: Journal, clock: VirtualClock) -> None:
    def event() -> int:
        with journal.write("me") as writer:
            clock.advance(7)
            writer.append("settings.changed", "site", {"settings": {"a": "1"}})
            clock.step(-HOUR)
            writer.append("settings.changed", "site", {"settings": {"a": "2"}})
            return writer.now

    first, second = event(), event()
    assert second > first
    with journal.read() as rows:
        assert rows.all("SELECT time FROM event ORDER BY seq") == [(first,), (first,), (second,), (second,)]


def test_another_process_with_a_clock_behind_writes_no_earlier_time(journal: Journal, clock: VirtualClock) -> None:
    with journal.write("me") as writer:
        writer.append("settings.changed", "site", {"settings": {}})
        newest = writer.now
    behind = Journal(journal.store, VirtualClock(clock.wall - HOUR).ledger())
    assert behind.now() == newest
    with behind.write("other") as writer:
        assert writer.now == newest
