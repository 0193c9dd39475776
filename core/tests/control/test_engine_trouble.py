"""An engine that raises, is silent or answers nonsense: nothing is concluded from it, nothing is lost."""

from typing import Any

import pytest
from shanyrak.api import EngineProblem, Launched, Node, Seen
from shanyrak.control import answers
from shanyrak.testing.fakes import Bench, FakeEngine, settle

VERBS = ("nodes", "launch", "observe", "stop", "forget", "wait", "close")
RAISED = (EngineProblem("the engine", "away"), RuntimeError("x"), SystemExit(3))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("error", RAISED, ids=lambda e: type(e).__name__)
def test_whatever_one_verb_raises_the_work_gets_through(bench: Bench, verb: str, error: BaseException) -> None:
    engine = bench.engine()
    engine.fail(verb, error)
    bench.run(), bench.run()
    with bench.controller() as controller:
        settle(controller)
        bench.site.stop(2)
        settle(controller)
        controller.engines.wait({0}, 0.0)
        engine.mend()
        settle(controller)
        controller._told.clear()  # a stop is told again after some seconds
        settle(controller)
        engine.finish(engine.starts[0])
        settle(controller)
        engine.fail("close", error) if verb == "close" else None
    assert [bench.state(1), bench.state(2)] == ["done/ok", "cancelled/stopped"]
    assert len(engine.starts) == len(set(engine.starts))
    assert bench.types()[-1] == "lease.left"


def test_an_engine_out_of_reach_ends_and_starts_nothing(bench: Bench) -> None:
    bench.run(array="0-2")
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        for verb in VERBS:
            engine.fail(verb, EngineProblem("the engine", "no route"))
        before = len(bench.types())
        for _ in range(20):
            bench.clock.advance(1_000)
            controller.step()
        assert bench.types(before) == ["attempt.unknown"], "said once"
        assert bench.state(1) == "running/running" and not controller.idle()
        engine.mend()
        settle(controller)
        assert bench.types(before)[1:] == ["attempt.known"] * 3
        assert len(engine.starts) == 3
        for token in engine.live():
            engine.finish(token)
        settle(controller)
    assert bench.state(1) == "done/ok"


def test_unknown_is_not_dead(bench: Bench) -> None:
    bench.run()
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        engine.hide(engine.starts[0])
        settle(controller)
        bench.clock.advance(30_000)
        settle(controller)
        with bench.site.journal.read() as rows:
            since = rows.one("SELECT unknown_since FROM attempt")
        assert since is not None and 0 < since[0] < bench.clock.wall
        assert "what became of 1 attempt(s)" in bench.site.why(1)["reasons"][1]["words"]
    with bench.controller() as controller:  # a restart learns nothing either
        settle(controller)
        assert bench.state(1) == "running/running"
        engine.hide(engine.starts[0], False)
        settle(controller)
        assert [reason["rule"] for reason in bench.site.why(1)["reasons"]] == ["running"]
        engine.finish(engine.starts[0])
        settle(controller)
    assert bench.state(1) == "done/ok" and len(engine.starts) == 1


def test_a_launch_that_was_not_answered_is_asked_again_by_its_token(bench: Bench) -> None:
    bench.run()
    engine = bench.engine()
    launch = engine.launch

    def launch_and_die(launches: Any) -> Any:
        launch(launches)
        raise EngineProblem("the engine", "the connection broke")

    engine.launch = launch_and_die  # type: ignore[method-assign]
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(1) == "starting/pending"
        engine.launch = launch  # type: ignore[method-assign]
        settle(controller)
        assert bench.state(1) == "running/running"
    assert len(engine.starts) == 1


NONSENSE: list[Any] = [
    None, 5, [None], ["x"], [Seen("other", "ended")], "text", [Seen("t", "dead")], [Launched("other", "h")],
    [Node("n", "4", 1, 1)],  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize("verb", ["nodes", "launch", "observe"])
@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_nonsense_is_no_answer(bench: Bench, verb: str, answer: Any) -> None:
    engine = bench.engine()
    bench.run()
    with bench.controller() as controller:
        if verb == "observe":
            settle(controller)
        engine.fail(verb, lambda: answer)
        settle(controller)
        assert bench.state(1) in ("running/running", "starting/pending")
        engine.mend()
        settle(controller)
        assert bench.state(1) == "running/running"
    assert len(engine.starts) == 1


def test_answers_are_matched_by_token_not_by_place(bench: Bench) -> None:
    bench.run(array="0-1")
    engine: FakeEngine = bench.engine()
    observe = engine.observe
    with bench.controller() as controller:
        settle(controller)
        engine.finish(engine.starts[0])
        engine.observe = lambda tokens: list(reversed(list(observe(tokens))))  # type: ignore[method-assign]
        settle(controller)
    tasks = bench.site.ps(True)[0]["tasks"]
    assert (tasks["done"], tasks["running"]) == (1, 1)
    (one, two) = bench.site.workload(1)["attempts"]
    assert (one["exit_code"], two["exit_code"]) == (0, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ran_ms": -1}, "not a whole one from 0"),
        ({"ran_ms": 1.5}, "not a whole one from 0"),
        ({"ended_ms": 2**53}, "not a whole one from 0"),
        ({"signal": True}, "not a whole one from 0"),
        ({"exit_code": "0"}, "the exit code it gives for t is '0'"),
        ({"words": "x" * 5000}, "a text it gives for t is none"),
        ({"words": None}, "a text it gives for t is none"),
        ({"state": "RUNNING"}, "it says that t is 'RUNNING'"),
    ],
)
def test_a_field_that_is_no_fact_makes_it_unknown(wrong: dict[str, Any], words: str) -> None:
    facts: dict[str, Any] = {"state": "ended", **wrong}
    found, fault = answers.seen(["t"], [Seen("t", **facts)])
    assert found == [Seen("t", "unknown")] and words in fault


def test_of_a_mixed_answer_the_sound_part_counts() -> None:
    good = Seen("b", "running", started_ms=5)
    found, fault = answers.seen(["a", "b"], [good, Seen("a", "ended", ran_ms=-1)])
    assert found == [Seen("a", "unknown"), good] and fault
    assert answers.seen(["a"], [Seen("a", "absent"), good]) == ([Seen("a", "absent")], "")
    with pytest.raises(ValueError, match="it answered Node"):
        answers.nodes([Node("n", 1, 1, 1), Node("m", -1, 1, 1)])


def test_what_started_without_a_time_began_when_it_was_seen(bench: Bench) -> None:
    engine = bench.engine()
    bench.run()
    with bench.controller() as controller:
        observe = engine.observe
        engine.observe = lambda tokens: [Seen(t, "running") for t in tokens]  # type: ignore[method-assign]
        settle(controller)
        begun = bench.clock.wall
        bench.clock.advance(1_000)
        engine.observe = observe  # type: ignore[method-assign]
        engine.vanish(engine.starts[0], fenced=True)
        settle(controller)
    (attempt,) = bench.site.workload(1)["attempts"]
    assert attempt["started"] == begun


def test_what_an_engine_has_not_started_says_why(bench: Bench) -> None:
    """Accepted is not running: the words are the engine's, written once until they are others; a stop ends it uncharged."""
    engine = bench.engine()
    engine.pend("Slurm: QOSMaxGRESPerUser")
    bench.run(), bench.run()
    with bench.controller() as controller:
        settle(controller)
        assert bench.state(1) == "starting/pending"
        assert bench.site.why(1)["reasons"][0]["words"] == "Slurm: QOSMaxGRESPerUser"
        before = len(bench.types())
        bench.clock.advance(3_000)
        settle(controller)
        assert bench.types(before) == []
    with bench.controller() as controller:
        settle(controller)
        assert bench.types(before) == ["lease.left", "lease.taken"], "the next controller knows what was said"
        engine.fail("observe", EngineProblem("the engine", "no route"))
        settle(controller)
        engine.mend()
        controller.engines._quiet_until.clear()
        settle(controller)
        assert bench.types(before)[2:] == ["attempt.unknown", "attempt.pending", "attempt.pending"]
        engine.begin(next(iter(engine.runs)))
        bench.site.stop(2)
        settle(controller)
        assert [bench.state(1), bench.state(2)] == ["running/running", "cancelled/stopped"]
        for token in engine.live():
            engine.finish(token)
        settle(controller)
    assert bench.state(1) == "done/ok" and bench.faults() == []


def test_why_names_the_trouble_of_an_engine_that_does_not_take_or_tell(bench: Bench) -> None:
    bench.run()
    engine = bench.engine()
    engine.fail("launch", EngineProblem("the engine", "no route", "see its cable"))
    with bench.controller() as controller:
        for _ in range(5):
            controller.step()
            controller.engines._quiet_until.clear()
        told = bench.site.why(1)
        assert (told["state"], told["words"]) == (
            "starting", "its engine gave no answer yet: the engine: no route. See its cable.",
        )  # fmt: skip
        assert bench.types().count("attempt.pending") == 1, "said once"
        engine.mend()
        controller.engines._quiet_until.clear()
        settle(controller)
        assert bench.state(1) == "running/running" and len(engine.starts) == 1
        for verb in ("observe", "launch"):  # the launch is not even asked for while the engine is left alone
            engine.fail(verb, EngineProblem("the engine", "no route"))
        bench.run()
        settle(controller)
        assert bench.site.why(2)["words"] == "its engine gave no answer yet: the engine: no route."
        running, silent = bench.site.why(1)["reasons"]
        assert running["rule"] == "running" and "has not been able to tell for" in silent["words"]
        assert silent["change"] == "see `shanyrak doctor`, and the nodes they ran on"


def test_trouble_with_one_verb_is_logged_once_though_others_answer(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.run()
    engine = bench.engine()
    engine.launch = lambda launches: []
    with bench.controller() as controller:
        for _ in range(5):
            controller._asked_nodes = float("-inf")
            controller.step()
    assert len([one for one in caplog.records if "without an answer" in one.getMessage()]) == 1
    assert "without an answer" in bench.site.why(1)["words"]
