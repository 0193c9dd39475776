"""The frame of the command line: what went wrong is one line and an exit code; help needs no verb."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from shanyrak import __version__, errors
from shanyrak.cli.app import run
from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.verbs import VERBS
from shanyrak.plugins.names import CORE_VERBS
from shanyrak.records import Command
from shanyrak.testing.distribution import write_plugin


@pytest.fixture
def verb(monkeypatch):
    """Put a function in the place of the verb `ps`."""
    monkeypatch.setenv("SHANYRAK_PLUGINS", "0")
    for name in ("SHANYRAK_DIR", "SHANYRAK_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def put(function):
        module = ModuleType("x_verb")
        module.ps = function if isinstance(function, click.Command) else click.command("ps")(function)
        monkeypatch.setitem(sys.modules, "x_verb", module)
        monkeypatch.setitem(VERBS, "ps", Command("ps", "A verb.", "x_verb:ps"))

    return put


def raising(error):
    def go():
        raise error

    return go


def test_the_table_has_exactly_the_verbs_that_plugins_may_not_take():
    assert set(VERBS) == CORE_VERBS
    assert all(verb.summary.endswith(".") for verb in VERBS.values())


@pytest.mark.parametrize("name", sorted(CORE_VERBS))
def test_every_verb_is_a_command_with_help(name, capsys, monkeypatch):
    monkeypatch.setenv("SHANYRAK_PLUGINS", "0")
    assert run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: shanyrak {name} ")


def test_help_shows_every_verb_and_imports_none(capsys, monkeypatch):
    monkeypatch.setenv("SHANYRAK_PLUGINS", "0")
    for name, verb in VERBS.items():
        monkeypatch.setitem(VERBS, name, Command(name, verb.summary, "no_such_module:x"))
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name, verb in VERBS.items():
        assert f"  {name} " in out
        assert verb.summary[:30] in out


def test_the_version_is_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"shanyrak {__version__}\n"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.Problem, 1),
        (errors.UsageProblem, 2),
        (errors.PluginProblem, 3),
        (errors.RefusedProblem, 4),
        (errors.EngineProblem, 5),
        (errors.UnfitProblem, 6),
    ],
)
def test_a_problem_is_told_once_with_its_exit_code(verb, capsys, kind, code):
    verb(raising(kind("the thing", "why\nit failed \x1b[31m", "do this")))
    assert run(["ps"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "shanyrak: the thing: why it failed  [31m. Do this.\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device. Make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied. Ask its owner"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
def test_trouble_of_the_machine_is_one_line_and_not_fit(verb, capsys, number, words):
    verb(raising(OSError(number, os.strerror(number), "/some/file")))
    assert run(["ps"]) == 6
    err = capsys.readouterr().err
    assert err.startswith("shanyrak: /some/file: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_defect_keeps_its_traceback(verb):
    verb(raising(ZeroDivisionError("a defect")))
    with pytest.raises(ZeroDivisionError):
        run(["ps"])


def test_debugging_keeps_every_traceback(verb, monkeypatch):
    monkeypatch.setenv("SHANYRAK_DEBUG", "1")
    verb(raising(errors.UsageProblem("x")))
    with pytest.raises(errors.UsageProblem):
        run(["ps"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_quiet(verb, capsys, error):
    verb(raising(error))
    assert run(["ps"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (1, 1), (4, 4), (True, 0), ("text", 0)])
def test_what_a_verb_returns_is_the_exit_code_if_it_is_a_number(verb, answer, code):
    verb(lambda: answer)
    assert run(["ps"]) == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pz"], "no command `pz`. Did you mean `ps`?"),
        (["quikstart"], "Did you mean `quickstart`?"),
        (["xyzzyxyzzy"], "no command `xyzzyxyzzy`. `shanyrak --help` lists all"),
        (["--verson"], "--version"),
        (["ps", "--jsn"], "--json"),
        (["ps", "-C", "x"], "-C comes first: `shanyrak -C DIR ps`."),
        (["-C"], "'-C' requires an argument"),
        (["ps", "extra"], "Got unexpected extra argument (extra)"),
        (["plugin", "lst"], "lst"),
    ],
)
def test_usage_is_one_line_with_what_was_meant(verb, capsys, arguments, words):
    verb(click.command("ps")(click.option("--json", is_flag=True)(lambda json: None)))
    assert run(arguments) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
    assert err.startswith("shanyrak: ")


def test_commands_are_given_the_folder(verb, tmp_path, monkeypatch, capsys):
    seen = []

    @click.command("ps")
    @pass_frame
    def ps(frame: Frame) -> None:
        seen.append(frame.folder)
        frame.workspace()

    verb(ps)
    assert run(["-C", str(tmp_path), "ps"]) == 6
    monkeypatch.setenv("SHANYRAK_DIR", str(tmp_path))
    (tmp_path / "commons.toml").touch()
    assert run(["ps"]) == 0
    assert seen == [tmp_path, tmp_path]
    assert "it has no commons.toml" in capsys.readouterr().err


# ---- real processes -------------------------------------------------------------------------------------------


@pytest.fixture
def tool(tmp_path):
    """Start `shanyrak tool` with this body as its command."""

    def start(body: str, **how: object) -> subprocess.Popen[bytes]:
        hook = "@hookimpl\ndef shanyrak_commands():\n    return [Command('tool', 'A tool.', 'x_tool_command:say')]"
        source = f"import click, sys, time\n@click.command()\ndef say():\n    {body}\n"
        write_plugin(tmp_path, "tool", hook, more={"x_tool_command": source})
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-P", "-m", "shanyrak", "tool"]
        return subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, **how)  # type: ignore[call-overload]

    return start


def ours(err: bytes) -> list[str]:
    """What was written on stderr, without lines about plugins that are installed here."""
    return [line for line in err.decode().splitlines() if not line.startswith("shanyrak: plugin ")]


def test_a_real_interrupt_is_quiet(tool):
    process = tool("click.echo('ready'); time.sleep(60)", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert ours(err) == []


def test_a_reader_that_went_away_is_quiet(tool):
    process = tool("time.sleep(0.2); [click.echo('x' * 1000) for _ in range(1000)]", stdout=subprocess.PIPE)
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(30) == 141
    assert ours(err) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_one_line_and_not_fit(tool):
    with open("/dev/full", "wb") as full:
        process = tool("click.echo('x')", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 6
    assert len(ours(err)) == 1
    assert "No space left on device" in ours(err)[0]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_defect_and_never_the_journal(tmp_path, closed):
    env = {**os.environ, "SHANYRAK_PLUGINS": "0", "SHANYRAK_DIR": str(tmp_path)}
    program = (
        "import os, sys; from shanyrak.cli.main import stand_in; stand_in();"
        "number = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); print('told'); sys.stdout.flush(); sys.exit(number < 3)"
    )
    script = f'{sys.executable} -c "{program}" {tmp_path}/journal {closed}'
    assert subprocess.run(["sh", "-c", script], env=env, capture_output=True).returncode == 0
    assert (tmp_path / "journal").read_bytes() == b""
    script = f"{sys.executable} -m shanyrak plugin list {closed}"
    assert subprocess.run(["sh", "-c", script], env=env, capture_output=True).returncode == 0


def test_a_working_folder_that_is_gone_is_one_line(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    script = f"cd {folder} && rmdir {folder} && {sys.executable} -m shanyrak -C {tmp_path} run --project p -- true"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the working folder: it is not there any more" in done.stderr
