"""The broken-plugin matrix with real processes: whatever breaks, the ring and the other plugins stand."""

from __future__ import annotations

import pytest
from shanyrak import __version__
from shanyrak.testing.distribution import write_distribution, write_plugin

ALSO = "@hookimpl\ndef shanyrak_commands():\n    return [Command('broken', 'Half in.', 'x:y')]\n"

KINDS = {
    "import error": ("failed", "ModuleNotFoundError", {"source": "import no_such_module_here"}),
    "system exit": ("failed", "SystemExit: 7", {"source": "raise SystemExit(7)"}),
    "keyboard interrupt": ("failed", "KeyboardInterrupt", {"source": "raise KeyboardInterrupt"}),
    "wrong argument": (
        "failed",
        "does not fit its specification",
        {"source": "@hookimpl\ndef shanyrak_on_event(evnt): pass"},
    ),
    "unknown hook": ("failed", "did you mean", {"source": "@hookimpl\ndef shanyrak_enginez(): return []"}),
    "opener absent": (
        "waiting",
        "`gate` would",
        {"source": "@hookimpl\ndef shanyrak_gate_doors(): return []"},
    ),
    "bad record": ("failed", "not a Plugin record", {"record": "PLUGIN = 'broken'"}),
    "old api": ("incompatible", "written for API 0", {"record": "PLUGIN = Plugin('broken', '0', 'Old.')"}),
    "raises in collect": (
        "failed",
        "boom",
        {"source": "@hookimpl\ndef shanyrak_engines(): raise ValueError('boom')"},
    ),
    "raises for a service": (
        "failed",
        "boom",
        {"source": "@hookimpl\ndef shanyrak_services(): 1 / 0 if 0 else boom"},
    ),
    "takes a command": (
        "failed",
        "owns only the name `broken`",
        {"source": "@hookimpl\ndef shanyrak_commands(): return [Command('alpha', 's', 'a:b')]"},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_broken_plugin_takes_nothing_down(installation, kind):
    state, words, written = KINDS[kind]
    source = written.get("source", "")
    head = "" if "shanyrak_commands" in source else ALSO
    write_plugin(installation.folder, "broken", head + source, record=written.get("record"))

    states = installation.plugins()
    assert states["broken"]["state"] == state
    assert words in states["broken"]["reason"]
    assert states["alpha"]["state"] == states["zulu"]["state"] == "active"

    shown = installation.shanyrak("--help")
    assert shown.returncode == 0
    assert "Say the name alpha." in shown.stdout
    assert "Say the name zulu." in shown.stdout
    assert "Half in." not in shown.stdout or kind in ("raises in collect", "raises for a service")
    assert len(shown.stderr.splitlines()) <= 1

    said = installation.shanyrak("zulu")
    assert (said.returncode, said.stdout) == (0, "this is zulu\n")


def test_the_version_is_told_without_looking_at_plugins(installation):
    write_plugin(installation.folder, "broken", "import sys, os\nos._exit(9)")
    done = installation.shanyrak("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"shanyrak {__version__}\n", "")


def test_every_plugin_broken_at_once(installation):
    for index, (_, _, written) in enumerate(KINDS.values()):
        write_plugin(installation.folder, f"b{index}", written.get("source", ""), record=written.get("record"))
    states = installation.plugins()
    assert all(states[f"b{index}"]["state"] != "active" for index in range(len(KINDS)))
    assert installation.shanyrak("--help").returncode == 0
    assert installation.shanyrak("alpha").stdout == "this is alpha\n"


def test_two_distributions_of_one_name_are_both_refused(installation):
    write_plugin(installation.folder, "broken", ALSO)
    write_distribution(installation.folder, "y-broken", {"broken": "x_broken"}, {}, version="2.5")
    broken = installation.plugins()["broken"]
    assert broken["state"] == "failed"
    assert "by x-broken 1.0 and y-broken 2.5" in broken["reason"]
    assert installation.shanyrak("broken").returncode == 3


def test_the_opener_makes_the_waiting_active(installation):
    write_plugin(installation.folder, "user", "@hookimpl\ndef shanyrak_gate_doors(): return []")
    assert installation.plugins()["user"]["state"] == "waiting"
    write_plugin(
        installation.folder,
        "gate",
        record="PLUGIN = Plugin('gate', '1', 'A gate.', hookspecs='x_gate_hooks')",
        more={"x_gate_hooks": "from shanyrak.api import hookspec\n@hookspec\ndef shanyrak_gate_doors(): '''Doors.'''"},
    )
    states = installation.plugins()
    assert states["user"]["state"] == states["gate"]["state"] == "active"
    assert states["gate"]["opens"] == ["shanyrak_gate_doors"]
    off = installation.plugins(SHANYRAK_PLUGINS_DISABLE="gate, zulu")
    assert (off["gate"]["state"], off["zulu"]["state"], off["user"]["state"]) == (
        "disabled",
        "disabled",
        "waiting",
    )


def test_a_command_that_raises_is_one_line_and_names_its_plugin(installation):
    body = "import click\n@click.command()\ndef say():\n    raise RuntimeError('deep\\nwithin')\n"
    hook = "@hookimpl\ndef shanyrak_commands():\n    return [Command('tool', 'A tool.', 'x_tool_command:say')]"
    write_plugin(installation.folder, "tool", hook, more={"x_tool_command": body})
    done = installation.shanyrak("tool")
    assert done.returncode == 3
    assert done.stderr.startswith("shanyrak: plugin tool: RuntimeError: deep within.")
    assert len(done.stderr.splitlines()) == 1
    debug = installation.shanyrak("tool", SHANYRAK_DEBUG="1")
    assert "Traceback" in debug.stderr


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import no_such_module_here", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("say = 3", "is a int, not a click command"),
        ("", "has no `say`"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_one_line(installation, body, words):
    hook = "@hookimpl\ndef shanyrak_commands():\n    return [Command('tool', 'A tool.', 'x_tool_command:say')]"
    write_plugin(installation.folder, "tool", hook, more={"x_tool_command": body})
    done = installation.shanyrak("tool")
    assert done.returncode == 3
    assert words in done.stderr
    assert done.stderr.startswith("shanyrak: plugin tool: ")
    assert len(done.stderr.splitlines()) == 1
    assert "A tool." in installation.shanyrak("--help").stdout


def test_asking_for_the_command_of_a_broken_plugin_says_why(installation):
    write_plugin(installation.folder, "tool", "import no_such_module_here")
    done = installation.shanyrak("tool")
    assert done.returncode == 3
    assert "plugin tool: it is failed: its import failed: ModuleNotFoundError" in done.stderr


def test_switches_of_the_environment(installation):
    assert {s["state"] for s in installation.plugins(SHANYRAK_PLUGINS="0").values()} == {"disabled"}
    assert "alpha" not in installation.shanyrak("--help", SHANYRAK_PLUGINS="0").stdout
    states = installation.plugins(SHANYRAK_PLUGINS_DISABLE="alpha")
    assert states["alpha"]["reason"] == "by SHANYRAK_PLUGINS_DISABLE"
    assert states["zulu"]["state"] == "active"


def test_disable_and_enable_in_a_workspace_that_is_otherwise_damaged(installation):
    file = installation.here / "commons.toml"
    file.write_text("# mine\nnonsense = 1\n\n[plugins]  # switches\n")
    done = installation.shanyrak("plugin", "disable", "alpha")
    assert done.returncode == 0, done.stderr
    assert file.read_text().startswith("# mine\nnonsense = 1\n\n[plugins]  # switches\n")
    states = installation.plugins()
    assert states["alpha"]["state"] == "disabled"
    assert states["alpha"]["reason"] == "by `[plugins] disabled` in commons.toml"
    assert installation.shanyrak("alpha").returncode == 3
    assert "the name alpha" not in installation.shanyrak("--help").stdout
    elsewhere = installation.folder.parent
    assert "the name alpha" in installation.shanyrak("-C", str(elsewhere), "--help").stdout
    assert installation.shanyrak("plugin", "enable", "alpha").returncode == 0
    assert installation.plugins()["alpha"]["state"] == "active"


def test_a_file_that_is_not_toml_stops_neither_list_nor_help(installation):
    (installation.here / "commons.toml").write_text("[plugins\n")
    done = installation.shanyrak("plugin", "list")
    assert done.returncode == 0
    assert "alpha" in done.stdout
    assert "commons.toml cannot be read" in done.stderr
    assert installation.shanyrak("--help").returncode == 0
    done = installation.shanyrak("plugin", "disable", "alpha")
    assert done.returncode == 6
    assert "SHANYRAK_PLUGINS_DISABLE=alpha" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_disable_without_a_workspace_or_with_an_unknown_name_is_one_line(installation):
    done = installation.shanyrak("plugin", "disable", "alpha")
    assert (done.returncode, len(done.stderr.splitlines())) == (6, 1)
    (installation.here / "commons.toml").write_text("")
    done = installation.shanyrak("plugin", "disable", "alhpa")
    assert done.returncode == 2
    assert done.stderr == "shanyrak: no plugin `alhpa` is installed. Did you mean `alpha`?\n"


def test_check_finds_what_a_light_look_does_not(installation):
    settings = "from pydantic import BaseModel\nclass S(BaseModel, extra='forbid'):\n    a: int\n"
    hook = """
    import numpy

    @hookimpl
    def shanyrak_engines():
        return [EngineRecord('e', 'An engine.', 'x_tool_settings:nothing')]

    @hookimpl
    def shanyrak_policies():
        return [Policy('p', 'A policy.', '1', stages='x_tool_settings:S')]
    """
    record = "PLUGIN = Plugin('tool', '1', 'A tool.', settings='x_tool_settings:S')"
    write_plugin(installation.folder, "tool", hook, record=record, more={"x_tool_settings": settings})
    done = installation.shanyrak("plugin", "check", "tool")
    assert done.returncode == 3
    for words in ("it imports numpy", "has no `nothing`", "`a` is not described; `a` has no default"):
        assert words in done.stdout
    assert installation.shanyrak("plugin", "check", "alpha", "--quick").returncode == 0


def test_check_survives_a_plugin_that_ends_the_process(installation):
    write_plugin(installation.folder, "deadly", "import os\nos._exit(9)")
    done = installation.shanyrak("plugin", "check", "deadly")
    assert done.returncode == 3
    assert "ended the whole process (exit code 9)" in done.stdout


def test_info_shows_settings_with_their_meaning(installation):
    settings = (
        "from pydantic import BaseModel, Field\n"
        "class S(BaseModel, extra='forbid'):\n    a: int = Field(4, description='How many.')\n"
    )
    record = "PLUGIN = Plugin('tool', '1', 'A tool.', settings='x_tool_settings:S')"
    write_plugin(installation.folder, "tool", record=record, more={"x_tool_settings": settings})
    done = installation.shanyrak("plugin", "info", "tool")
    assert done.returncode == 0
    assert "How many." in done.stdout
    done = installation.shanyrak("plugin", "info", "tol")
    assert done.returncode == 2
    assert "`tool`" in done.stderr
