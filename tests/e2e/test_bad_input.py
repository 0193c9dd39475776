"""Each mistake is one line on stderr that names it, with the exit code of its kind, and changes nothing."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

MISTAKES = [
    (("run", "--project", "adda", "--", "true"), 2, ("'adda'", "did you mean 'ada'")),
    (("run", "--project", "ada", "--walltme", "5m", "--", "true"), 2, ("--walltme", "--walltime")),
    (("run", "--project", "ada", "--cpus", "-1", "--", "true"), 2, ("'cpus'",)),
    (("run", "--project", "ada", "--cpus", "9" * 30, "--", "true"), 2, ("'cpus'",)),
    (("run", "--project", "ada", "--width", "0", "--", "true"), 2, ("'width'",)),
    (("run", "--project", "ada", "--mem", "-4G", "--", "true"), 2, ("'mem'",)),
    (("run", "--project", "ada", "--mem", "9999999P", "--", "true"), 2, ("'mem'",)),
    (("run", "--project", "ada", "--walltime", "-5m", "--", "true"), 2, ("'walltime'",)),
    (("run", "--project", "ada", "--walltime", "9" * 40, "--", "true"), 2, ("'walltime'",)),
    (("run", "--project", "ada", "--array", "0-99999999", "--", "true"), 2, ("'array'",)),
    (("run", "--project", "ada", "--array", "5-1", "--", "true"), 2, ("'array'", "backwards")),
    (("run", "--project", "ada", "--after", "99", "--", "true"), 2, ("'after'", "99")),
    (("run", "--project", "ada", "--env", "FOO", "--", "true"), 2, ("--env", "NAME=VALUE")),
    (("run", "--project", "ada", "--secret", "NONE", "--", "true"), 2, ("'NONE'", "secrets/NONE")),
    (("run", "--project", "ada"), 2, ("'command'",)),
    (("run", "--", "true"), 2, ("'project'",)),
    (("run", "--project", "ada", "--", ""), 2, ("'command'",)),
    (("grant", "add", "ada", "-5", "cpu-hour"), 2, ("-5", "not negative")),
    (("grant", "add", "ada", "0", "cpu-hour"), 2, ("above zero",)),
    (("grant", "add", "ada", "9" * 30, "cpu-hour"), 2, ("absurdly large",)),
    (("grant", "add", "ada", "5", "cpu-hur"), 2, ("did you mean 'cpu-hour'",)),
    (("grant", "add", "ada", "5", "cpu-hour", "--until", "2001-01-01"), 2, ("term",)),
    (("project", "add", "eve", "--sector", "startp", "--org", "E"), 2, ("did you mean 'startup'",)),
    (("project", "add", "Eve X", "--sector", "startup", "--org", "E"), 2, ("'Eve X'",)),
    (("project", "add", "ada", "--sector", "startup", "--org", "E"), 2, ("exists already",)),
    (("why", "99"), 2, ("99",)),
    (("why", "-1"), 2, ("-1",)),
    (("eta", "x"), 2, ("whole number",)),
    (("logs", "99"), 2, ("99",)),
    (("stop", "99"), 2, ("99",)),
    (("wait", "99"), 2, ("99",)),
    (("node", "drain", "cpu-9"), 2, ("'cpu-9'",)),
    (("window", "add", "cpu-0", "--from", "tomorrow"), 2, ("--from", "2026-12-31")),
    (("window", "remove", "9"), 2, ("window 9",)),
    (("policy", "activate", "eassy"), 3, ("eassy", "easy")),
    (("plugin", "info", "locl"), 2, ("locl",)),
    (("run", "--project", "ada", "--name", "a\udcff", "--", "true"), 2, ("'name'", "not valid text")),
    (("node", "drain", "cpu", "--reason", "a\udcff"), 2, ("reason", "no journal keeps")),
    (("pause", "a\udcff"), 2, ("the project", "no journal keeps")),
    (("ps", "--project", "a\udcff"), 2, ("the project", "no journal keeps")),
    (("pss",), 2, ("did you mean `ps`",)),
    (("ps", "--jsn"), 2, ("--json",)),
]


def events(site):
    """How many events the journal has, read beside the command line."""
    store = sqlite3.connect(site.folder / "journal.db")
    try:
        return store.execute("SELECT COUNT(*) FROM event").fetchone()[0]
    finally:
        store.close()


@pytest.mark.parametrize(("args", "code", "parts"), MISTAKES, ids=lambda value: str(value)[:50])
def test_a_mistake_is_one_line_and_changes_nothing(pristine, args, code, parts):
    before = events(pristine)
    line = pristine(*args, code=code).line.lower()
    for part in parts:
        assert part.lower() in line
    assert events(pristine) == before


@pytest.mark.parametrize("field", ["name", "key", "cwd", "env.A"])
def test_a_zero_in_a_file_is_named(site, tmp_path, field):
    spec = tmp_path / "spec.toml"
    spec.write_text(f'project = "ada"\ncommand = ["true"]\n{field} = "/a\\u0000b"\n')
    assert f"'{field}': a zero byte cannot stand in it" in site("run", "--file", spec, code=2).line


def test_an_unknown_field_in_a_file_is_named_with_the_one_that_was_meant(site, tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text('project = "ada"\ncommand = ["true"]\nwalltme = "5m"\n')
    line = site("run", "--file", spec, code=2).line
    assert "'walltme'" in line
    assert "Did you mean 'walltime'?" in line
    spec.write_text('project = "ada"\ncommand = \n')
    assert "line 2" in site("run", "--file", spec, code=2).line
    assert "none.toml" in site("run", "--file", tmp_path / "none.toml", code=2).line


@pytest.mark.parametrize(
    ("flags", "nearest"), [(("--cpus", 64), "at most 2"), (("--gpus", 1), "without --gpus"), (("--width", 2), "")]
)
def test_a_request_that_can_never_run_here_is_refused(site, flags, nearest):
    answer = site("run", "--project", "ada", *flags, "--", "true", code=4)
    assert "can never run here" in answer.line
    assert nearest in answer.line
    assert site.row(int(answer.out))["state"] == "refused"


def test_a_missing_command_and_folder_are_failures_of_the_work(site, tmp_path):
    command = site.run("--", "no-such-command-at-all")
    folder = site.run("--cwd", tmp_path / "gone", "--", "true")
    site("up", "--until-idle")
    for id_, word in ((command, "no-such-command-at-all"), (folder, "gone")):
        row = site.row(id_)
        assert (row["state"], row["reason"]) == ("failed", "launch")
        assert word in row["words"]
        assert row["attempt"] == 1  # a mistake of the user is not tried again
    assert site("account", "check", "--json").json["units"]["cpu-second"]["held"] == 0


@pytest.mark.parametrize(
    "args",
    [("ps",), ("up", "--until-idle"), ("run", "--project", "ada", "--", "true"), ("account", "check"), ("why", "1")],
)
@pytest.mark.parametrize("damage", ["not a database", "emptied", "head", "gone"])
def test_a_damaged_workspace_is_named_and_not_fit(site, damage, args):
    site.run("--", "true")
    journal = site.folder / "journal.db"
    for name in ("journal.db-wal", "journal.db-shm"):
        (site.folder / name).unlink(missing_ok=True)
    if damage == "not a database":
        journal.write_bytes(b"salem" * 10_000)
    elif damage == "emptied":
        journal.write_bytes(b"")
    elif damage == "head":
        sound = journal.read_bytes()
        journal.write_bytes(b"\0" * 100 + sound[100:])
    else:
        journal.unlink()
    before = {path.name for path in site.folder.iterdir()}
    answer = site(*args, code=6)
    assert "journal.db" in answer.line or str(site.folder) in answer.line
    if damage == "gone":
        assert "journal.db" not in {path.name for path in site.folder.iterdir()}, before


def test_a_damaged_site_file_is_named_with_its_line(site):
    file = site.folder / "commons.toml"
    sound = file.read_text()
    file.write_text(sound.replace("half_life", "halflife"))
    line = site("ps", code=2).line
    assert "halflife" in line
    assert "half_life" in line
    file.write_text(sound + "\n[broken\n")
    assert "not TOML" in site("ps", code=6).line
    file.write_text(sound)
    site("ps")


def test_no_workspace_is_told_with_the_next_step(shanyrak, tmp_path):
    assert "shanyrak init" in shanyrak("ps", code=6).line
    assert "shanyrak init DIR" in shanyrak.bare("ps", code=6).line
    tmp_path.joinpath("file").write_text("x")
    assert "not a folder" in shanyrak.bare("init", tmp_path / "file", code=2).line
    assert "no folder can be made" in shanyrak.bare("init", tmp_path / "file" / "x", code=2).line
    tmp_path.joinpath("full").mkdir()
    shutil.copy(tmp_path / "file", tmp_path / "full" / "file")
    assert "not empty" in shanyrak.bare("init", tmp_path / "full", code=2).line
    for nodes in ("0x1", "8", "-1x2", "8x9999999"):
        assert "--nodes" in shanyrak.bare("init", tmp_path / "new", f"--nodes={nodes}", code=2).line
    assert not (tmp_path / "new").exists()


def test_a_second_workspace_in_the_same_folder_is_refused(site):
    before = (site.folder / "commons.toml").read_text()
    assert "workspace already" in site.bare("init", site.folder, code=2).line
    assert (site.folder / "commons.toml").read_text() == before


def test_a_journal_that_another_program_locks_is_told(site):
    """Readers go on; a writer waits and then says so. (The wait is the store's own, some twenty seconds.)"""
    other = sqlite3.connect(site.folder / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert site("project", "list").out
        answer = site("run", "--project", "ada", "--", "true", code=6)
        assert "journal" in answer.line
    finally:
        other.execute("ROLLBACK")
        other.close()
    site.run("--", "true")


def test_a_workspace_on_a_network_file_system_is_refused(tmp_path):
    from shanyrak.errors import UnfitProblem
    from shanyrak.journal.sqlite import refuse_network_filesystem

    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/export {tmp_path} nfs4 rw 0 0\n/dev/sda1 / ext4 rw 0 0\n")
    with pytest.raises(UnfitProblem, match="network file system") as told:
        refuse_network_filesystem(tmp_path, str(mounts))
    assert told.value.exit_code == 6
    mounts.write_text(f"server:/export {tmp_path}/elsewhere nfs4 rw 0 0\n/dev/sda1 / ext4 rw 0 0\n")
    refuse_network_filesystem(tmp_path, str(mounts))
