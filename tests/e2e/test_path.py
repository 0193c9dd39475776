"""The path of a new site: made, shared out, used, accounted for; in the shapes of the commands that are fixed."""

from __future__ import annotations

import stat


def test_init_describes_this_machine(shanyrak):
    answer = shanyrak.bare("init", shanyrak.folder)
    assert "is a workspace" in answer.out
    assert stat.S_IMODE(shanyrak.folder.stat().st_mode) == 0o700
    assert {path.name for path in shanyrak.folder.iterdir()} >= {"commons.toml", "journal.db", "secrets"}
    nodes = shanyrak("node", "list", "--json").json
    assert nodes
    assert all(node["units"] > 0 and node["state"] == "up" for node in nodes)
    assert any(node["unit"] == "cpu" for node in nodes)


def test_init_of_a_machine_that_is_not_here_warns(shanyrak):
    answer = shanyrak.bare("init", shanyrak.folder, "--nodes", "64x8", "--unit", "gpu")
    assert "64 x 8 gpu slots are more than" in answer.line
    nodes = shanyrak("node", "list", "--json").json
    assert len(nodes) == 64
    assert {node["units"] for node in nodes} == {8}


def test_from_submission_to_account(site):
    first = site.run("--name", "hello", "--", "echo", "salem")
    second = site.run("--after", first, "--", "sh", "-c", "echo broken >&2; exit 3")
    third = site.run("--array", "0-3%2", "--", "sh", "-c", "echo task $SHANYRAK_TASK")
    assert [row["state"] for row in site("ps", "--json").json] == ["queued"] * 3
    site("up", "--until-idle")

    rows = {row["id"]: row for row in site("ps", "--all", "--json").json}
    assert (rows[first]["state"], rows[first]["exit_code"], rows[first]["name"]) == ("done", 0, "hello")
    assert (rows[second]["state"], rows[second]["reason"], rows[second]["exit_code"]) == ("failed", "exit", 3)
    assert rows[third]["state"] == "done"
    assert rows[third]["tasks"]["done"] == rows[third]["tasks"]["total"] == 4
    for row in rows.values():
        assert row["submitted"] <= row["started"] <= row["ended"]
        assert row["attempt"] == 1
        assert row["words"]
        assert row["isolation"]
    assert rows[second]["started"] >= rows[first]["ended"]

    assert site("logs", first).out == "salem\n"
    assert site("logs", second, "--err").out == "broken\n"
    assert site("logs", third, "--task", 2).out == "task 2\n"
    assert "is done" in site("wait", first).line
    site("wait", first, second, code=1)

    account = site("account", "check", "--json").json
    assert account["balanced"]
    assert account["faults"] == []
    pots = account["units"]["cpu-second"]
    assert pots["issued"] == 36_000 == pots["held"] + pots["used"] + pots["left"]
    assert pots["held"] == 0
    assert 6 <= pots["used"] < 600  # six attempts, each at least a second by the rule of charging
    assert site("ps", "--json").json == []
    assert "No work waits or runs" in site("ps").out


def test_run_and_wait_with_a_controller(site):
    site.up()
    done = site("run", "--project", "ada", "--walltime", "30s", "--wait", "--", "true")
    assert "is done" in done.err
    failed = site("run", "--project", "ada", "--walltime", "30s", "--wait", "--", "false", code=1)
    assert "exit code 1" in failed.err


def test_the_same_key_is_the_same_workload(site):
    first = site("run", "--project", "ada", "--key", "k", "--json", "--", "true").json
    again = site("run", "--project", "ada", "--key", "k", "--json", "--", "true").json
    assert (first["existing"], again["existing"]) == (False, True)
    assert first["id"] == again["id"]
    other = site("run", "--project", "ada", "--key", "k", "--", "false", code=2)
    assert "asks for something else" in other.line
    assert len(site("ps", "--json").json) == 1


def test_a_spec_from_a_file_and_what_a_job_sees(site, tmp_path, monkeypatch):
    secret = site.folder / "secrets" / "TOKEN"
    secret.write_text("s3cr3t-value\n")
    secret.chmod(0o600)
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'project = "ada"\nname = "seen"\nwalltime = "30s"\nmem = "64M"\nsecrets = ["TOKEN"]\n'
        'command = ["sh", "-c", "env | cut -d= -f1 | sort; pwd; echo $COLOUR; printf %s $TOKEN | wc -c"]\n'
        '[env]\nCOLOUR = "blue"\n'
    )
    work = tmp_path / "work"
    work.mkdir()
    answer = site("run", "--file", spec, "--name", "flags win", cwd=work, NOT_FOR_JOBS="1")
    site("up", "--until-idle", NOT_FOR_JOBS="1")
    row = site.row(int(answer.out))
    assert (row["state"], row["name"]) == ("done", "flags win")
    lines = site("logs", row["id"]).out.split()
    assert {"PATH", "HOME", "LANG", "COLOUR", "TOKEN"} <= set(lines)
    assert "NOT_FOR_JOBS" not in lines
    assert lines[-3:] == [str(work), "blue", "12"]
    told = site("events").out + site("ps", "--all", "--json").out
    assert "s3cr3t-value" not in told
    for part in site.folder.rglob("*"):
        if part.is_file() and part != secret:
            assert b"s3cr3t-value" not in part.read_bytes(), part


def test_asking_for_more_than_the_grant_is_refused_with_the_nearest_that_passes(site):
    answer = site("run", "--project", "ada", "--walltime", "11h", "--", "true", code=4)
    assert "is refused by rule grant" in answer.line
    assert "--walltime 36000s" in answer.line
    refused = int(answer.out)
    assert site.row(refused)["state"] == "refused"
    why = site("why", refused, "--json").json
    assert why["reasons"][0]["rule"] == "grant"
    assert "--walltime 36000s" in why["reasons"][0]["change"]
    assert "never starts" in site("eta", refused).out
    site.run("--", "true", walltime="36000s")


def test_grants_in_other_units_pulled_back_and_listed(site):
    site("grant", "add", "ada", 3, "gpu-hour", "--until", "2999-01-01", "--programme", "science")
    grants = site("grant", "list", "--json").json
    assert [(one["unit"], one["left"]) for one in grants] == [("cpu-second", 36_000), ("gpu-second", 10_800)]
    assert "went back to the pool" in site("grant", "pull", 2, "--amount", 800).out
    assert "went back to the pool" in site("grant", "pull", 1).out
    units = site("account", "--json").json["units"]
    assert units["gpu-second"]["left"] == 10_000
    assert units["cpu-second"]["left"] == 0
    site("run", "--project", "ada", "--", "true", code=4)


def test_the_workspace_is_found_from_inside_and_by_the_environment(site):
    assert site.bare("project", "list", cwd=site.folder / "secrets").out.startswith("PROJECT")
    assert "ada" in site.bare("project", "list", SHANYRAK_DIR=str(site.folder)).out
