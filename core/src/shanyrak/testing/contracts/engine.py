"""What an engine is held to: one attempt a token, whatever is asked twice, lost or late."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from shanyrak.api import Engine
from shanyrak.control import answers
from shanyrak.exchange import Launch, Launched, Seen
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import eventually

HOOK = "shanyrak_engines"
HARNESS = EngineHarness
PARTS = tuple(
    f"shanyrak.testing.contracts.engine_{part}" for part in ("arrays", "ends", "room", "daemon", "users", "site")
)
CAPABILITIES = {
    "accounting": "keeps an account of its own, with which its durations agree within a second",
    "arrays": "gives each task of an array its number in SHANYRAK_TASK, and may launch tasks that are alike as one",
    "commands": "runs the command of a launch; one that is not there is the user's fault",
    "daemon": "has something behind it that may be killed at any time: no attempt is confused with another, none runs twice",
    "environment": "gives work exactly the environment and the secrets of its launch",
    "gpus": "gives each attempt GPUs that no other has, free again when it is gone",
    "hang": "has something behind it that may hang: each call ends soon, and nothing is concluded from silence",
    "logs": "keeps what work prints, from any place in it",
    "memory": "ends work that takes more memory than it asked for, and says so",
    "nodes": "tells the death of a node under work from an end of the work's own",
    "pending": "may accept work before there is room: it is `pending` until it starts, and can be stopped there",
    "reuse": "tells its attempts from foreign work that was given the same number later",
    "signals": "tells a signal from an exit code",
    "sites": "what it runs outlives the process that launched it: a whole site on it is killed, adopted and accounted",
    "sizes": "refuses at once what can never fit",
    "survives": "work goes on while what is behind the engine is dead",
    "tail": "gives what work prints while it runs",
    "times": "knows when work really ended, not when somebody looked",
    "tree": "ends all processes of an attempt, those that got away too, and says so",
    "users": "runs work as its user, whom no other user can disturb",
    "walltime": "ends work at its walltime",
}

TOKENS = ("s1.1.0.1", "s1.1.1.1", "s1.1.2.1")


@pytest.fixture
def engine(harness: EngineHarness) -> Engine:
    """An engine that nothing runs on."""
    return harness.make()


def test_it_has_nodes(harness: EngineHarness, engine: Engine) -> None:
    """Each with a name of its own; those that are up have units."""
    nodes, wrong = answers.nodes(engine.nodes())
    assert wrong == "" and nodes
    assert len({node.name for node in nodes}) == len(nodes)
    assert all(node.units > 0 for node in nodes if node.up)
    assert all(node.reason for node in nodes if not node.up), "a node that is down says why"


def test_what_is_launched_runs_and_ends_with_its_exit_code(harness: EngineHarness, engine: Engine) -> None:
    good, bad = TOKENS[:2]
    replies, wrong = answers.launched(*both(engine, harness.launch(good), harness.launch(bad)))
    assert wrong == "" and [reply.refused for reply in replies] == ["", ""]
    assert all(reply.handle for reply in replies), "a handle tells where to look on the engine itself"
    assert harness.begun(engine, good) == harness.begun(engine, bad) == 1
    assert [seen.state for seen in engine.observe(TOKENS[:2])] == ["running", "running"]
    harness.let(engine, good, 0)
    harness.let(engine, bad, 3)
    first, second = harness.ended(engine, good), harness.ended(engine, bad)
    assert (first.state, first.exit_code, first.signal, first.cause) == ("ended", 0, 0, "")
    assert (second.state, second.exit_code, second.cause) == ("ended", 3, "")
    for seen in (first, second):
        assert 0 < seen.started_ms <= seen.ended_ms
        assert 0 <= seen.ran_ms <= seen.ended_ms - seen.started_ms + 1_000
        assert answers.seen([seen.token], [seen])[1] == ""


def test_observe_answers_in_the_order_asked_for_unknown_tokens_too(harness: EngineHarness, engine: Engine) -> None:
    """One bulk call; a token that it never heard of is absent, or it cannot tell, but nothing is made up."""
    engine.launch([harness.launch(TOKENS[0])])
    harness.begun(engine, TOKENS[0])
    asked = ["s1.99.0.1", TOKENS[0], "s1.98.0.1", "s1.97.0.1"]
    seen = engine.observe(asked)
    assert answers.seen(asked, seen)[1] == "" and [one.token for one in seen] == asked
    assert [one.state == "running" for one in seen] == [False, True, False, False]
    assert {one.state for one in seen} <= {"running", "absent", "unknown"}
    assert list(engine.observe([])) == []


def test_launch_is_idempotent_by_token(harness: EngineHarness, engine: Engine) -> None:
    """While it runs, and after it has ended."""
    launch = harness.launch(TOKENS[0])
    (first,) = engine.launch([launch])
    assert harness.begun(engine, TOKENS[0]) == 1
    (again,) = engine.launch([launch])
    assert (again.refused, again.handle) == ("", first.handle)
    harness.let(engine, TOKENS[0])
    before = harness.ended(engine, TOKENS[0])
    engine.launch([launch])
    harness.pass_time(0.3)
    assert harness.begun(engine, TOKENS[0]) == 1
    assert engine.observe([TOKENS[0]])[0] == before, "and its end stays what it was"


def test_one_call_launches_many_and_answers_for_each(harness: EngineHarness, engine: Engine) -> None:
    """A token that is known already is found among new ones."""
    engine.launch([harness.launch(TOKENS[0])])
    replies, wrong = answers.launched(*both(engine, *(harness.launch(token) for token in TOKENS)))
    assert wrong == "" and {reply.token for reply in replies} == set(TOKENS)
    for token in TOKENS:
        assert harness.begun(engine, token) == 1
    assert len({reply.handle for reply in replies}) == len(TOKENS), "what lives has a handle of its own"


def test_a_lost_reply_is_adopted(harness: EngineHarness, engine: Engine) -> None:
    """The controller died before it heard the answer: the next one launches the same token on a new object."""
    launch = harness.launch(TOKENS[0])
    engine.launch([launch])
    harness.begun(engine, TOKENS[0])
    engine.close()
    after = harness.make()
    (reply,) = after.launch([launch])
    assert reply.refused == ""
    assert after.observe([TOKENS[0]])[0].state == "running"
    assert harness.begun(after, TOKENS[0]) == 1, "it was found, not started again"
    harness.let(after, TOKENS[0], 5)
    assert harness.ended(after, TOKENS[0]).exit_code == 5


def test_what_runs_outlives_the_object_and_its_end_is_known(harness: EngineHarness, engine: Engine) -> None:
    engine.launch([harness.launch(TOKENS[0])])
    harness.begun(engine, TOKENS[0])
    engine.close()
    harness.let(engine, TOKENS[0], 4)
    assert harness.ended(harness.make(), TOKENS[0]).exit_code == 4


def test_stop_ends_by_token_and_leaves_the_others(harness: EngineHarness, engine: Engine) -> None:
    engine.launch([harness.launch(token) for token in TOKENS[:2]])
    for token in TOKENS[:2]:
        harness.begun(engine, token)
    engine.stop([TOKENS[0]])
    engine.stop([TOKENS[0]])
    stopped = harness.ended(engine, TOKENS[0])
    assert stopped.state == "ended" and (stopped.cause, stopped.exit_code) != ("", 0)
    assert engine.observe([TOKENS[1]])[0].state == "running"
    engine.stop([TOKENS[0]])
    assert engine.observe([TOKENS[0]])[0] == stopped, "stopping what has ended changes nothing"


def test_what_ended_first_wins_over_a_stop(harness: EngineHarness, engine: Engine) -> None:
    engine.launch([harness.launch(TOKENS[0])])
    harness.begun(engine, TOKENS[0])
    harness.let(engine, TOKENS[0], 7)
    before = harness.ended(engine, TOKENS[0])
    engine.stop([TOKENS[0]])
    assert engine.observe([TOKENS[0]])[0] == before and before.exit_code == 7


def test_a_token_that_was_stopped_before_its_launch_is_fenced(harness: EngineHarness, engine: Engine) -> None:
    engine.stop([TOKENS[0]])
    (reply,) = engine.launch([harness.launch(TOKENS[0])])
    assert reply.refused and not reply.user_fault
    harness.pass_time(0.3)
    assert harness.never_begun(engine, TOKENS[0])


def test_a_launch_that_comes_too_late_starts_nothing(harness: EngineHarness, engine: Engine) -> None:
    """Another controller may act by then; what runs already is found all the same."""
    engine.launch([harness.launch(TOKENS[0])])
    harness.begun(engine, TOKENS[0])
    late = max(1, round(time.monotonic() * 1000) - 10_000)
    known, new = engine.launch([harness.launch(token, not_after_ms=late) for token in TOKENS[:2]])
    assert known.refused == "" and new.refused and not new.user_fault
    harness.pass_time(0.3)
    assert harness.never_begun(engine, TOKENS[1])


def test_forget_drops_results_and_is_harmless(harness: EngineHarness, engine: Engine) -> None:
    """For what was forgotten already, and for what it never knew."""
    engine.launch([harness.launch(TOKENS[0])])
    harness.begun(engine, TOKENS[0])
    harness.let(engine, TOKENS[0])
    harness.ended(engine, TOKENS[0])
    engine.forget([TOKENS[0]])
    engine.forget([TOKENS[0], "s1.99.0.1"])
    assert engine.observe([TOKENS[0]])[0].state in ("ended", "absent")


def test_wait_returns(harness: EngineHarness, engine: Engine) -> None:
    """With nothing running, and with something that goes on."""
    engine.wait(0.05)
    engine.launch([harness.launch(TOKENS[0])])
    engine.wait(0.05)


@pytest.mark.claim("commands")
def test_a_command_that_is_not_there_is_the_users_fault(harness: EngineHarness, engine: Engine) -> None:
    launch = harness.launch(TOKENS[0], argv=("/no/such/command",))
    (reply,) = engine.launch([launch])
    if reply.refused:
        assert reply.user_fault
    else:
        assert harness.ended(engine, TOKENS[0]).cause == "launch"


@pytest.mark.claim("environment")
def test_work_sees_its_environment_and_its_secrets_and_nothing_of_ours(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also nothing of what was ours when the engine was made, and what is behind it begun."""
    monkeypatch.setenv("SHANYRAK_KIT_LEAK", "ours")
    engine = harness.make()
    asked = {"KIT_PLAIN": "a b\u00e9", "PATH": "/usr/bin:/bin"}
    engine.launch([harness.launch(TOKENS[0], env=asked, secrets={"KIT_SECRET": "hidden"})])
    harness.begun(engine, TOKENS[0])
    eventually(lambda: (harness.work / f"{TOKENS[0]}.env").exists(), "it writes what it sees")
    harness.let(engine, TOKENS[0])
    harness.ended(engine, TOKENS[0])
    seen = json.loads((harness.work / f"{TOKENS[0]}.env").read_text())
    assert {**asked, "KIT_SECRET": "hidden"}.items() <= seen.items()
    assert "SHANYRAK_KIT_LEAK" not in seen
    written = [path for path in harness.folder.rglob("*") if path.is_file() and path.suffix != ".env"]
    assert [path for path in written if b"hidden" in path.read_bytes()] == [], "secrets are written nowhere"


@pytest.mark.claim("logs")
def test_logs_are_kept_from_any_place(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token)])
    harness.begun(engine, token)
    harness.let(engine, token)
    harness.ended(engine, token)
    for stream in ("stdout", "stderr"):
        text = harness.text(token, stream)
        assert engine.logs(token, stream, 0, 1 << 20) == text
        assert engine.logs(token, stream, 3, 4) == text[3:7]
        assert engine.logs(token, stream, -5, 100) == text[-5:]
        assert engine.logs(token, stream, len(text), 100) == b""
    engine.forget([token])
    assert engine.logs(token, "stdout", 0, 1 << 20) == harness.text(token, "stdout"), "logs outlive the result"


@pytest.mark.claim("tail")
def test_what_work_prints_can_be_read_while_it_runs(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token)])
    harness.begun(engine, token)
    first = harness.text(token, "stdout")
    eventually(lambda: engine.logs(token, "stdout", 0, 1 << 20) == first, "its first words can be read")
    assert engine.logs(token, "stdout", len(first), 100) == b""
    harness.say(engine, token, "more\n")
    eventually(lambda: engine.logs(token, "stdout", len(first), 100) == b"more\n", "the next can be read from there")
    assert engine.logs(token, "stdout", -5, 100) == b"more\n"
    assert engine.observe([token])[0].state == "running"


@pytest.mark.claim("times")
def test_the_end_is_when_it_ended_not_when_somebody_looked(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token)])
    harness.begun(engine, token)
    engine.close()
    harness.let(engine, token)
    over = harness.over_ms(engine, token)
    harness.pass_time(3.0)
    seen = harness.ended(harness.make(), token)
    assert abs(seen.ended_ms - over) < 2_000
    assert abs((seen.ended_ms - seen.started_ms) - seen.ran_ms) < 1_000


@pytest.mark.claim("tree")
def test_stop_ends_the_whole_tree(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token, tree=True)])
    harness.begun(engine, token)
    eventually(lambda: harness.processes(token) >= 2, "its child starts")
    engine.stop([token])
    seen: Seen = harness.ended(engine, token)
    assert seen.state == "ended" and seen.fenced, "it says that no process is left"
    assert harness.processes(token) == 0


@pytest.mark.claim("tree")
def test_an_end_is_the_end_of_the_whole_tree(harness: EngineHarness, engine: Engine) -> None:
    """Also when the first process ended by itself and left a child behind."""
    token = TOKENS[0]
    engine.launch([harness.launch(token, tree=True)])
    harness.begun(engine, token)
    eventually(lambda: harness.processes(token) >= 2, "its child starts")
    harness.let(engine, token)
    assert harness.ended(engine, token).fenced
    assert harness.processes(token) == 0


@pytest.mark.claim("walltime")
def test_work_ends_at_its_walltime(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token, walltime_ms=1_000)])
    harness.begun(engine, token)
    harness.pass_time(1.0)
    seen = harness.ended(engine, token)
    assert (seen.state, seen.cause) == ("ended", "walltime")
    assert seen.ran_ms >= 1_000


@pytest.mark.claim("reuse")
def test_foreign_work_under_the_same_number_is_left_alone(harness: EngineHarness, engine: Engine) -> None:
    token = TOKENS[0]
    engine.launch([harness.launch(token)])
    harness.begun(engine, token)
    harness.let(engine, token, 6)
    before = harness.ended(engine, token)
    lives = harness.reuse(engine, token)
    assert engine.observe([token])[0] == before, "the foreign work is not taken for ours"
    engine.stop([token])
    assert lives()


def both(engine: Engine, *launches: Launch) -> tuple[Sequence[Launch], Sequence[Launched]]:
    """What was asked and what was answered."""
    return launches, engine.launch(launches)
