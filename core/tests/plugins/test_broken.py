"""The broken-plugin matrix, in process: each breaks alone, with a reason, and nothing of it is registered."""

from __future__ import annotations

import pytest
from shanyrak.testing.distribution import write_distribution, write_plugin

GOOD = """
@hookimpl
def shanyrak_engines():
    return [EngineRecord('{0}', 'An engine.', 'x_{0}:make')]

SEEN = []

@hookimpl
def shanyrak_on_event(event):
    SEEN.append(event['seq'])
"""

ALSO = """
@hookimpl
def shanyrak_policies():
    return [Policy('half-in', 'Must not appear.', '1', stages='x:y')]
"""

SOURCES = {
    "import error": (
        "import no_such_module_here",
        "ModuleNotFoundError: No module named 'no_such_module_here'",
    ),
    "syntax error": ("def f(:", "SyntaxError"),
    "system exit": ("raise SystemExit(7)", "its import failed: SystemExit: 7"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "its import failed: KeyboardInterrupt"),
    "own base exception": ("class Odd(BaseException): pass\nraise Odd('odd')", "its import failed: Odd: odd"),
    "unprintable exception": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "its message cannot be shown",
    ),
    "unknown hook": ("@hookimpl\ndef shanyrak_enginez(): return []", "did you mean `shanyrak_engines`?"),
    "misspelt two-word hook": (
        "@hookimpl\ndef shanyrak_on_evnt(event): pass",
        "unknown hook `shanyrak_on_evnt` (did you mean `shanyrak_on_event`?)",
    ),
    "hook without the prefix": (
        "@hookimpl\ndef engines(): return []",
        "names of hooks begin with `shanyrak_`",
    ),
    "wrong argument": ("@hookimpl\ndef shanyrak_on_event(evnt): pass", "does not fit its specification"),
    "forgotten marker": ("def shanyrak_engines(): return []", "lacks `@hookimpl`"),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef shanyrak_engines():\n    return (yield)",
        "wrappers are refused",
    ),
    "raises when asked": (
        "@hookimpl\ndef shanyrak_engines(): raise RuntimeError('boom')",
        "RuntimeError: boom",
    ),
    "exits when asked": (
        "@hookimpl\ndef shanyrak_units(): raise SystemExit",
        "`shanyrak_units` failed: SystemExit",
    ),
    "raises midway": (
        "@hookimpl\ndef shanyrak_stores():\n    yield Store('x', 'y', 'z:t')\n    raise OSError('gone')",
        "`shanyrak_stores` failed: OSError: gone",
    ),
    "gives no list": (
        "@hookimpl\ndef shanyrak_meters(): return 3",
        "gave a int, not a list of Meter records",
    ),
    "gives nothing": ("@hookimpl\ndef shanyrak_services(): pass", "gave a NoneType, not a list"),
    "gives another record": (
        "@hookimpl\ndef shanyrak_engines(): return [Unit('a', 'b', 1)]",
        "is not a Engine record",
    ),
    "gives without an end": (
        "@hookimpl\ndef shanyrak_units():\n    while True:\n        yield Unit('u', 'b', 1)",
        "more than 1000 records",
    ),
    "is a coroutine": ("@hookimpl\nasync def shanyrak_engines(): return []", "gave a coroutine, not a list"),
    "name of an engine taken": (
        "@hookimpl\ndef shanyrak_engines(): return [EngineRecord('alpha', 'Mine now.', 'x:y')]",
        "`shanyrak_engines` offers `alpha`, which is offered by alpha already",
    ),
    "scheme of the core": (
        "@hookimpl\ndef shanyrak_stores(): return [Store('sqlite', 'Mine now.', 'x:y')]",
        "offers `sqlite`, which is offered by the core already",
    ),
    "one name twice": (
        "@hookimpl\ndef shanyrak_units(): return [Unit('a', 'b', 1), Unit('a', 'c', 2)]",
        "offered by itself, once more already",
    ),
    "command of another": (
        "@hookimpl\ndef shanyrak_commands(): return [Command('run', 'Mine now.', 'x:y')]",
        "offers the command `run`, but owns only the name `broken`",
    ),
    "two commands": (
        "@hookimpl\ndef shanyrak_commands(): return [Command('broken', 'Twice.', 'x:y')] * 2",
        "offers the command `broken` 2 times",
    ),
    "bad dotted path": (
        "@hookimpl\ndef shanyrak_engines(): return [EngineRecord('e', 'An engine.', 'no colon')]",
        "Engine.target is 'no colon', not of the form `module:attribute`",
    ),
    "policy with both": (
        "@hookimpl\ndef shanyrak_policies(): return [Policy('p', 's', '1', 'a:b', 'a:b')]",
        "name exactly one",
    ),
    "empty summary": (
        "@hookimpl\ndef shanyrak_engines(): return [EngineRecord('e', '', 'a:b')]",
        "Engine.summary is empty",
    ),
    "factor below one": ("@hookimpl\ndef shanyrak_units(): return [Unit('u', 'b', 0)]", "must be at least 1"),
    "factor a truth": ("@hookimpl\ndef shanyrak_units(): return [Unit('u', 'b', True)]", "is True, not int"),
}

RECORDS = {
    "no record": ("", "has no record `PLUGIN`"),
    "a mapping": ("PLUGIN = {'name': 'broken', 'api': '1'}", "is not a Plugin record"),
    "number for a summary": ("PLUGIN = Plugin('broken', '1', 3)", "Plugin.summary is 3, not str"),
    "another name": ("PLUGIN = Plugin('brokn', '1', 's')", "it says `brokn`, its entry point says `broken`"),
    "bad settings path": (
        "PLUGIN = Plugin('broken', '1', 's', settings='nope')",
        "Plugin.settings is 'nope', not of the form `module:attribute`",
    ),
    "bad hookspecs": ("PLUGIN = Plugin('broken', '1', 's', hookspecs='a:b')", "not the name of a module"),
    "missing hookspecs": (
        "PLUGIN = Plugin('broken', '1', 's', hookspecs='x_gone')",
        "No module named 'x_gone'",
    ),
    "api a number": ("PLUGIN = Plugin('broken', 1, 's')", "Plugin.api is 1, not str"),
}


@pytest.fixture
def good(house):
    write_plugin(house.folder, "alpha", GOOD.format("alpha"))
    write_plugin(house.folder, "zulu", GOOD.format("zulu"))
    return house


def others_work(house, manager) -> None:
    assert set(manager.engines()) == {"alpha", "zulu"}
    manager.on_event({"seq": 41})
    import sys

    assert sys.modules["x_alpha"].SEEN[-1] == sys.modules["x_zulu"].SEEN[-1] == 41


def is_out(house, state: str, words: str) -> None:
    manager = house.manager()
    states = {one.name: one for one in manager.states()}
    assert states["broken"].state == state
    assert words in states["broken"].reason
    assert (states["alpha"].state, states["zulu"].state) == ("active", "active")
    assert "half-in" not in manager.policies()
    assert len(house.lines) == 1, "one line on stderr for the one that broke"
    assert house.lines[0].startswith(f"plugin broken is {state}: ")
    assert "\n" not in house.lines[0]
    others_work(house, manager)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_broken_source_fails_its_own_plugin_as_a_whole(good, kind):
    source, words = SOURCES[kind]
    write_plugin(good.folder, "broken", ALSO + source)
    is_out(good, "failed", words)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_bad_record_fails_its_own_plugin_as_a_whole(good, kind):
    record, words = RECORDS[kind]
    write_plugin(good.folder, "broken", ALSO, record=record)
    is_out(good, "failed", words)


def test_a_plugin_for_another_api_is_incompatible(good):
    write_plugin(good.folder, "broken", ALSO, record="PLUGIN = Plugin('broken', '0', 'Old.')")
    is_out(good, "incompatible", "written for API 0; this core runs API 1 and 2")


def test_one_name_from_two_distributions_is_refused_for_both(good):
    write_plugin(good.folder, "broken", ALSO)
    write_distribution(good.folder, "y-broken", {"broken": "x_broken"}, {}, version="2.5")
    is_out(good, "failed", "offered more than once, by x-broken 1.0 and y-broken 2.5")


@pytest.mark.parametrize("name", ["run", "plugin", "disabled", "core"])
def test_a_plugin_cannot_be_named_like_a_verb_of_the_core(good, name):
    write_plugin(good.folder, name, ALSO)
    manager = good.manager()
    assert manager.state(name).state == "failed"
    assert manager.commands() == {}
    others_work(good, manager)


def test_a_slow_import_is_active_and_flagged_with_its_time(good):
    write_plugin(good.folder, "slow", "import time\ntime.sleep(0.55)")
    state = good.manager().state("slow")
    assert state.state == "active"
    assert state.import_ms >= 550
    assert state.notes[0].startswith("slow: its import took ")


def test_what_a_plugin_prints_does_not_reach_stdout(good, capsys):
    write_plugin(good.folder, "chatty", "print('hello from an import')")
    assert good.states()["chatty"] == "active"
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello from an import" in err
