"""A kind that a plugin opens: `plugin new` renders it, and the kit holds those that implement its hook to its contract."""

from __future__ import annotations

import pytest
from shanyrak.testing import Cli
from shanyrak.testing.distribution import write_plugin

HOOKS = """
@hookimpl
def shanyrak_kinds():
    return [Kind("reader", "shanyrak_opener_readers", "A way to read a trace.", "x_opener_templates", "x_opener_contract")]
"""
SPECS = """
from shanyrak.api import hookspec

@hookspec
def shanyrak_opener_readers():
    "Ways to read a trace. Class: collect. Since API 2."
"""
CONTRACT = """
HOOK = "shanyrak_opener_readers"
CAPABILITIES = {"lazy": "reads no more than it must"}

import pytest

def test_it_reads_nothing_from_nothing(record):
    assert list(record.read("")) == []

@pytest.mark.claim("lazy")
def test_it_is_lazy(record):
    assert iter(record.read("a b")) is not None
"""
READER = """
class Reader:
    name = {name!r}
    capabilities = {claims!r}

    def read(self, text):
        return {read}

@hookimpl
def shanyrak_opener_readers():
    return [Reader()]
"""


@pytest.fixture
def opener(bed):
    record = "from shanyrak.api import Kind\nPLUGIN = Plugin('opener', '2', 'Opens.', hookspecs='x_opener_specs')"
    write_plugin(
        bed.folder, "opener", HOOKS, record=record, more={"x_opener_specs": SPECS, "x_opener_contract": CONTRACT}
    )
    templates = bed.folder / "x_opener_templates" / "src" / "PACKAGE"
    templates.mkdir(parents=True)
    (templates / "__init__.py.tmpl").write_text("NAME = '$name'\n")
    return bed


def test_its_kind_is_sound_by_the_general_suite(opener):
    found, printed = opener.kit("opener")
    assert {test: outcome for test, outcome in found.items() if outcome == "failed"} == {}, printed


def test_plugins_that_implement_it_are_held_to_its_contract(opener):
    for name, claims, read in (("good", ("lazy",), "iter(text.split())"), ("bad", (), "[text]")):
        source = READER.format(name=name, claims=claims, read=read)
        write_plugin(opener.folder, name, source, record=f"PLUGIN = Plugin({name!r}, '2', 'Reads.')")
    found, printed = opener.kit("good", "-k", "reads_nothing or lazy")
    assert found == {}, printed
    assert "reader good: claims lazy" in printed
    found, printed = opener.kit("bad", "-k", "reads_nothing or lazy")
    assert found == {
        "reader: it reads nothing from nothing [bad]": "failed",
        "reader: it is lazy [bad]": "skipped",
    }, printed
    assert "reader bad: claims no capability; does not claim lazy" in printed


def test_plugin_new_knows_it(opener, tmp_path):
    cli = Cli(tmp_path, {"PYTHONPATH": str(opener.folder)})
    assert "made shanyrak-mine/src/shanyrak_mine/__init__.py" in cli.ok("plugin", "new", "mine", "--kind", "reader")
    made = tmp_path / "shanyrak-mine"
    assert (made / "src" / "shanyrak_mine" / "__init__.py").read_text() == "NAME = 'mine'\n"
    assert 'description = "A way to read a trace"' in (made / "pyproject.toml").read_text()


def test_plugin_check_runs_the_kit(opener, tmp_path):
    source = READER.format(name="bad", claims=(), read="[text]")
    write_plugin(opener.folder, "bad", source, record="PLUGIN = Plugin('bad', '2', 'Reads.')")
    cli = Cli(tmp_path, {"PYTHONPATH": str(opener.folder)})
    done = cli("plugin", "check", "bad")
    assert done.returncode == 3
    wrong = [line for line in done.stdout.splitlines() if "WRONG" in line]
    assert len(wrong) == 1 and "reader: it reads nothing from nothing [bad]" in wrong[0]
    assert cli("plugin", "check", "bad", "--quick").returncode == 0


def test_without_pytest_it_says_how_to_get_the_kit(monkeypatch):
    from shanyrak.plugins import kit

    assert kit.lacking() == ""
    monkeypatch.setattr(kit, "find_spec", lambda name: None)
    assert kit.lacking() == "pytest and hypothesis are not installed"
    monkeypatch.setattr(kit, "find_spec", lambda name: None if name == "hypothesis" else object())
    assert kit.lacking() == "hypothesis is not installed"
