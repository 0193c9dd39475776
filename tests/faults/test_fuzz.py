"""Requests of any shape: each is accepted, or is one clear line that names the field. Nothing else ever comes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from faultlab.house import House
from faultlab.invariants import sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shanyrak.control.admit import Receipt
from shanyrak.errors import Problem, RefusedProblem, UsageProblem
from shanyrak.model import states
from shanyrak.model.workload import Spec, parse_spec

FIELDS = tuple(Spec.model_fields)
HUGE = [0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**400]

texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "\0", "a\nb", "\ud800", "../..", "/", "0-3", "0-9%0", "9-0", "1h", "-1s", "1e9", "4G", "p"]
    ),
    st.integers(60, 140_000).map("x".__mul__),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(HUGE),
    st.floats(),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308]),
    texts,
    st.binary(max_size=8),
    st.dates(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(texts, st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)
likely = {
    "project": st.sampled_from(["p", "q", ""]),
    "command": st.lists(texts, min_size=1, max_size=3),
    "gpus": st.sampled_from([0, 1, *HUGE]),
    "cpus": st.sampled_from([0, 1, 3, 4, 5, *HUGE]),
    "mem": st.sampled_from(["64M", "8G", "9G", "1T", 0, 1, *HUGE]),
    "width": st.sampled_from([1, 2, *HUGE]),
    "walltime": st.sampled_from(["1s", "1h", "10000d", 0.5, *HUGE]),
    "array": st.from_regex(r"\A[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,4})?(%[0-9]{1,4})?\Z"),
    "after": st.lists(st.sampled_from([1, 2, 3, 99, *HUGE]), max_size=3),
    "key": texts,
    "env": st.dictionaries(texts, texts, max_size=3),
    "secrets": st.lists(texts, max_size=2),
    "retry": st.fixed_dictionaries({}, optional={"tries": values, "unfenced": values, "else": values}),
}
names = st.one_of(
    st.sampled_from(FIELDS), st.text(max_size=12), st.sampled_from(["gpu", "wall_time", "Project", "commands"])
)
minimal = st.just({"project": "p", "command": ["true"]})
sane = st.fixed_dictionaries(
    {"project": likely["project"], "command": likely["command"]},
    optional={name: one for name, one in likely.items() if name not in ("project", "command")},
)
fitting = st.fixed_dictionaries(
    {"project": st.just("p"), "command": st.just(["true"])},
    optional={
        "cpus": st.integers(0, 6),
        "gpus": st.integers(0, 1),
        "width": st.integers(1, 2),
        "mem": st.sampled_from(["1M", "4G", "9G"]),
        "walltime": st.sampled_from(["1s", "2h", "365d"]),
        "array": st.sampled_from(["0-9", "3", "0-99%5"]),
    },
)
odd = st.dictionaries(names, values, max_size=5)
requests = st.one_of(
    fitting,
    sane,
    odd,
    st.tuples(minimal, st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=2)).map(
        lambda two: two[0] | two[1]
    ),
    st.tuples(sane, odd).map(lambda two: two[0] | two[1]),
)


def clear(problem: Problem, data: dict[str, Any]) -> None:
    """One line, of bearable length, that names a field of the request or one that it lacks."""
    words = str(problem)
    assert len(words.splitlines()) == 1, words
    assert len(words) < 1000, words
    assert "Traceback" not in words
    assert "pydantic" not in words
    named = [
        name for name in {*map(str, data), *FIELDS} if name and (name[:100] in words or repr(name)[1:-1][:100] in words)
    ]
    named += [""] if "''" in words or "secret" in words else []
    assert named, f"no field is named: {words}"


def each(count: int, check: Callable[[dict[str, Any]], None]) -> None:
    """`check` for `count` requests."""
    quick = settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    quick(given(requests)(check))()


def test_parsing_accepts_or_names_the_field(scale):
    accepted = refused = 0

    def check(data: dict[str, Any]) -> None:
        nonlocal accepted, refused
        try:
            spec = parse_spec(data)
        except UsageProblem as problem:
            clear(problem, data)
            refused += 1
        else:
            assert Spec.model_validate(spec.model_dump(mode="json", exclude_defaults=True)) == spec, (
                "it changes in the journal"
            )
            accepted += 1

    each(scale.pick(400, 10_000), check)
    assert accepted
    assert refused
    print(f"{accepted} accepted, {refused} refused")


def test_submitting_accepts_or_says_why(house: House, scale):
    site = house.open()
    seen: dict[str, int] = {}

    def check(data: dict[str, Any]) -> None:
        try:
            receipt = site.submit(data)
        except (UsageProblem, RefusedProblem) as problem:
            clear(problem, data)
            what = type(problem).__name__
        else:
            assert isinstance(receipt, Receipt)
            assert receipt.state in states.MOVES
            assert receipt.reason
            assert receipt.words
            what = receipt.state
        seen[what] = seen.get(what, 0) + 1

    each(scale.pick(300, 10_000), check)
    assert len(site.ps(everything=True, reasons=False)) <= sum(seen.values())
    for row in site.ps(reasons=False):
        site.stop(row["id"])
    sound(house, site)
    site.close()
    assert seen["queued"]
    assert seen["refused"]
    assert seen["UsageProblem"]
    print(seen)
