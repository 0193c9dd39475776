"""The spec of a workload: each field's limits, and errors that name the field."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shanyrak.errors import UsageProblem
from shanyrak.model.arrays import Array
from shanyrak.model.workload import Spec, check_id, parse_spec

LEAST = {"project": "p", "command": ["true"]}


def spec(**more: Any) -> Spec:
    return parse_spec({**LEAST, **more})


def wrong(**more: Any) -> UsageProblem:
    with pytest.raises(UsageProblem) as caught:
        parse_spec({**LEAST, **more})
    return caught.value


def test_defaults() -> None:
    least = spec()
    assert (least.width, least.walltime, least.retry.tries, least.retry.unfenced) == (1, 0, 3, False)
    assert least.tasks == Array() and least.network is False
    assert least.asked() == LEAST


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("project", "", "at least 1 character"),
        ("project", "x" * 65, "at most 64"),
        ("project", 3, "string"),
        ("command", [], "at least 1 item"),
        ("command", [" "], "program's name is empty"),
        ("command", "true", "tuple"),
        ("command", ["a\0b"], "zero byte"),
        ("command", ["a", "\ud800"], "surrogate"),
        ("command", ["x" * 131_073], "at most 131072"),
        ("command", ["x"] * 10_001, "at most 10000"),
        ("name", "x" * 129, "at most 128"),
        ("name", "a\0", "zero byte"),
        ("gpus", -1, "greater than or equal to 0"),
        ("gpus", "2", "integer"),
        ("gpus", True, "integer"),
        ("gpus", 1.5, "integer"),
        ("cpus", 1_000_001, "less than or equal to 1000000"),
        ("mem", "4X", "`512M` or `4G`"),
        ("mem", 0, "above zero"),
        ("mem", -5, "above zero"),
        ("width", 0, "greater than or equal to 1"),
        ("width", 100_001, "less than or equal to 100000"),
        ("walltime", 0, "above zero"),
        ("walltime", "soon", "`90s`, `10m`"),
        ("walltime", -1, "above zero"),
        ("term", "-1:30", "`90s`, `10m`"),
        ("array", "5-1", "backwards"),
        ("array", "0-9%0", "after %"),
        ("after", [0], "above zero"),
        ("after", [2**53], "above zero"),
        ("after", list(range(1, 1002)), "at most 1000"),
        ("key", "x" * 201, "at most 200"),
        ("env", {"1A": "x"}, "not a variable's name"),
        ("env", {"A=B": "x"}, "not a variable's name"),
        ("env", {"": "x"}, "not a variable's name"),
        ("env", {"A": "x\0"}, "zero byte"),
        ("env", {"A": 1}, "string"),
        ("env", {f"A{i}": "" for i in range(1001)}, "more than 1,000"),
        ("secrets", ["../x"], "not a secret's name"),
        ("secrets", ["a/b"], "not a secret's name"),
        ("cwd", "/" + "x" * 4096, "at most 4096"),
        ("outputs", ["/" + "x" * 4096], "at most 4096"),
        ("pool", "x" * 65, "at most 64"),
        ("project", "\ud800", "surrogate"),
        ("cwd", "here", "not an absolute path"),
        ("outputs", ["/ok", "no"], "not an absolute path"),
        ("network", "maybe", "boolean"),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_field(field: str, value: Any, words: str) -> None:
    problem = wrong(**{field: value})
    assert f"field '{field}" in problem.what
    assert words in problem.why
    assert "\n" not in str(problem) and len(str(problem)) < 400


@pytest.mark.parametrize(("value", "words"), [({"tries": 0}, "equal to 1"), ({"tries": 101}, "equal to 100")])
def test_a_nested_field_is_named_whole(value: Any, words: str) -> None:
    problem = wrong(retry=value)
    assert "'retry.tries'" in problem.what and words in problem.why


def test_the_nearest_field_is_offered() -> None:
    assert wrong(walltme=5).fix == "did you mean 'walltime'?"
    assert wrong(retry={"trys": 2}).fix == "did you mean 'tries'?"
    assert wrong(zzzz=5).fix == ""
    assert "there is no such field" in wrong(zzzz=5).why


def test_missing_fields_are_named() -> None:
    with pytest.raises(UsageProblem, match="field 'project': it is missing. Give project"):
        parse_spec({"command": ["true"]})


def test_values_as_people_write_them() -> None:
    asked = spec(
        mem="4G", walltime="1h", term=90, array="1-4%2", after=[7, 7, 3], env={"A_1": ""}, command=("/bin/x", "y")
    )
    assert (asked.mem, asked.walltime, asked.term) == (4 << 30, 3_600_000, 90_000)
    assert asked.tasks == Array(((1, 4),), 2)
    assert asked.after == (7, 3)
    assert asked.title == "x" and spec(name="n").title == "n"


specs = st.fixed_dictionaries(
    {"project": st.just("p"), "command": st.lists(st.text("ab -", min_size=1), min_size=1).map(lambda c: ["x", *c])},
    optional={
        "walltime": st.one_of(st.integers(1, 3 * 10**8), st.sampled_from(["90s", "0.5s", "1:30", "1000d"])),
        "term": st.integers(1, 3 * 10**8),
        "mem": st.integers(1, 2**50),
        "gpus": st.integers(0, 8),
        "array": st.sampled_from(["", "0-9", "1,3%2"]),
        "after": st.lists(st.integers(1, 100)),
        "env": st.dictionaries(st.sampled_from("ABC"), st.text(max_size=5).filter(lambda t: "\0" not in t)),
        "retry": st.fixed_dictionaries({}, optional={"tries": st.integers(1, 9), "unfenced": st.booleans()}),
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs)
def test_what_the_journal_keeps_reads_as_the_same_spec(data: dict[str, Any]) -> None:
    asked = parse_spec(data)
    kept = json.loads(json.dumps(asked.asked()))
    assert parse_spec(kept).model_dump() == asked.model_dump()


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from([*Spec.model_fields, "walltme", "gpu"]) | st.text(max_size=20)


@settings(max_examples=400)
@given(st.dictionaries(keys, junk, max_size=6), st.booleans())
def test_any_request_is_a_spec_or_one_clear_line(data: dict[str, Any], whole: bool) -> None:
    request = {**LEAST, **data} if whole else data
    try:
        parse_spec(request)
    except UsageProblem as problem:
        assert problem.what.startswith("the request: field ")
        assert problem.why and "\n" not in problem.why
        assert "validation error" not in str(problem)


def test_ids() -> None:
    for good in ("a", "0x", "a.b_c-d", "z" * 64):
        assert check_id(good, "project") == good
    for bad in ("", "A", "-a", ".a", "a b", "ä", "a/b", "z" * 65, "a\n"):
        with pytest.raises(UsageProblem, match="project"):
            check_id(bad, "project")
