"""`shanyrak logs`: the last bytes, on while there are more, and on to the next attempt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from shanyrak.cli import logs
from shanyrak.cli.frame import Frame
from shanyrak.testing.fakes import Bench, FakeEngine, settle


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "site")
    made.fund("p")
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What attempts have written, by token."""
    texts: dict[str, bytes] = {}
    monkeypatch.setattr(
        FakeEngine, "logs", lambda self, token, stream, offset, limit: texts.get(token, b"")[offset:][:limit]
    )
    return texts


def shown(bench: Bench, monkeypatch: pytest.MonkeyPatch, *words: str, then: list[Callable[[], None]]) -> str:
    """What the command prints while `then` happens, one thing each time that it pauses."""
    happens = iter(then)
    monkeypatch.setattr(logs, "time", SimpleNamespace(sleep=lambda seconds: next(happens)()))
    frame = Frame(str(bench.folder))
    frame.plugins = bench.manager()
    done = CliRunner().invoke(logs.logs, ["1", *words], obj=frame, catch_exceptions=False)
    assert next(happens, None) is None, "it went on to the end"
    return done.output


def test_the_last_bytes(bench: Bench, written: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
    monkeypatch.setattr(logs, "CHUNK", 3)
    written[bench.engine().starts[0]] = b"0123456789"
    for tail, text in ((4, "6789"), (6, "456789"), (10, "0123456789"), (99, "0123456789")):
        assert shown(bench, monkeypatch, "--tail", str(tail), then=[]) == text
    assert shown(bench, monkeypatch, "--tail", "4", "--task", "0", then=[]) == "6789"


def test_it_goes_on_from_there_and_with_the_next_attempt(
    bench: Bench, written: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(retry={"tries": 2})
    engine = bench.engine()
    with bench.controller() as controller:

        def starts() -> None:
            settle(controller)
            written[engine.starts[0]] = b"0123456789"

        def writes() -> None:
            written[engine.starts[0]] += b"ab"

        def is_lost() -> None:
            written[engine.starts[0]] += b"cd"
            engine.finish(engine.starts[0], cause="node", fenced=True)
            settle(controller)
            bench.clock.advance(60_000)
            settle(controller)
            written[engine.starts[1]] = b"again"

        def ends() -> None:
            engine.finish(engine.starts[1])
            settle(controller)

        told = shown(bench, monkeypatch, "-f", "--tail", "4", then=[starts, writes, is_lost, ends])
    assert told == "6789abcdagain"
