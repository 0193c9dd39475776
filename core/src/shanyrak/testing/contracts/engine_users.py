"""Work of several users on one engine: each runs as its own, and the others cannot touch it."""

from __future__ import annotations

import pytest

from shanyrak.testing.engine_harness import EngineHarness

FIRST, SECOND = "s1.6.0.1", "s1.6.1.1"


@pytest.mark.claim("users")
def test_users_cannot_touch_the_work_of_others(harness: EngineHarness) -> None:
    engine = harness.make()
    one, two = harness.users()
    replies = engine.launch([harness.launch(FIRST, user=one), harness.launch(SECOND, user=two)])
    assert [reply.refused for reply in replies] == ["", ""]
    for token, user in ((FIRST, one), (SECOND, two)):
        harness.begun(engine, token)
        assert harness.runs_as(engine, token) == user
    harness.meddle(engine, FIRST, two)
    harness.pass_time(1.0)
    assert engine.observe([FIRST])[0].state == "running", "another user ended it"
    harness.meddle(engine, FIRST, one)
    assert harness.ended(engine, FIRST).state == "ended", "its own user may"
    assert engine.observe([SECOND])[0].state == "running"
