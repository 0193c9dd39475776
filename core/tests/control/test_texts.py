"""Text that not every store keeps: a zero, half of a surrogate pair. The same on every store: a request is refused, an engine's
words are made harmless, and a journal of before that has such text stays where it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control import answers, store_copy
from shanyrak.control.site import Site
from shanyrak.errors import UnfitProblem, UsageProblem
from shanyrak.exchange import Launch, Launched, Node, PastWork, Refusal, Seen
from shanyrak.journal import journal as writing
from shanyrak.plugins.record_check import fault
from shanyrak.testing.fakes import Bench, settle
from shanyrak.texts import harmless, kept, refuse_unkept

UNKEPT = ["a\0b", "a\ud800b", "a\udcff"]
HOUR = 3_600_000

REQUESTS: dict[str, Callable[[Site, str], Any]] = {
    "a project's id": lambda site, text: site.add_project(text, "startup", "o"),
    "an organisation": lambda site, text: site.add_project("x", "startup", text),
    "a grant's project": lambda site, text: site.add_grant(text, 1, "cpu-hour"),
    "a programme": lambda site, text: site.add_grant("p", 1, "cpu-hour", programme=text),
    "a pause": lambda site, text: site.pause(text),
    "a drain's reason": lambda site, text: site.drain(["cpu"], text),
    "a node": lambda site, text: site.drain([text]),
    "a window's reason": lambda site, text: site.add_window(["cpu"], 0, 0, text),
    "a question": lambda site, text: site.ps(project=text),
    **{
        f"a workload's {field}": lambda site, text, field=field: site.submit(
            {"project": "p", "command": ["true"], "walltime": "1m", field: text}
        )
        for field in ("project", "name", "pool", "class", "key", "cwd", "array")
    },
    "a workload's command": lambda site, text: site.submit({"project": "p", "command": [text], "walltime": "1m"}),
    "its environment": lambda site, text: site.submit(
        {"project": "p", "command": ["true"], "walltime": "1m", "env": {"A": text}}
    ),
    "a variable's name": lambda site, text: site.submit(
        {"project": "p", "command": ["true"], "walltime": "1m", "env": {text: "a"}}
    ),
}


def test_a_request_is_refused_in_one_line_and_nothing_is_written(bench: Bench) -> None:
    before = bench.types()
    for what, ask in REQUESTS.items():
        for text in UNKEPT:
            with pytest.raises(UsageProblem) as raised:
                ask(bench.site, text)
            line = str(raised.value)
            assert "\n" not in line and "\0" not in line and line.encode(), what
            assert bench.types() == before, what


@pytest.mark.parametrize("text", UNKEPT, ids=ascii)
def test_whoever_writes_an_event_is_told_which_text_it_is(bench: Bench, text: str) -> None:
    journal, before = bench.site.journal, bench.types()
    for actor, subject, settings in (
        (text, "a", {}),
        ("me", text, {}),
        ("me", "a", {"n": text}),
        ("me", "a", {text: ""}),
    ):
        with pytest.raises(UsageProblem, match="a character that no journal keeps"), journal.write(actor) as writer:
            writer.append("settings.changed", subject, {"settings": settings})
    with pytest.raises(UsageProblem, match="reason.*Leave it out"):
        bench.site.drain(["cpu"], text)
    assert bench.types() == before


def test_what_only_looks_like_a_zero_is_kept(bench: Bench) -> None:
    """A backslash and `u0000`, as people write them."""
    bench.site.drain(["cpu"], "see \\u0000 and \\\\u0000, ᠎ қ 🙂 \x01")
    assert bench.types()[-1] == "node.drained" and bench.faults() == []


@pytest.mark.parametrize("text", UNKEPT, ids=ascii)
def test_words_of_an_engine_are_made_harmless(bench: Bench, text: str) -> None:
    """The end of work is recorded, charged and shown, whatever its engine says of it."""
    clean = harmless(text)
    engine = bench.engine()
    bench.run(), bench.run()
    with bench.controller() as controller:
        engine.pend(text)
        settle(controller)
        assert bench.site.why(1)["reasons"][0]["words"] == clean
        observe, nodes = engine.observe, engine.nodes
        engine.observe = lambda tokens: [  # type: ignore[method-assign]
            Seen(token, "ended", 1, 2, 1, exit_code=1, cause="exit", words=text, isolation=(text,)) for token in tokens
        ]
        engine.nodes = lambda: [  # type: ignore[method-assign]
            Node(one.name, one.units, one.cpus, one.memory, up=False, reason=text) for one in nodes()
        ]
        settle(controller)
        engine.observe, controller._asked_nodes = observe, -1e9  # type: ignore[method-assign]
        controller.step()
    assert {row["state"] for row in bench.site.ps(everything=True)} == {"failed"}
    assert {row["reason"] for row in bench.site.nodes()} == {clean}
    assert bench.faults() == []


def test_all_that_an_engine_answers_is_cleaned_in_one_place() -> None:
    seen, wrong = answers.seen(["t"], [Seen("t", "ended", words="a\0", cause="b\ud800", isolation=("c\0",))])
    assert (seen, wrong) == ([Seen("t", "ended", words="a\ufffd", cause="b\ufffd", isolation=("c\ufffd",))], "")
    good = Seen("t", "ended", words="қ")
    assert answers.seen(["t"], [good])[0][0] is good
    assert answers.nodes([Node("n", 1, 1, 1, reason="\0")])[0] == [Node("n", 1, 1, 1, reason="\ufffd")]
    launch = Launch("t", 1, 0, "", ("true",), {}, {}, "/", (), (("n", 1),), "cpu", 1, 0, 1000, "u")
    (launched,), _ = answers.launched([launch], [Launched("t", "h\0", isolation=("i\0",))])
    assert (launched.handle, launched.isolation) == ("h\ufffd", ("i\ufffd",))


def test_past_work_is_brought_in_with_harmless_words(bench: Bench) -> None:
    began = bench.clock.wall - HOUR
    work = PastWork("7", "7\0", "p", "cpu", 1, 2, began, began, began + 5, 5, 9, "a\ud800", "old\0", "COMPLETED")
    assert bench.site.bring_work("slurm", [work]).new == 1
    assert bench.faults() == []


def test_a_plugin_that_refuses_with_such_words_answered_wrongly() -> None:
    assert "no journal keeps" in fault(Refusal("rule", "no\0"), Refusal)
    assert fault(Refusal("rule", "no"), Refusal) == ""


def test_a_journal_of_before_that_holds_a_zero_is_not_copied(
    tmp_path: Path, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Bench(tmp_path / "old", **{key: value for key, value in home.bench(tmp_path).items() if key == "finders"})
    monkeypatch.setattr(writing, "refuse_unkept", lambda data: None)
    old.site.drain(["cpu"], "a\0b")
    monkeypatch.undo()
    assert old.faults() == []
    (tmp_path / "target").mkdir()
    target = home.url(tmp_path / "target")
    with pytest.raises(UnfitProblem) as raised:
        store_copy.copy_store(old.folder, old.manager(), "sqlite:journal.db", target)
    assert str(raised.value) == (
        "table node of the journal, row 0: it holds a zero character, which not every store keeps; nothing was copied."
        " Leave this journal where it is."
    )
    old.site.undrain(["cpu"])
    old.site.drain(["cpu"], "a b")
    assert store_copy.copy_store(old.folder, old.manager(), "sqlite:journal.db", target).rows, "nothing was left there"
    old.site.close()


def test_the_rule() -> None:
    assert [kept(text) for text in (*UNKEPT, "", "қ🙂\x01")] == [False, False, False, True, True]
    refuse_unkept({"a": ["b", {"c": 1}], "d": None})
    with pytest.raises(UsageProblem, match=r"^a\.c: 'x\\x00': it has"):
        refuse_unkept({"a": ["b", {"c": ("x\0",)}]})
