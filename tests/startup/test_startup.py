"""The start-up budget: `shanyrak --help` stays quick and light with twenty plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import command_source, write_plugin

PLUGINS = 20
MOST = 9
ROUNDS = 15
SUMS = 4

SCRIPT = "from shanyrak.cli.main import main; main()"
"""What the console script does."""

HEAVY = ("pydantic", "numpy", "rich", "psutil", "numba", "sqlite3", "tomlkit", "asyncio")


@pytest.fixture
def env(tmp_path):
    """Twenty light plugins with a command and an engine each, and compiled modules kept as an installer keeps them."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    engine = "@hookimpl\ndef shanyrak_engines():\n    return [EngineRecord({0!r}, 'An engine.', 'x_{0}_command:say')]\n"
    for index in range(PLUGINS):
        hook, module = command_source(f"light{index}")
        write_plugin(folder, f"light{index}", hook + engine.format(f"light{index}"), more=module)
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("SHANYRAK_")}
    off = ",".join(found.name for found in find())
    return {
        **kept,
        "PYTHONPATH": str(folder),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "pycache"),
        "SHANYRAK_PLUGINS_DISABLE": off,
    }


def test_help_with_twenty_plugins_is_under_nine_bare_starts(env, tmp_path):
    # Processor time, added up over rounds in turn: one process is too short for the kernel's clock to measure it well. The
    # least of several sums counts: what else the machine does costs the longer process more, and never less.
    bare, help_ = [sys.executable, "-c", "pass"], [sys.executable, "-P", "-c", SCRIPT, "--help"]
    shown = subprocess.run(help_, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.count("Say the name light") == PLUGINS
    ratios = []
    for _ in range(SUMS):
        rounds = [(seconds(help_, env, tmp_path), seconds(bare, env, tmp_path)) for _ in range(ROUNDS)]
        ratios.append(sum(help_ for help_, _ in rounds) / sum(bare for _, bare in rounds))
    ratio = min(ratios)
    print(f"\nhelp with {PLUGINS} plugins / python -c pass: {ratio:.1f}")
    assert ratio < MOST


def seconds(command: list[str], env: dict[str, str], cwd: object) -> float:
    """Processor time (user and system) of one process that must succeed."""
    process = subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.DEVNULL)  # type: ignore[call-overload]
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plugin", "--help"], ["no-such-command"]])
def test_no_heavy_module_is_on_the_way(env, tmp_path, arguments):
    code = (
        "import json, sys\nfrom shanyrak.cli.app import run\n"
        f"code = run({arguments!r})\nsys.stderr.write(chr(10) + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert "click" in imported
    assert imported.isdisjoint(HEAVY)
    assert not any(name.endswith("_command") for name in imported), "no plugin's command was imported"
