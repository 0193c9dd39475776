"""What people do to work that waits or runs, and operators to the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest


def commands_of(*argv):
    """How many processes of this machine run exactly this."""
    wanted = "\0".join([*argv, ""]).encode()
    found = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found += (entry / "cmdline").read_bytes() == wanted
        except OSError:
            pass
    return found


def test_stop_ends_work_with_all_its_processes(site, tmp_path):
    site.up()
    mine = [f"{300 + number}.{os.getpid()}" for number in range(2)]
    script = f"sleep {mine[0]} & (setsid sleep {mine[1]} &); wait"
    id_ = site("run", "--project", "ada", "--walltime", "10m", "--", "sh", "-c", script, cwd=tmp_path)
    running = int(id_.out)
    site.until(lambda: all(commands_of("sleep", one) for one in mine), "both processes run")
    waiting = site.run("--cpus", 2, "--", "true")
    assert "cancelled" in site("stop", waiting).out
    site("stop", running)
    site("wait", running, "--timeout", "60s", code=1)
    assert site.row(running)["state"] == "cancelled"
    assert site.row(running)["reason"] == "stopped"
    assert [commands_of("sleep", one) for one in mine] == [0, 0]
    again = site("stop", running, code=None)
    assert again.code in (0, 2, 4)
    assert site("account", "check", "--json").json["units"]["cpu-second"]["held"] == 0


def test_walltime_ends_work(site):
    id_ = site.run("--", "sleep", "60", walltime="1s")
    site("up", "--until-idle")
    row = site.row(id_)
    assert (row["state"], row["reason"]) == ("failed", "walltime")
    assert 900 <= row["ran_ms"] < 20_000
    assert "--walltime" in site("why", id_).out


def test_what_follows_failed_work_is_cancelled(site):
    first = site.run("--", "false")
    second = site.run("--after", first, "--", "true")
    third = site.run("--after", second, "--", "true")
    site("up", "--until-idle")
    assert [site.row(one)["state"] for one in (first, second, third)] == ["failed", "cancelled", "cancelled"]
    assert site.row(third)["reason"] == "after-failed"
    late = site("run", "--project", "ada", "--after", first, "--", "true", code=4)
    assert "can never start" in late.line
    assert site.row(int(late.out))["state"] == "refused"


def test_hold_and_release_and_a_pause_of_the_site(site):
    held, free = site.run("--", "true"), site.run("--", "true")
    site("hold", held)
    site("up", "--until-idle")
    assert [site.row(one)["state"] for one in (held, free)] == ["queued", "done"]
    site("release", held)
    site("pause")
    site("up", "--until-idle")
    assert site.row(held)["state"] == "queued"
    site("resume")
    site("up", "--until-idle")
    assert site.row(held)["state"] == "done"


def test_a_drained_node_runs_on_what_it_has_and_takes_nothing_new(site):
    site.up()
    running = site.gated()
    site("node", "drain", "cpu", "--reason", "a new fan")
    new = site.run("--", "true")
    site.open_gate()
    site("wait", running, "--timeout", "60s")
    node = site("node", "list", "--json").json[0]
    assert (node["state"], node["reason"]) == ("drained", "a new fan")
    assert site.row(new)["state"] == "queued"
    site("node", "resume", "cpu-0")
    site("wait", new, "--timeout", "60s")


def test_a_window_lets_pass_what_ends_before_it(site):
    """The window begins in an hour: what ends before it runs, what would reach into it waits."""
    from datetime import UTC, datetime, timedelta

    begin = datetime.now(UTC) + timedelta(hours=1)
    site("window", "add", "cpu-0", "--from", begin.strftime("%Y-%m-%dT%H:%M"), "--for", "2h", "--reason", "power")
    short, long = site.run("--", "true", walltime="1m"), site.run("--", "true", walltime="3h")
    site.up()  # not --until-idle: what waits for the window's end will start by itself
    site("wait", short, "--timeout", "60s")
    assert [site.row(one)["state"] for one in (short, long)] == ["done", "queued"]
    why = site("why", long, "--json").json["reasons"][0]
    assert why["rule"] == "window"
    assert why["need"] == 3 * 3_600_000
    assert 0 < why["have"] < 3_600_000
    assert [one["reason"] for one in site("window", "list", "--json").json] == ["power"]


def test_another_policy_takes_over(site):
    names = {row["name"]: row["active"] for row in site("policy", "list", "--json").json}
    assert [name for name, active in names.items() if active] == ["easy"]
    assert {"kernel", "fifo", "shortest"} < set(names)
    first = site.run("--", "true", walltime="2m")
    second = site.run("--cpus", 2, "--", "true", walltime="1m")
    third = site.run("--cpus", 2, "--", "true", walltime="10s")
    site("policy", "activate", "shortest")
    site("up", "--until-idle")
    rows = [site.row(one) for one in (third, first, second)]
    assert [row["state"] for row in rows] == ["done"] * 3
    assert rows[0]["started"] < rows[1]["started"]
    decided = [one["payload"]["policy"] for one in site("events", "--json").json if one["type"] == "decision.made"]
    assert set(decided) == {"shortest 1"}


def test_only_one_controller_acts(site):
    first = site.up()
    second = site("up", "--until-idle", code=6)
    assert f"pid {first.pid}" in second.line or str(first.pid) in second.line
    first.terminate()
    assert first.wait(30) == 0
    site("up", "--until-idle")


def test_work_goes_on_without_its_controller(site, tmp_path):
    controller = site.up()
    id_ = site.gated("exit 7")
    controller.kill()
    controller.wait(30)
    before = site.row(id_)
    site.open_gate()
    time.sleep(1)  # it ends while nobody watches
    site("up", "--until-idle")
    row = site.row(id_)
    assert (row["state"], row["exit_code"], row["attempt"]) == ("failed", 7, 1)
    assert row["started"] == before["started"]
    assert row["ended"] - row["started"] == pytest.approx(row["ran_ms"], abs=50)
