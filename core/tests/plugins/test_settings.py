"""One model gives the table in commons.toml, the variables, the page and the help."""

from __future__ import annotations

import pytest
from shanyrak.errors import UsageProblem
from shanyrak.plugins.settings import described, help_text, markdown, own_variables
from shanyrak.plugins.switches import Switches
from shanyrak.testing.distribution import write_plugin

MODEL = """
from typing import Literal
from pydantic import BaseModel, ConfigDict, Field

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hours: int = Field(default=4, ge=1, description="How long, at most.")
    mode: Literal["fast", "slow"] = Field(default="fast", description="How.")
    label: str = Field(default="", description="A name | for people.")
    loud: bool = Field(default=False, description="Say it.")
    nodes: tuple[str, ...] = Field(default=(), description="Where.")
"""
RECORD = "PLUGIN = Plugin('{}', '2', 'A tool.', settings='x_tool_settings:Settings')"


@pytest.fixture
def tool(house):
    """Settings of the plugin `tool` for a table and variables."""
    write_plugin(house.folder, "tool", record=RECORD.format("tool"), more={"x_tool_settings": MODEL})

    def made(table=None, **env):
        return house.manager(Switches(tables={"tool": table or {}}, variables=env)).settings("tool")

    return made


@pytest.fixture
def record(house, tool):
    return house.manager().record("tool")


def test_a_variable_wins_over_the_file(tool):
    assert tool({"hours": 5}).hours == 5
    assert tool({"hours": 5}, SHANYRAK_TOOL_HOURS="6").hours == 6
    got = tool(
        SHANYRAK_TOOL_MODE="slow", SHANYRAK_TOOL_LOUD="true", SHANYRAK_TOOL_NODES='["a", "b"]', SHANYRAK_TOOL_LABEL="7"
    )
    assert (got.mode, got.loud, got.nodes, got.label) == ("slow", True, ("a", "b"), "7")


@pytest.mark.parametrize(
    ("table", "env", "words"),
    [
        ({"huors": 1}, {}, r"commons.toml: \[plugins.tool\] huors: unknown key. Did you mean `hours`\?"),
        ({}, {"SHANYRAK_TOOL_HUORS": "1"}, r"SHANYRAK_TOOL_HUORS: unknown key. Did you mean `SHANYRAK_TOOL_HOURS`\?"),
        ({}, {"SHANYRAK_TOOL_HOURS": "0"}, r"SHANYRAK_TOOL_HOURS: 0: input should be greater than or equal to 1"),
        ({}, {"SHANYRAK_TOOL_HOURS": "many"}, r"SHANYRAK_TOOL_HOURS: 'many': "),
        ({"hours": 0}, {"SHANYRAK_TOOL_HOURS": "3"}, r"commons.toml: \[plugins.tool\] hours"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(tool, table, env, words):
    with pytest.raises(UsageProblem, match=words):
        tool(table, **env)


def test_a_plugin_without_settings_takes_none(house):
    write_plugin(house.folder, "plain")
    manager = house.manager(Switches(variables={"SHANYRAK_PLAIN_X": "1"}))
    with pytest.raises(UsageProblem, match="SHANYRAK_PLAIN_X: this plugin has no settings"):
        manager.settings("plain")


def test_of_names_that_begin_alike_the_longest_is_meant():
    env = {"SHANYRAK_A_B_C": "1", "SHANYRAK_A_D": "2", "SHANYRAK_B_A_D": "3", "PATH": "4"}
    assert own_variables("a", ["a", "a-b"], env) == {"SHANYRAK_A_D": "2"}
    assert own_variables("a-b", ["a", "a-b"], env) == {"SHANYRAK_A_B_C": "1"}
    assert own_variables("a", ["a"], env) == {"SHANYRAK_A_B_C": "1", "SHANYRAK_A_D": "2"}


def test_the_page_and_the_help_say_the_same(record):
    page, text = markdown(described(record)), help_text(record)
    assert "| `hours` | How long, at most. | whole number | 4 |" in page
    assert "| `mode` | How. | fast or slow | fast |" in page
    assert "| `label` | A name \\| for people. | text | none |" in page
    assert "| `nodes` | Where. | list of text | none |" in page
    assert "  loud (true or false, false): Say it." in text
    assert "SHANYRAK_TOOL_KEY in the environment" in text


def test_the_help_of_its_command_explains_them(tmp_path):
    from shanyrak.testing import Cli

    hook = "@hookimpl\ndef shanyrak_commands():\n    return [Command('tool', 'Say.', 'x_tool_command:say')]\n"
    command = "import click\n\n@click.command()\ndef say():\n    'Say.'\n"
    write_plugin(
        tmp_path, "tool", hook, record=RECORD.format("tool"), more={"x_tool_settings": MODEL, "x_tool_command": command}
    )
    cli = Cli(tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert "hours (whole number, 4): How long, at most." in cli.ok("tool", "--help")
    assert cli.ok("plugin", "info", "tool", "--markdown").startswith("| key | means | type | default |\n")
