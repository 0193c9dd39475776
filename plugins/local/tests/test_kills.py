"""Keepers killed at random moments, seeded: no token runs twice, each has an end or never ran, nothing is left."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest
from shanyrak.api import EngineProblem


@pytest.mark.parametrize("seed", range(4))
def test_keepers_killed_while_short_jobs_drain(lab_of, works, mark, found, wait_for, seed):
    lab = lab_of("none" if works.kind == "subreaper" or seed == 0 else "namespace")
    random_ = random.Random(seed)
    pids: list[int] = []
    done = threading.Event()

    def killer() -> None:
        while not done.wait(random_.uniform(0.01, 0.15)):
            try:
                pids.append(lab.keeper())
                os.kill(pids[-1], signal.SIGKILL)
            except (OSError, AssertionError):
                pass

    thread = threading.Thread(target=killer)
    thread.start()
    (lab.work / "ran").mkdir()
    script = f'echo x >> "ran/$1"; case $1 in *7) setsid sleep {mark} & ;; esac; sleep 0.01'
    tokens = [f"t{seed}-{n}" for n in range(200)]
    refused = set()
    try:
        waiting = list(tokens)
        while waiting:
            batch, waiting = waiting[:4], waiting[4:]
            launches = [lab.build(token, "sh", "-c", script, "sh", token) for token in batch]
            try:
                answers = lab.engine.launch(launches)
            except EngineProblem:
                waiting = batch + waiting  # Nothing is known: asked again, by the same tokens.
                continue
            refused |= {answer.token for answer in answers if answer.refused}
            lab.engine.wait(0.02)
            lab.engine.observe(batch)
    finally:
        done.set()
        thread.join()
    lab.end(*tokens)
    assert len(pids) > 3, "the keeper was not killed often enough to prove anything"
    for token, seen in zip(tokens, lab.engine.observe(tokens), strict=True):
        file = lab.work / "ran" / token
        runs = file.read_text() if file.exists() else ""
        assert runs in ("", "x\n"), f"{token} ran twice"
        assert seen.state == ("absent" if token in refused else "ended")
        if seen.cause == "":
            assert (seen.exit_code, runs) == (0, "x\n")
        else:
            assert seen.cause == "node"
    wait_for(lambda: found(mark) == [], "no escapee is left")
