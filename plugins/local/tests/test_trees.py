"""Nothing of an attempt is left when it has ended, whatever its processes did to get away."""

from __future__ import annotations

import os

import pytest

ESCAPE = "setsid sh -c '(setsid sleep {mark} </dev/null >/dev/null 2>&1 &)' ; "


def test_escapees_are_gone_when_the_command_ends(lab, mark, found):
    seen = lab.run("a", "sh", "-c", ESCAPE.format(mark=mark) + "sleep 0.2")
    assert seen.exit_code == 0
    assert seen.fenced
    assert found(mark) == []


def test_escapees_are_gone_after_a_stop(lab, mark, found, wait_for):
    lab.launch("a", "sh", "-c", ESCAPE.format(mark=mark) + "sleep 60")
    wait_for(lambda: found(mark), "the escapee runs")
    lab.engine.stop(["a"])
    assert lab.end("a").cause == "stopped"
    assert found(mark) == []


def test_escapees_are_gone_after_the_walltime(lab, mark, found):
    lab.run("a", "sh", "-c", ESCAPE.format(mark=mark) + "trap '' TERM; sleep 60 & wait; sleep 60", walltime_ms=400)
    assert found(mark) == []


def test_a_tree_that_forks_while_it_is_killed(lab, mark, found):
    lab.run("a", "sh", "-c", f"(while :; do setsid sleep {mark} & done) & sleep 0.3")
    assert found(mark) == []


def test_a_killed_worker_takes_its_attempt_and_is_noticed(lab, mark, found, wait_for, kill):
    answer = lab.launch("a", "sh", "-c", ESCAPE.format(mark=mark) + "sleep 60")
    lab.launch("other", "sleep", "60")
    wait_for(lambda: found(mark), "the escapee runs")
    kill(int(answer.handle.split("@")[0]))
    seen = lab.end("a")
    assert (seen.cause, seen.exit_code, seen.fenced) == ("node", None, True)
    assert "supervisor" in seen.words
    assert found(mark) == []
    assert lab.see("other").state == "running"


def test_a_killed_keeper_takes_all_and_is_noticed(lab, mark, found, wait_for, kill):
    answers = lab.engine.launch(
        [lab.build(f"a{n}", "sh", "-c", ESCAPE.format(mark=mark) + "sleep 60") for n in range(3)]
    )
    assert not any(answer.refused for answer in answers)
    wait_for(lambda: len(found(mark)) == 3, "the escapees run")
    kill(lab.keeper())
    seen = lab.end("a0", "a1", "a2")
    assert seen.cause == "node"
    assert all(each.fenced == (lab.kind != "none") for each in lab.engine.observe(["a0", "a1", "a2"]))
    wait_for(lambda: found(mark) == [], "no escapee is left")
    assert lab.run("b", "true").exit_code == 0


def test_a_stopped_process_can_be_stopped(lab):
    lab.launch("a", "sh", "-c", "kill -STOP $$; sleep 60")
    lab.engine.stop(["a"])
    assert lab.end("a").cause == "stopped"


@pytest.mark.parametrize("count", [40])
def test_many_at_once_leave_nothing(plain, mark, found, count):
    tokens = [f"t{n}" for n in range(count)]
    plain.engine.launch([plain.build(token, "sh", "-c", f"setsid sleep {mark} & exit 5") for token in tokens])
    plain.end(*tokens)
    assert {seen.exit_code for seen in plain.engine.observe(tokens)} == {5}
    assert found(mark) == []


def test_the_command_is_not_process_one(plain):
    if plain.kind == "none":
        pytest.skip("no namespace: pids are the machine's")
    plain.run("a", "sh", "-c", "echo $$; cat /proc/$$/comm")
    pid, name = plain.out("a").split()
    assert int(pid) > 1 and name == "sh"
    assert os.getpid() > 0
