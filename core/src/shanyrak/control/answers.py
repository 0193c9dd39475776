"""What engines and meters answer, checked before anything is made of it: they are plugins and may answer anything.

An attempt of which nothing sound was said counts as `unknown`, a launch as not answered; of nodes all are sound or none;
a sample that is unsound as one that was not given. Characters that no journal keeps are made harmless here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shanyrak.exchange import Launch, Launched, Node, Sample, Seen, Stretch
from shanyrak.model.quantities import LARGEST
from shanyrak.texts import harmless_record

STATES = frozenset({"pending", "running", "ended", "absent", "unknown"})
METHODS = frozenset({"measured", "modelled"})
_NUMBERS = ("started_ms", "ended_ms", "ran_ms", "signal", "cpu_ms", "peak_memory")
_WORDS = 4096


def seen(tokens: Sequence[str], answer: Any) -> tuple[list[Seen], str]:
    """One `Seen` for each token in the order asked, and what was wrong with the answer, if anything was."""
    known: dict[str, Seen] = {}
    wrong = ""
    for one in answer:
        fault = _seen_fault(one)
        if fault:
            wrong = wrong or fault
        else:
            known[one.token] = harmless_record(one)
    missing = next((token for token in tokens if token not in known), "")
    if missing and not wrong:
        wrong = f"it says nothing of {missing}"
    return [known.get(token) or Seen(token, "unknown") for token in tokens], wrong


def launched(launches: Sequence[Launch], answer: Any) -> tuple[list[Launched], str]:
    """The sound answers to these launches, one a token, and what was wrong with the others."""
    asked = {launch.token for launch in launches}
    known: dict[str, Launched] = {}
    wrong = ""
    for one in answer:
        sound = isinstance(one, Launched) and _texts(one.handle, one.refused, *one.isolation)
        if sound and one.token in asked:
            known[one.token] = harmless_record(one)
        else:
            wrong = wrong or f"it answered {_short(one)}"
    return list(known.values()), wrong or ("" if len(known) == len(asked) else "it left launches without an answer")


def nodes(answer: Any) -> tuple[list[Node], str]:
    """The nodes. Raises ValueError when one is unsound: a node that is left out would count as gone."""
    found = list(answer)
    for one in found:
        if not (isinstance(one, Node) and _texts(one.name, one.reason) and _numbers(one.units, one.cpus, one.memory)):
            raise ValueError(f"it answered {_short(one)}")
    return [harmless_record(one) for one in found], ""


def samples(stretches: Sequence[Stretch], answer: Any) -> tuple[dict[str, Sample], str]:
    """The sound samples by token, and what was wrong with the others."""
    asked = {stretch.token: stretch for stretch in stretches}
    known: dict[str, Sample] = {}
    wrong = ""
    for one in answer:
        fault = _sample_fault(one, asked, known)
        if fault:
            wrong = wrong or fault
        else:
            known[one.token] = harmless_record(one)
    return known, wrong


def _sample_fault(one: Any, asked: Mapping[str, Stretch], known: Mapping[str, Sample]) -> str:
    if not isinstance(one, Sample):
        return f"it answered {_short(one)}, not a Sample"
    if one.token not in asked or one.token in known:
        return f"it says something of {_short(one.token)}" + (
            " twice" if one.token in known else ", which nobody asked"
        )
    if not _numbers(one.amount, one.covered_ms):
        return f"a number it gives for {one.token} is not a whole one from 0"
    if one.covered_ms > asked[one.token].ran_ms:
        return f"it covers {one.covered_ms} ms of {one.token}, which ran {asked[one.token].ran_ms} ms"
    if one.method not in METHODS:
        return f"it says that {one.token} was {_short(one.method)}: `measured` or `modelled`"
    return "" if _texts(one.words) else f"a text it gives for {one.token} is none"


def _seen_fault(one: Any) -> str:
    if not isinstance(one, Seen):
        return f"it answered {_short(one)}, not a Seen"
    if one.state not in STATES:
        return f"it says that {one.token} is {_short(one.state)}"
    if not _numbers(*(getattr(one, name) for name in _NUMBERS)):
        return f"a number it gives for {one.token} is not a whole one from 0"
    code = one.exit_code
    if code is not None and (type(code) is not int or abs(code) > LARGEST):
        return f"the exit code it gives for {one.token} is {_short(code)}"
    return "" if _texts(one.cause, one.words, *one.isolation) else f"a text it gives for {one.token} is none"


def _numbers(*values: Any) -> bool:
    return all(type(value) is int and 0 <= value <= LARGEST for value in values)


def _texts(*values: Any) -> bool:
    """Whether each is text, and not endless."""
    return all(isinstance(value, str) and len(value) <= _WORDS for value in values)


def _short(value: Any) -> str:
    try:
        return repr(value)[:80]
    except Exception:
        return f"a {type(value).__name__}"
