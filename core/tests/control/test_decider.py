"""A policy in its child process: whatever it does, the round has a sound plan."""

import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from shanyrak.api import Policy, View
from shanyrak.control.decider import Decider
from shanyrak.policy.arrays import MANY, ints
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.referee import check

HEAD = """
import os, sys, time
import numpy as np
from shanyrak.policy.plan import Plan
from shanyrak.policy.pack import pack
from shanyrak.policy.stages import Stages
"""
GOOD = "    return pack(view, Stages(), params, carry)\n"
PARAMS = {"margin": 0, "depth": 1}
Start = Callable[..., Decider]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A decider for a policy whose `decide(view, params, carry)` has this body; live rounds have `view.seq` 7."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SHANYRAK_COMPILED", "0")  # a child starts in a fifth of the time
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[Decider] = []

    def new(body: str, top: str = "", deadline_s: float = 5.0) -> Decider:
        name = f"x_policy_{len(made)}_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(f"{HEAD}\n{top}\ndef decide(view, params, carry):\n{body}\n")
        made.append(Decider(Policy("x", "A policy.", "1", decide=f"{name}:decide"), "x", PARAMS, deadline_s))
        return made[-1]

    yield new
    for decider in made:
        decider.close()


def view() -> View:
    """One node of two units, one job that fits and one that waits for it."""
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.node(0, 0, 2, True)
    mirror.account(0)
    mirror.account(1, 0)
    mirror.left(1, 0, 1_000_000)
    for job in (1, 2):
        mirror.submit(job, 1, 0, 1, 2, 1, MANY, 60_000, 0)
    return mirror.view(7, 1_000)


def test_a_good_policy_decides_and_hands_on_its_carry_and_may_print(start: Start) -> None:
    body = "    plan, _ = pack(view, Stages(), params, carry)\n    return plan, np.append(carry, view.seq)\n"
    body = "    print('x' * 10000)\n" + body
    decider = start(body, "print('import')")
    assert decider.warm(30) == "" and decider.name == "x 1"
    first = decider.decide(view(), ints([]))
    assert (first.by, first.cause, first.plan.start_job.tolist()) == ("policy", "", [1])
    assert decider.decide(view(), first.carry).carry.tolist() == [7, 7]
    assert decider._child is not None
    os.kill(decider._child.pid, signal.SIGKILL)  # between two rounds
    decider._child.wait()
    assert decider.decide(view(), ints([])).by == "fallback"


def test_what_the_referee_lets_pass_comes_as_plain_arrays(start: Start) -> None:
    body = (
        "    return Plan(start_job=[1], start_count=np.array([1], np.uint8), start_ptr=[0, 1], start_nodes=[0],\n"
        "                wake=np.int32(5)), carry\n"
    )
    decider = start(body)
    decider.warm(30)
    outcome = decider.decide(view(), ints([]))
    assert outcome.by == "policy", outcome.cause
    assert outcome.plan.starts() == [(1, [[0]])] and type(outcome.plan.wake) is int
    assert all(np.asarray(column).dtype == np.int64 for name, column in vars_of(outcome.plan) if name != "wake")


def vars_of(plan: object) -> list[tuple[str, object]]:
    return [(name, getattr(plan, name)) for name in plan.__dataclass_fields__]  # type: ignore[attr-defined]


LIVE = "    if view.seq == 7:\n        {}\n" + GOOD
BAD = {
    "raises": ("raise ValueError('not today')", "it raised ValueError: not today"),
    "exits": ("sys.exit(3)", "it raised SystemExit: 3"),
    "dies": ("os._exit(9)", "its process ended (9)"),
    "is no plan": ("return 5, carry", "the referee refused its plan: it is no Plan but int"),
    "is no pair": ("return Plan()", "it raised "),
    "overlaps": (
        "return Plan(start_job=[1, 2], start_count=[1, 1], start_ptr=[0, 1, 2], start_nodes=[0, 0]), carry",
        "the referee refused its plan: ",
    ),
    "has NaN": (
        "return Plan(start_job=[1], start_count=[float('nan')], start_ptr=[0, 1], start_nodes=[0]), carry",
        "the referee refused its plan: start_count must be whole numbers",
    ),
    "carries text": ("return Plan(), 'x'", "carry is no array"),
    "carries floats": ("return Plan(), np.zeros(3)", "carry is no array"),
    "cannot be read": ("return Unreadable(), carry", "its answer cannot be read"),
    "cannot be sent": ("return (lambda: 0), carry", "it raised "),
}
TOP = """
def fail():
    raise RuntimeError('no')

class Unreadable:
    def __reduce__(self):
        return fail, ()
"""


def test_whatever_it_does_the_fallback_decides_with_the_cause(start: Start) -> None:
    """One child for all: the carry says what it does. Where that ends it, another is started."""
    cases = "".join(
        f"    if list(carry) == [{number}]:\n        {act}\n" for number, (act, _) in enumerate(BAD.values())
    )
    decider = start(cases + GOOD, TOP)
    for number, (_, cause) in enumerate(BAD.values()):
        assert decider._ready or decider.warm(30) == ""
        outcome = decider.decide(view(), ints([number]))
        assert outcome.by == "fallback" and cause in outcome.cause, outcome.cause
        assert outcome.plan.start_job.tolist() == [1] and check(view(), outcome.plan, PARAMS) is None
        assert len(outcome.plan.promise_job) == 0, "the fallback promises nothing"


def test_one_that_hangs_is_killed_at_the_deadline_and_comes_back(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shanyrak.control.decider.RESPAWN_S", 0.0)
    flag = tmp_path / "hung"
    hang = f"if not os.path.exists({str(flag)!r}):\n            open({str(flag)!r}, 'w').close()\n            time.sleep(60)"
    decider = start(LIVE.format(hang), deadline_s=0.5)
    assert decider.warm(30) == ""
    child = decider._child
    assert child is not None
    outcome = decider.decide(view(), ints([]))
    assert (outcome.by, outcome.cause) == ("fallback", "it did not answer within 0.5 s")
    assert child.poll() == -signal.SIGKILL
    until = time.monotonic() + 30
    while time.monotonic() < until and (outcome := decider.decide(view(), ints([]))).by != "policy":
        assert "the policy is not ready" in outcome.cause
        time.sleep(0.05)
    assert outcome.by == "policy", "another warmed up in the background"


@pytest.mark.parametrize(
    ("top", "cause"),
    [("raise ImportError('no such thing')", "no such thing"), ("sys.exit(2)", "SystemExit")],
)
def test_one_that_cannot_be_imported_says_why(start: Start, top: str, cause: str) -> None:
    decider = start(GOOD, top)
    assert cause in decider.warm(30)
    outcome = decider.decide(view(), ints([]))
    assert outcome.by == "fallback" and "the policy is not ready" in outcome.cause


def test_one_that_warms_up_slowly_is_not_waited_for(start: Start) -> None:
    decider = start(GOOD, "time.sleep(1.5)")
    assert decider.warm(0.05) == "it is still warming up"
    outcome = decider.decide(view(), ints([]))
    assert (outcome.by, outcome.cause) == ("fallback", "the policy is not ready: it is warming up")
    until = time.monotonic() + 30
    while time.monotonic() < until and decider.decide(view(), ints([])).by == "fallback":
        time.sleep(0.1)
    assert decider.decide(view(), ints([])).by == "policy"


def test_one_that_warmed_up_while_nobody_asked_is_not_started_anew(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet site: the next round comes long after the child has said that it is warm."""
    decider = start(GOOD)
    decider.warm(0)
    child = decider._child
    assert child is not None and child.stdout is not None
    assert select.select([child.stdout], [], [], 60)[0], "it has said that it is warm"
    monkeypatch.setattr("shanyrak.control.decider.WARM_UP_S", 0.0)
    assert decider.decide(view(), ints([])).by == "policy"
    assert decider._child is child


def tend(decider: Decider, until: Callable[[], object]) -> list[bool]:
    """Tend it until something holds; what each time gave."""
    end, said = time.monotonic() + 60, []
    while not until():
        assert time.monotonic() < end
        said.append(decider.tend())
        time.sleep(0.01)
    return said


def test_one_that_dies_between_rounds_is_replaced_before_the_next(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shanyrak.control.decider.RESPAWN_S", 0.0)
    decider = start(GOOD)
    assert decider.warm(60) == ""
    child = decider._child
    assert child is not None
    child.kill()
    said = tend(decider, lambda: decider._ready and decider._child is not child)
    assert not any(said), "no round was decided without it"
    assert decider.decide(view(), ints([])).by == "policy"


def test_a_policy_that_becomes_active_is_asked_again_what_was_decided_without_it(start: Start) -> None:
    decider = start(GOOD, "time.sleep(0.5)")
    decider.warm(0)
    assert decider.decide(view(), ints([])).by == "fallback"
    assert tend(decider, lambda: decider._ready)[-1] is True
    assert decider.tend() is False, "once"


def test_a_policy_that_broke_a_round_is_not_asked_the_same_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shanyrak.control.decider.RESPAWN_S", 0.0)
    decider = start(LIVE.format("os._exit(9)"))
    assert decider.warm(60) == ""
    assert decider.decide(view(), ints([])).by == "fallback"
    assert not any(tend(decider, lambda: decider._ready))


def test_a_child_that_never_warms_up_is_started_anew(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shanyrak.control.decider.WARM_UP_S", 0.2)
    decider = start(GOOD, "time.sleep(600)")
    decider.warm(0)
    tend(decider, lambda: decider._child is None)
    assert "did not plan a small view in time" in decider.decide(view(), ints([])).cause


def child_that(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_an_answer_that_comes_in_parts_is_not_lost(start: Start) -> None:
    decider = start(GOOD)
    body = pickle.dumps(("warm",))
    decider._child = child_that(
        "import os, time\n"
        f"for part in {[bytes([one]) for one in len(body).to_bytes(8, 'little') + body]!r}:\n"
        "    os.write(1, part); time.sleep(0.005)\n"
        "time.sleep(600)"
    )
    decider._born = time.monotonic()
    tend(decider, lambda: decider._ready)


@pytest.mark.parametrize("body", [pickle.dumps(()), pickle.dumps(7), pickle.dumps(("warm", 1)), pickle.dumps(([],))])
def test_an_answer_that_is_none_is_a_breach(start: Start, body: bytes) -> None:
    decider = start(GOOD)
    decider._child = child_that(f"import os; os.write(1, {len(body).to_bytes(8, 'little') + body!r})")
    decider._born = decider._died = time.monotonic()
    tend(decider, lambda: decider._child is None)
    assert "its answer cannot be read" in decider._trouble


def test_a_child_that_closes_its_answers_and_stays_is_not_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shanyrak.control.decider.END_S", 0.1)
    decider = start(GOOD)
    decider._child = child_that("import os, time; os.close(1); time.sleep(600)")
    decider._born = decider._died = time.monotonic()
    tend(decider, lambda: decider._child is None)
    assert decider._trouble == "it closed its answers"


def test_the_kernel_needs_no_child() -> None:
    decider = Decider(None, "", PARAMS, 1.0)
    assert decider.warm(0) == "" and decider.name == "kernel 1"
    outcome = decider.decide(view(), ints([]))
    assert (outcome.by, outcome.plan.start_job.tolist(), outcome.plan.promise_job.tolist()) == ("policy", [1], [2])
    assert decider._child is None
