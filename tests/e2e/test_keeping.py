"""What keeps a site: backup and restore, the proofs, doctor, events, plugins."""

from __future__ import annotations

import signal
import sqlite3
import stat


def test_backup_and_restore(site, tmp_path):
    done = site.run("--", "echo", "before")
    site("up", "--until-idle")
    waits = site.run("--", "echo", "after")
    file = tmp_path / "site.tar"
    assert "up to event" in site("backup", file).out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    site("stop", waits)  # after the copy: the copy does not know

    new = tmp_path / "again"
    assert "is a workspace again" in site.bare("restore", file, new).out
    rows = site.bare("-C", new, "ps", "--all", "--json").json
    assert [(row["id"], row["state"]) for row in rows] == [(done, "done"), (waits, "queued")]
    site.bare("-C", new, "verify")
    site.bare("-C", new, "up", "--until-idle")
    assert site.bare("-C", new, "logs", waits).out == "after\n"
    assert site.bare("-C", new, "account", "check", "--json").json["balanced"]

    assert "exists already" in site("backup", file, code=2).line
    assert "workspace already" in site.bare("restore", file, new, code=2).line
    half = tmp_path / "half.tar"
    half.write_bytes(file.read_bytes()[:2000])
    assert "not a backup" in site.bare("restore", half, tmp_path / "third", code=2).line
    assert not (tmp_path / "third").exists()


def test_backup_while_a_controller_runs(site, tmp_path):
    site.up()
    site.run("--array", "0-19%2", "--", "true")
    site("backup", tmp_path / "live.tar")
    site.bare("restore", tmp_path / "live.tar", tmp_path / "copy")
    proofs = site.bare("-C", tmp_path / "copy", "verify", "--json").json
    assert proofs["holds"]
    assert len(proofs["proofs"]) >= 4


def test_verify_names_an_altered_event(site):
    site.run("--", "true")
    site("up", "--until-idle")
    site("verify")
    store = sqlite3.connect(site.folder / "journal.db")
    with store:
        store.execute("UPDATE event SET actor = 'nobody' WHERE seq = 3")
    store.close()
    answer = site("verify", code=6)
    assert "BROKEN" in answer.out
    assert "event 3" in answer.out or "3:" in answer.out


def test_every_decision_can_be_taken_again(site):
    site.run("--", "true")
    site.run("--array", "0-3%2", "--class", "service", "--", "true")
    site("up", "--until-idle")
    found = site("verify", "decisions", "--json").json
    assert found["holds"] and found["decisions"] == found["same"] > 1 and found["not_rerunnable"] == []
    assert f"{found['same']} of {found['same']} decisions taken again are the same" in site("verify", "decisions").out
    store = sqlite3.connect(site.folder / "journal.db")
    with store:
        store.execute("UPDATE event SET payload = replace(payload, '\"start_nodes\":[0', '\"start_nodes\":[1')")
    store.close()
    answer = site("verify", "decisions", code=6)
    assert "its plan differs in start_nodes" in answer.out
    assert not site("verify", "decisions", "--json", code=6).json["holds"]


def test_verify_names_a_table_that_was_changed_behind_the_journal(site):
    site.run("--", "true")
    site("up", "--until-idle")
    store = sqlite3.connect(site.folder / "journal.db")
    with store:
        store.execute("UPDATE balance SET amount = amount + 1 WHERE pot = 'left'")
    store.close()
    assert "balance" in site("verify", code=6).out
    checked = site("account", "check", "--json", code=1).json
    assert not checked["balanced"]
    assert checked["faults"]


def test_doctor_of_a_healthy_site_and_of_open_doors(site):
    findings = site("doctor", "--json").json
    assert {finding["level"] for finding in findings} == {"ok"}
    site.folder.chmod(0o755)
    warned = [finding for finding in site("doctor", "--json").json if finding["level"] == "warn"]
    assert [finding["subject"] for finding in warned] == ["the workspace"]
    assert "chmod 700" in warned[0]["fix"]


def test_every_event_has_an_actor_and_follows_the_one_before(site):
    site.run("--", "true")
    site("up", "--until-idle")
    events = site("events", "--json").json
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert all(one["actor"] for one in events)
    assert events[0]["type"] == "site.created"
    assert {"project.added", "grant.issued", "workload.submitted", "attempt.intent", "attempt.ended"} <= {
        one["type"] for one in events
    }
    assert [one["seq"] for one in site("events", "--json", "--last", 2).json] == [len(events) - 1, len(events)]
    assert site("store", "info", "--json").json["events"] == len(events)


def test_plugins_are_listed_checked_and_switched(site):
    rows = {row["name"]: row for row in site("plugin", "list", "--json").json}
    assert rows["local"]["state"] == rows["policies"]["state"] == "active"
    assert {"name", "version", "state", "reason", "hooks"} <= set(rows["local"])
    site("plugin", "check")
    site("plugin", "disable", "local")
    assert "local" in site("up", "--until-idle", code=3).line
    site("run", "--project", "ada", "--", "true")
    site("plugin", "enable", "local")
    site("up", "--until-idle")
    assert site.row(1)["state"] == "done"


def test_a_closed_terminal_ends_the_controller_in_order(site):
    process = site.up()
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0
    assert site("events", "--json", "--last", "1").json[0]["type"] == "lease.left"
