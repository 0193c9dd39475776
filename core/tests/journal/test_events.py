"""Canonical JSON and the hash chain."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.journal.events import GENESIS, Event, canonical, chain
from shanyrak.journal.journal import Journal, chain_faults, events
from shanyrak.journal.store import Store

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=5))
def test_canonical_is_one_text_for_one_value(value: dict[str, object]) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(dict(reversed(value.items()))) == text
    assert canonical(json.loads(text)) == text


def test_canonical_has_no_blanks_and_sorted_keys() -> None:
    assert canonical({"b": [1, 2], "a": "қазақ"}) == '{"a":"қазақ","b":[1,2]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number: float) -> None:
    with pytest.raises(ValueError):
        canonical({"x": number})


def test_the_hash_is_what_the_contract_says() -> None:
    body = f"{GENESIS}|1|5|2:me|4:t.ype|2:42|{{}}"
    assert chain(GENESIS, 1, 5, "me", "t.ype", "42", "{}") != hashlib.sha256(body.encode()).hexdigest(), "length"
    body = f"{GENESIS}|1|5|2:me|5:t.ype|2:42|{{}}"
    assert chain(GENESIS, 1, 5, "me", "t.ype", "42", "{}") == hashlib.sha256(body.encode()).hexdigest()


fields = st.tuples(
    st.integers(1, 99), st.integers(0, 99), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4)
)


@given(fields, fields)
def test_no_field_leaks_into_another(
    one: tuple[int, int, str, str, str], other: tuple[int, int, str, str, str]
) -> None:
    same = chain(GENESIS, *one, "{}") == chain(GENESIS, *other, "{}")
    assert same == (one == other)


def test_events_are_numbered_from_one_and_chained(journal: Journal) -> None:
    for name in ("a", "b"):
        with journal.write("me") as writer:
            assert writer.append("settings.changed", "site", {"settings": {name: "1"}}) == writer.seq
    with journal.read() as rows:
        one, two = events(rows)
        assert (one.seq, two.seq) == (1, 2)
        assert one.hash == chain(GENESIS, *one[:6])
        assert two.hash == chain(one.hash, *two[:6])
        assert events(rows, after=1) == [two] and events(rows, limit=1) == [one]
    assert one.data() == {"settings": {"a": "1"}}
    assert one.public()["payload"] == {"settings": {"a": "1"}} and one.public()["actor"] == "me"


TAMPER = {
    "time": "UPDATE event SET time = time + 1 WHERE seq = ?",
    "actor": "UPDATE event SET actor = 'somebody else' WHERE seq = ?",
    "type": "UPDATE event SET type = 'grant.opened' WHERE seq = ?",
    "subject": "UPDATE event SET subject = subject || '0' WHERE seq = ?",
    "payload": "UPDATE event SET payload = replace(payload, '\"', ' \"') WHERE seq = ?",
    "hash": "UPDATE event SET hash = CASE substr(hash, 1, 1) WHEN '0' THEN '1' ELSE '0' END || substr(hash, 2) WHERE seq = ?",
}


@pytest.mark.parametrize("field", TAMPER)
@pytest.mark.parametrize("seq", [1, 4])
def test_an_altered_event_is_named(lived: Store, field: str, seq: int) -> None:
    with lived.read() as rows:
        assert chain_faults(rows) == []
    with lived.write() as rows:
        assert rows.run(TAMPER[field], (seq,)) == 1
    with lived.read() as rows:
        (fault,) = chain_faults(rows)
    assert fault.startswith(f"event {seq} (") and "altered" in fault


def test_a_missing_event_is_named(lived: Store) -> None:
    with lived.write() as rows:
        rows.run("DELETE FROM event WHERE seq = 5")
        assert chain_faults(rows) == ["event 5 is missing (the next one is 6)"]


def test_an_exchanged_pair_is_named(lived: Store) -> None:
    with lived.write() as rows:
        for old, new in ((3, -1), (4, 3), (-1, 4)):
            rows.run("UPDATE event SET seq = ? WHERE seq = ?", (new, old))
        (fault,) = chain_faults(rows)
        assert fault.startswith("event 3 (")


def test_a_proof_in_parts_is_the_same(lived: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shanyrak.journal.schema.PART", 3)
    with lived.write() as rows:
        assert chain_faults(rows) == []
        rows.run("UPDATE event SET time = time + 1 WHERE seq = 7")
        assert chain_faults(rows)[0].startswith("event 7 (")


def test_an_empty_journal_has_no_fault(store: Store) -> None:
    with store.read() as rows:
        assert chain_faults(rows) == []


def test_an_event_is_plain() -> None:
    assert Event(1, 2, "a", "t", "s", '{"x":1}', "h").public() == {
        "seq": 1, "time": 2, "actor": "a", "type": "t", "subject": "s", "payload": {"x": 1}, "hash": "h"
    }  # fmt: skip
