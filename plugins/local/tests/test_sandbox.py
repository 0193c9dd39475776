"""What bubblewrap keeps an attempt from, and what it must still be able to do."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from shanyrak.api import EngineContext, EngineProblem
from shanyrak_local import isolation
from shanyrak_local.engine import make
from shanyrak_local.settings import Settings

CONNECT = (
    "import socket, sys; s = socket.socket(); s.settimeout(5)\n"
    "try: s.connect(('127.0.0.1', int(sys.argv[1]))); print('connected')\n"
    "except OSError: print('refused')"
)


def test_isolation_is_recorded(box):
    answer = box.launch("a", "true")
    assert {"bwrap", "pidns", "no-network", "readonly-system", "private-tmp", "no-caps"} <= set(answer.isolation)
    assert box.end("a").isolation == answer.isolation
    box.launch("b", "true", network=True)
    assert "no-network" not in box.end("b").isolation


def test_the_system_is_read_only_and_the_work_folder_is_not(box):
    seen = box.run(
        "a", "sh", "-c", "echo x > here && echo x > /usr/x; echo x > /etc/x; touch /x; echo x > /tmp/x && ls /tmp"
    )
    assert seen.exit_code == 0
    assert (box.work / "here").read_text() == "x\n"
    assert not any(Path(path).exists() for path in ("/usr/x", "/etc/x", "/x", "/tmp/x"))
    assert "x" in box.out("a").split()


def test_outputs_are_writable_and_their_neighbours_are_not(box, tmp_path):
    inside, outside = tmp_path / "out", tmp_path / "other"
    inside.mkdir(), outside.mkdir()
    box.run("a", "sh", "-c", f"echo x > {inside}/f; echo x > {outside}/f; echo x > new/f", outputs=(str(inside), "new"))
    assert (inside / "f").exists() and not (outside / "f").exists()
    refused = box.launch("b", "true", outputs=(str(tmp_path / "missing"),))
    assert "output does not exist" in refused.refused and refused.user_fault


@pytest.mark.parametrize(("network", "word"), [(False, "refused"), (True, "connected")])
def test_the_network_is_there_only_when_asked_for(box, network, word):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        box.run("a", sys.executable, "-I", "-c", CONNECT, port, network=network)
    assert box.out("a") == f"{word}\n"


def test_other_processes_cannot_be_seen_or_reached(box):
    box.run("a", "sh", "-c", f"kill -0 {os.getpid()} && echo reached; ls /proc | grep -c '^[0-9]*$'")
    assert int(box.out("a")) < 10


def test_no_new_user_namespace(box, works):
    if not works.userns:
        pytest.skip("this bubblewrap has no --disable-userns")
    seen = box.run("a", "unshare", "--user", "true")
    assert seen.exit_code != 0


def test_no_capabilities(box):
    box.run("a", "grep", "CapEff", "/proc/self/status")
    assert int(box.out("a").split()[1], 16) == 0


def test_the_workspace_and_its_secrets_are_hidden(lab_of, tmp_path):
    (tmp_path / "commons.toml").write_text("")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("hidden")
    box = lab_of("bwrap")
    script = f"cat {tmp_path}/secrets/key {tmp_path}/commons.toml {tmp_path}/engine/book; echo x > {box.work}/f"
    box.run("a", "sh", "-c", script)
    assert box.out("a") == "" and (box.work / "f").exists()
    assert box.out("a", "stderr").count("No such file") == 3
    box.run("b", "sh", "-c", "cat secrets/key engine/book; ls", cwd=str(tmp_path))
    assert "hidden" not in box.out("b")
    assert box.out("b", "stderr").count("No such file") == 2


@pytest.mark.parametrize("above", [False, True])
def test_a_work_folder_at_or_above_the_workspace_does_not_open_it(box, tmp_path, above):
    site = tmp_path / "site"
    (site / "secrets").mkdir(parents=True)
    for name in ("secrets/key", "commons.toml", "journal.db", "journal.db-wal"):
        (site / name).write_text("hidden")
    box.folder = site / "engines" / "pool"
    box.make()
    script = (
        f"cd {site}; cat secrets/key journal.db journal.db-wal engines/pool/book; mv journal.db x; mv engines x;"
        "echo x > journal.db; echo x > journal.db-wal; echo x >> commons.toml; echo x > mine; true"
    )
    box.run("a", "sh", "-c", script, cwd=str(tmp_path if above else site))
    assert box.out("a") == ""
    assert all((site / name).read_text() == "hidden" for name in ("commons.toml", "journal.db", "journal.db-wal"))
    assert (site / "engines").is_dir() and (site / "mine").exists() is not above


@pytest.mark.parametrize("home", ["/root", str(Path.home())])
def test_a_work_folder_in_a_home_is_reached(box, home):
    if not os.access(home, os.W_OK):
        pytest.skip(f"{home} is not ours")
    with tempfile.TemporaryDirectory(dir=home) as folder:
        seen = box.run("a", "sh", "-c", "pwd; echo x > f; cat f", cwd=folder)
        assert seen.exit_code == 0, box.out("a", "stderr")
        assert box.out("a") == f"{folder}\nx\n"
        assert (Path(folder) / "f").exists()


def test_a_program_under_tmp_that_the_command_names_is_seen(box):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = Path(folder) / "prog"
        program.write_text("#!/bin/sh\necho ran $1; cat $1; echo x > $1\n")
        program.chmod(0o755)
        data = Path(folder) / "data"
        data.write_text("data\n")
        box.run("a", str(program), str(data))
        assert box.out("a") == f"ran {data}\ndata\n"
        assert data.read_text() == "data\n"


def test_the_root_as_work_folder_is_not_writable(box):
    box.run("a", "sh", "-c", "pwd; touch /x", cwd="/")
    assert box.out("a") == "/\n" and not Path("/x").exists()


def test_tmp_as_work_folder(box):
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        answer = box.launch("a", "ls", file.name, cwd="/tmp")
        assert "private-tmp" not in answer.isolation
        assert box.end("a").exit_code == 0


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_what_is_memory_is_no_way_around_the_limit(box, folder):
    fill = f"head -c 30000000 /dev/zero > {folder}/f; stat -c %s {folder}/f; touch /dev/x && echo made"
    box.run("a", "sh", "-c", fill, memory=20 << 20)
    assert box.out("a").split() == [str(20 << 20)]


def test_hidden_folders(box, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "f").write_text("x")
    box.make(hide=(str(hidden), "/var/log"))
    box.run("a", "sh", "-c", f"ls {hidden} /var/log; true")
    assert "f" not in box.out("a").split()


def test_a_command_that_the_sandbox_hides_is_told(box, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    program = hidden / "prog"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    box.make(hide=(str(hidden),))
    seen = box.run("a", str(program))
    assert (seen.cause, seen.exit_code) == ("launch", 1)
    assert "No such file" in seen.words


def test_work_of_another_user_needs_bubblewrap(lab_of):
    plain = lab_of("none")
    answer = plain.launch("a", "true", user="somebody-else")
    assert answer.user_fault and "somebody-else" in answer.refused and "allow_other_users" in answer.refused
    plain.make(allow_other_users=True)
    assert plain.run("b", "true", user="somebody-else").exit_code == 0


def test_work_of_another_user_runs_in_bubblewrap(box):
    assert box.run("a", "true", user="somebody-else").exit_code == 0


def test_what_is_demanded_and_not_there_is_an_error(tmp_path, monkeypatch):
    found = {"namespace": False, "bwrap": "", "userns": False, "why_namespace": "forbidden", "why_bwrap": "missing"}
    monkeypatch.setattr(isolation, "_probe", lambda folder: found)
    for kind, why in (("bwrap", "missing"), ("namespace", "forbidden")):
        with pytest.raises(EngineProblem, match=why):
            make(EngineContext("p", str(tmp_path / kind), Settings(isolation=kind)))
    assert make(EngineContext("p", str(tmp_path / "auto"), Settings())).isolation.kind == "subreaper"
