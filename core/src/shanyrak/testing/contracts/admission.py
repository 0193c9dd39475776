"""What an admission rule is held to: pure, recomputable from the journal, explained, and never a reason to fail open."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from shanyrak.testing.trial import Trial

HOOK = "shanyrak_decide_admission"
CAPABILITIES: dict[str, str] = {}

HOUR = 3_600_000
MONDAY = 1_767_571_200_000
"""Monday, 5 January 2026, 00:00 UTC, in ms."""


def requests() -> list[dict[str, Any]]:
    """Requests of every size, sector and time of the week, as plain data."""
    sizes = ((1, 1, 1), (1, 8, 1), (64, 8, 1), (1, 1, 10_000))
    times = (MONDAY, MONDAY + 9 * HOUR, MONDAY + 23 * HOUR, MONDAY + 5 * 24 * HOUR + 12 * HOUR)
    walls = (1_000, 2 * HOUR, 30 * 24 * HOUR)
    sectors = ("startup", "university", "business", "public", "learner", "some-other")
    specs: tuple[dict[str, Any], ...] = (
        {},
        {"project": "p", "command": ["true"], "name": "n", "key": "k", "array": "0-9", "network": True, "term": HOUR},
        {"project": "p", "command": [], "name": "", "key": None, "after": [1, 2], "unheard-of": {"deep": [None]}},
    )
    found = []
    for size, at, wall, sector, (unit, spec) in itertools.product(
        sizes, times, walls, sectors, zip(("gpu-second", "cpu-second", "gpu-second"), specs, strict=True)
    ):
        width, units, tasks = size
        found.append(
            {
                "project": "p", "sector": sector, "actor": "someone", "pool": unit[:3], "unit": unit, "width": width,
                "units": units, "tasks": tasks, "walltime_ms": wall, "spec": spec, "now_ms": at,
            }
        )  # fmt: skip
    return found


REQUESTS = requests()


def ask(trial: Trial, asked: list[dict[str, Any]], clock: float = 1.6e9, **env: str) -> list[list[dict[str, Any]]]:
    """What the plugin, with its settings as they are by default, says of each in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "shanyrak.testing.judge", trial.name, str(clock)],
        input=json.dumps({"requests": asked, "settings": {}}), capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def answers(trial: Trial) -> list[list[dict[str, Any]]]:
    """What it says of all requests."""
    return ask(trial, REQUESTS)


def refusals(answers: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [refusal for answer in answers for refusal in answer]


def changed(asked: list[dict[str, Any]], before: list[Any], after: list[Any]) -> list[tuple[Any, Any, Any]]:
    """The first request that is judged otherwise, with both judgements: pytest would compare all of them for minutes."""
    pairs = zip(asked, before, after, strict=True)
    return [(request, one, other) for request, one, other in pairs if one != other][:1]


def test_it_judges_every_request_without_failing(trial: Trial, answers: list[list[dict[str, Any]]]) -> None:
    """One that raises is a refusal under `plugin.NAME`: safe, but a defect. Odd and missing fields of a spec are no reason."""
    failed = [one["words"] for one in refusals(answers) if one["rule"] == f"plugin.{trial.name}"]
    assert failed == []


def test_a_refusal_names_its_rule_and_the_nearest_that_would_pass(
    trial: Trial, answers: list[list[dict[str, Any]]]
) -> None:
    for one in refusals(answers):
        assert one["rule"].startswith(f"{trial.name}."), "a rule is named `PLUGIN.RULE`"
        assert one["words"].strip() and "\n" not in one["words"], "the reason is one line"
        assert one["nearest"].strip(), "the nearest request that would pass, or `none: ...` and why"


def test_its_inputs_are_data(answers: list[list[dict[str, Any]]]) -> None:
    """What it judged from is written to the journal: JSON of whole numbers and text."""
    for one in refusals(answers):
        assert "not JSON" not in json.dumps(one)
        assert json.loads(json.dumps(one["inputs"], allow_nan=False)) == one["inputs"]


def test_it_is_pure(trial: Trial, answers: list[list[dict[str, Any]]]) -> None:
    """Another process, at another time, in another zone, with another hash seed: the same judgement of the same request."""
    again = ask(trial, REQUESTS, clock=1.9e9, TZ="Pacific/Auckland", PYTHONHASHSEED="7", LANG="C", HOME="/nowhere")
    assert changed(REQUESTS, answers, again) == []


def test_what_was_asked_before_changes_nothing(trial: Trial, answers: list[list[dict[str, Any]]]) -> None:
    """The same requests in another order, some twice."""
    order = list(range(len(REQUESTS)))[::-1] + [0, 0, len(REQUESTS) // 2]
    asked = [REQUESTS[at] for at in order]
    assert changed(asked, [answers[at] for at in order], ask(trial, asked)) == []


def test_it_fails_closed(trial: Trial) -> None:
    """Settings that are wrong refuse the request; they do not let it pass."""
    record = trial.manager.record(trial.name)
    assert record is not None
    if not record.settings:
        pytest.skip("it has no settings that could be wrong")
    from shanyrak.testing.judge import judged

    (answer,) = judged(trial.name, REQUESTS[:1], {"no-such-key": 1})
    assert [one["rule"] for one in answer] in ([f"plugin.{trial.name}"], []), answer
    if not answer:
        pytest.skip("its rule does not look at its settings")
