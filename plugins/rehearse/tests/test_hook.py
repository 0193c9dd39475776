"""The hook that this plugin opens: a reader of another plugin, and what happens when that is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import importlib_metadata
import pytest
from shanyrak.api import PluginManager, PluginProblem, UsageProblem
from shanyrak_rehearse import hookspecs
from shanyrak_rehearse.sources import read_files

OTHER = '''
"""A plugin with a reader of one submission a line."""
import numpy as np
from shanyrak.api import Plugin, Reader, Trace, hookimpl

PLUGIN = Plugin("other", "1", "Reads lines")

@hookimpl
def shanyrak_rehearse_readers():
    return [Reader("lines", "One submission a line", "{module}:read", endings=(".lines",))]

def read(stream):
    submit = np.array([int(line) * 1000 for line in stream], np.int64)
    {after}
    return Trace({{"submit": submit, "run": submit * 0 + 5000, "processors": submit * 0 + 1}})
'''


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PluginManager]:
    monkeypatch.syspath_prepend(tmp_path)

    def make(after: str = "pass", module: str = "other_plugin") -> PluginManager:
        from shanyrak.plugins.discovery import Found
        from shanyrak.plugins.names import GROUP

        (tmp_path / f"{module}.py").write_text(OTHER.format(module=module, after=after))
        sys.modules.pop(module, None)
        points = {"other": module, "rehearse": "shanyrak_rehearse"}
        return PluginManager(
            finder=lambda: [
                Found(name, (importlib_metadata.EntryPoint(name, at, GROUP),)) for name, at in points.items()
            ]
        )

    return make


def test_a_reader_of_another_plugin_is_used_by_the_ending_of_the_name(manager, tmp_path):
    file = tmp_path / "jobs.lines"
    file.write_text("1\n2\n4\n")
    trace, sources = read_files(manager(), [file])
    assert trace.columns["submit"].tolist() == [1000, 2000, 4000]
    assert sources[0].reader == "lines"


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ("return 7", "plugin other: its reader `lines` gave no trace: it gave a int"),
        ('return Trace({"submit": submit, "run": submit[1:]})', "its columns are not int64 arrays of equal length"),
        ('return Trace({"submit": submit, "run": submit * 0.5})', "its columns are not int64 arrays of equal length"),
        ("submit = 1 / 0", "plugin other: its reader `lines` failed .ZeroDivisionError: division by zero"),
    ],
)
def test_a_reader_that_is_broken_is_named_with_its_plugin(manager, tmp_path, after, words):
    file = tmp_path / "jobs.lines"
    file.write_text("1\n2\n")
    with pytest.raises(PluginProblem, match=words):
        read_files(manager(after), [file])


def test_what_is_wrong_with_the_file_is_not_the_plugins_fault(manager, tmp_path):
    file = tmp_path / "jobs.lines"
    file.write_text("1\ntwo\n")
    with pytest.raises(UsageProblem, match="jobs.lines: invalid literal"):
        read_files(manager(), [file])


def test_the_hook_is_documented_with_its_class():
    assert "Class: collect." in hookspecs.shanyrak_rehearse_readers.__doc__
