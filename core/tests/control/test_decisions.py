"""`verify decisions`: a site that lived is decided again from its events alone; what is not as it was is named."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.decisions import verify_decisions
from shanyrak.journal.events import canonical
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle

Make = Callable[..., Bench]
SOURCE = """
@hookimpl
def shanyrak_policies():
    return [Policy('shy', 'Raises when a file says so.', '{version}', decide='x_shy_policy:decide')]
"""
POLICY = """
from pathlib import Path
import numpy as np
from shanyrak.policy.pack import pack
from shanyrak.policy.stages import Stages

def decide(view, params, carry):
    if Path({flag!r}).exists():
        raise RuntimeError('not now')
    keys = (view.job_units, -view.job_class)
    plan, carry = pack(view, Stages(keys=keys, depth=2), params, carry)
    return plan, carry
"""


def again(bench: Bench) -> dict[str, Any]:
    return verify_decisions(bench.folder, bench.manager())


def live(bench: Bench, flag: Path) -> None:
    """Work of all kinds, a controller that is replaced, operators who act, a policy that fails for a while."""
    works: list[dict[str, Any]] = [
        {"cpus": 4, "width": 2, "walltime": "40s"},
        {"array": "0-5%3", "walltime": "9s"},
        {"cpus": 3, "class": "service"},
        {"cpus": 2, "walltime": "20s", "min_runtime": "5s"},
    ]
    for turn in range(4):
        with bench.controller() as controller:
            for number, work in enumerate(works):
                bench.run("pq"[(turn + number) % 2], **work)
                settle(controller)
                bench.clock.advance(2_500)
                for token in bench.engine().live()[turn % 2 :: 2]:
                    bench.engine().finish(token, exit_code=number % 2)
                settle(controller)
            if turn == 1:
                flag.touch()
                bench.site.drain(["cpu-0"])
            if turn == 2:
                flag.unlink()
                bench.site.undrain(["cpu-0"])
                bench.site.add_window(["cpu-1"], bench.clock.wall + 30_000, bench.clock.wall + 60_000)
            settle(controller)
            bench.clock.advance(20_000)
            settle(controller)
            if turn < 2:
                bench.site.activate_policy(["kernel", "shy"][turn])
                settle(controller)


@pytest.fixture
def lived(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder, flag = tmp_path / "site-packages", tmp_path / "flag"
    folder.mkdir()
    write_plugin(folder, "shy", SOURCE.format(version="1"), more={"x_shy_policy": POLICY.format(flag=str(flag))})
    monkeypatch.syspath_prepend(str(folder))
    for module in ("x_shy", "x_shy_policy"):  # of another test
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("SHANYRAK_COMPILED", "0")
    monkeypatch.setattr("shanyrak.control.decider.RESPAWN_S", 0.0)
    bench = make(
        finders=[lambda: find([str(folder)])], tables={"policy": {"active": "shy", "margin": "1s", "deadline": "60s"}}
    )
    bench.fund("p"), bench.fund("q", 3_000)
    live(bench, flag)
    return bench


def edit(bench: Bench, change: Callable[[dict[str, Any]], None], which: str = "policy") -> int:
    """Change the payload of a decision behind the journal's back; gives its seq."""
    with bench.site.journal.store.write() as rows:
        for seq, payload in rows.all("SELECT seq, payload FROM event WHERE type = 'decision.made' ORDER BY seq DESC"):
            made = json.loads(payload)
            if made["outcome"] == which and made["plan"]["start_job"]:
                change(made)
                rows.run("UPDATE event SET payload = ? WHERE seq = ?", (canonical(made), seq))
                return int(seq)
    raise AssertionError("no such decision")


def mend(bench: Bench, before: list[tuple[int, str]]) -> None:
    """The journal as it was: the bench proves it at the end of each test."""
    with bench.site.journal.store.write() as rows:
        for seq, payload in before:
            rows.run("UPDATE event SET payload = ? WHERE seq = ?", (payload, seq))


def test_what_was_decided_is_decided_again(lived: Bench, tmp_path: Path) -> None:
    made = [event.data() for event in lived.site.events() if event.type == "decision.made"]
    assert {one["policy"] for one in made} == {"shy 1", "kernel 1"}
    assert {one["outcome"] for one in made} == {"policy", "fallback"} and any(one["carry"] for one in made)
    found = again(lived)
    assert found["differences"] == []
    assert found == {
        "holds": True, "decisions": len(made), "same": len(made), "differences": [], "not_rerunnable": [],
    }  # fmt: skip
    assert len(made) > 30


def test_another_version_is_not_re_runnable_and_no_difference(
    home, lived: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tmp_path / "site-packages" / "x_shy.py"
    entry.write_text(entry.read_text().replace("'1', decide", "'2', decide"))
    shutil.rmtree(entry.parent / "__pycache__", ignore_errors=True)  # of the same size, and maybe the same second
    sys.modules.pop("x_shy")
    found = again(lived)
    by = [event.data() for event in lived.site.events() if event.type == "decision.made"]
    lost = sum(one["policy"] == "shy 1" and one["outcome"] == "policy" for one in by)
    assert found["holds"] and found["same"] == len(by) - lost
    assert found["not_rerunnable"] == [
        {"policy": "shy 1", "why": "version 1 is not installed, 2 is", "decisions": lost}
    ]
    monkeypatch.setattr("shanyrak.control.decisions.KERNEL_VERSION", "9")
    found = again(lived)
    assert found["holds"] and found["same"] == 0, "another kernel gives other plans, the fallback's too"
    assert found["not_rerunnable"][0]["why"] == "version 1 of the core's kernel is not installed, 9 is"
    monkeypatch.setattr("shanyrak.control.decisions.KERNEL_VERSION", "1")
    lived.finders = home.bench(lived.folder).get("finders", ())
    assert again(lived)["not_rerunnable"][0]["why"].startswith("no active plugin offers the policy `shy`")


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "node": (lambda made: made["plan"]["start_nodes"].append(0), "its plan differs in start_nodes: start_nodes is ["),
    "carry": (lambda made: made["carry"].append(7), "it carries "),
    "hash": (
        lambda made: made.update(plan_hash="0"),
        "its plan differs in why the others wait, or its hash was altered",
    ),
    "view": (lambda made: made.update(view=1), "its view 1 is of a time before the decision before it"),
    "far": (lambda made: made.update(view=10**9), "it names a view that the journal does not reach"),
    "wake": (lambda made: made["plan"].update(wake=5), "its plan differs in wake: wake is 5 on record and "),
}


@pytest.mark.parametrize("which", ["policy", "fallback"])
def test_what_was_altered_is_named(lived: Bench, which: str) -> None:
    with lived.site.journal.read() as rows:
        whole = rows.all("SELECT seq, payload FROM event WHERE type = 'decision.made'")
    for name, (change, words) in CHANGES.items():
        seq = edit(lived, change, which)
        found = again(lived)
        first = found["differences"][0]
        assert not found["holds"] and first["seq"] == seq and first["words"].startswith(words), (name, found)
        assert first["outcome"] == which
        mend(lived, whole)
    assert again(lived)["holds"]


def test_an_event_that_is_gone_is_named(lived: Bench) -> None:
    with lived.site.journal.store.write() as rows:
        (kept,) = rows.all("SELECT * FROM event WHERE type = 'workload.submitted' ORDER BY seq LIMIT 1")
        rows.run("DELETE FROM event WHERE seq = ?", (kept[0],))
    found = again(lived)
    assert not found["holds"] and "does not fit those before it" in found["differences"][0]["words"]
    with lived.site.journal.store.write() as rows:
        rows.run(f"INSERT INTO event VALUES ({', '.join('?' * len(kept))})", kept)


def test_one_that_raises_now_is_named(lived: Bench, tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    found = again(lived)
    assert found["differences"][0]["words"] == "taken again it raised RuntimeError: not now"
    assert len(found["differences"]) + found["same"] == found["decisions"]
