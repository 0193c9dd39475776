"""The questions of those who wait: why, eta, logs -f, ps."""

from __future__ import annotations

import time

import pytest

CASES = {
    "hold": lambda site: site("hold", 1),
    "paused": lambda site: site("pause", "ada"),
    "nodes": lambda site: site("node", "drain", "cpu-0", "--reason", "new fan"),
    "window": lambda site: site("window", "add", "cpu-0", "--reason", "power test"),
    "grant": lambda site: site("grant", "pull", 1),
}
UNDO = {
    "hold": ("release", 1),
    "paused": ("resume", "ada"),
    "nodes": ("node", "resume", "cpu-0"),
    "window": ("window", "remove", 1),
    "grant": ("grant", "add", "ada", 1, "cpu-hour"),
}


@pytest.mark.parametrize("rule", CASES)
def test_why_names_the_rule_and_undoing_it_lets_the_work_run(site, rule):
    assert site.run("--", "true") == 1
    CASES[rule](site)
    why = site("why", 1, "--json").json
    assert why["state"] == "queued"
    assert rule in [reason["rule"] for reason in why["reasons"]]
    assert all(reason["words"] and reason["change"] for reason in why["reasons"])
    assert f"  {rule}: " in site("why", 1).out
    waiting = site("ps", "--json").json[0]
    assert waiting["reason"] == rule
    site("up", "--until-idle")
    assert site.row(1)["state"] == "queued"
    site(*UNDO[rule])
    site("up", "--until-idle")
    assert site.row(1)["state"] == "done"


def test_why_and_eta_of_work_behind_other_work(site):
    site.up()
    first = site.run("--cpus", 2, "--", "sleep", "600", walltime="11m")
    site.until(lambda: site.row(first)["state"] == "running", "the first runs")
    second = site.run("--cpus", 2, "--", "true", walltime="20s")
    third = site.run("--", "true", "--", walltime="10s")
    site.until(lambda: site("eta", second, "--json").json["kind"] == "promise", "the next in line has its promise")
    eta = site("eta", second, "--json").json
    running = site.row(first)
    assert running["started"] < eta["start"] <= running["started"] + 15 * 60_000
    why = site("why", second, "--json").json
    fit = next(reason for reason in why["reasons"] if reason["rule"] == "fit")
    assert (fit["need"], fit["have"]) == (1, 0)
    estimate = site("eta", third, "--json").json
    assert eta["estimate"] <= eta["start"]
    assert estimate["start"] >= eta["estimate"] + 20_000  # not before the second has run its walltime
    assert "virtual clock" in estimate["basis"]
    assert site.row(second)["promised"] == eta["start"]
    started = site("eta", first, "--json").json
    assert (started["kind"], started["start"]) == ("started", running["started"])
    site("stop", first)
    site("wait", second, third, "--timeout", "60s")
    assert site.row(first)["state"] == "cancelled"
    kept = [one["type"] for one in site("events", "--json").json if one["subject"] == str(second)]
    assert "promise.given" in kept
    assert "promise.kept" in kept


def test_logs_follow_until_the_end(site):
    site.up()
    id_ = site.run(
        "--", "sh", "-c", "echo one; while [ ! -e gate ]; do sleep 0.05; done; echo two; sleep 1; echo three"
    )
    follower = site.start("logs", id_, "-f")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "one\n"
    assert site.row(id_)["state"] == "running"
    site.open_gate()
    out, _ = follower.communicate(timeout=60)
    assert out == "two\nthree\n"
    assert follower.returncode == 0
    assert site("logs", id_, "--tail", 6).out == "three\n"


def test_wait_gives_up_after_its_timeout(site):
    id_ = site.run("--", "true")
    begun = time.monotonic()
    answer = site("wait", id_, "--timeout", "1s", code=1)
    assert 1 <= time.monotonic() - begun < 30
    assert "no controller is running" in answer.err
    assert f"still not ended: {id_}" in answer.err


def test_ps_shows_a_table_that_a_person_can_read(site):
    site.run("--name", "a-name", "--array", "0-9", "--", "true")
    head, line = site("ps").out.splitlines()
    assert head.split() == ["ID", "PROJECT", "NAME", "SIZE", "STATE", "WAITED", "RAN", "WHY"]
    assert line.split()[:6] == ["1", "ada", "a-name", "1x1", "cpu", "x10"]
    assert "10 waiting" in line
    assert site("ps", "--project", "ada", "--json").json
    assert site("ps", "--project", "none", "--json").json == []
