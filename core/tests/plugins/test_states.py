"""Which state a plugin gets, and what person is told of it."""

from __future__ import annotations

import pytest
from shanyrak.errors import UnfitProblem, UsageProblem
from shanyrak.plugins.switches import Switches
from shanyrak.testing.distribution import write_distribution, write_plugin

ENGINE = """
@hookimpl
def shanyrak_engines():
    return [EngineRecord('{0}', 'An engine.', 'x_{0}_engine:make')]
"""
HOOK = """
from shanyrak.api import hookspec

@hookspec
def {0}:
    '''What it is for.'''
"""
READERS = {
    "x_opener_hooks": """
    from shanyrak.api import hookspec

    @hookspec
    def shanyrak_opener_readers():
        '''Readers.'''
    """
}
OPENER = "PLUGIN = Plugin('opener', '1', 'Opens a hook.', hookspecs='x_opener_hooks')"
USES_OPENER = """
@hookimpl{0}
def shanyrak_opener_readers():
    return []
"""


def test_a_good_plugin_is_active_with_its_hooks_version_and_summary(house):
    write_plugin(house.folder, "good", ENGINE.format("good"))
    state = house.manager().state("good")
    assert (state.state, state.reason, state.hooks) == ("active", "", ("shanyrak_engines",))
    assert (state.version, state.distribution, state.summary) == ("1.0", "x-good", "The plugin good.")
    assert house.lines == []


def test_a_disabled_plugin_is_not_imported(house):
    write_plugin(house.folder, "bomb", "raise RuntimeError('imported')")
    state = house.manager(Switches(disabled={"bomb": "by a test"})).state("bomb")
    assert (state.state, state.reason) == ("disabled", "by a test")
    assert house.lines == []


def test_an_implementation_waits_for_its_opener_and_joins_when_it_is_there(house):
    write_plugin(house.folder, "user", USES_OPENER.format(""))
    state = house.manager().state("user")
    assert state.state == "waiting"
    assert "no installed plugin opens `shanyrak_opener_readers`" in state.reason
    write_plugin(house.folder, "opener", record=OPENER, more=READERS)
    assert house.states() == {"opener": "active", "user": "active"}
    assert house.states(Switches(disabled={"opener": "off"})) == {"opener": "disabled", "user": "waiting"}
    assert house.lines == []


def test_an_optional_hook_does_not_make_its_plugin_wait(house):
    write_plugin(house.folder, "user", USES_OPENER.format("(optionalhook=True)") + ENGINE.format("user"))
    manager = house.manager()
    state = manager.state("user")
    assert state.state == "active"
    assert state.notes == ("`shanyrak_opener_readers` waits for its opener",)
    assert set(manager.engines()) == {"user"}


def test_a_waiting_plugin_has_no_hook_registered(house):
    write_plugin(house.folder, "user", USES_OPENER.format("") + ENGINE.format("user"))
    assert house.manager().engines() == {}


def test_when_an_opener_fails_later_those_that_need_it_wait(house):
    write_plugin(
        house.folder,
        "opener",
        "@hookimpl\ndef shanyrak_engines():\n    raise ValueError('late')",
        record=OPENER,
        more=READERS,
    )
    write_plugin(house.folder, "user", USES_OPENER.format("") + ENGINE.format("user"))
    manager = house.manager()
    assert set(manager.engines()) == set()
    assert {s.name: s.state for s in manager.states()} == {"opener": "failed", "user": "waiting"}
    assert len(house.lines) == 1


def test_plugins_that_use_each_others_hooks_are_both_active(house):
    for mine, other in (("one", "two"), ("two", "one")):
        write_plugin(
            house.folder,
            mine,
            f"@hookimpl\ndef shanyrak_{other}_things():\n    return []",
            record=f"PLUGIN = Plugin('{mine}', '1', 'One of two.', hookspecs='x_{mine}_hooks')",
            more={f"x_{mine}_hooks": HOOK.format(f"shanyrak_{mine}_things()")},
        )
    assert house.states() == {"one": "active", "two": "active"}


def test_a_hook_that_an_active_opener_does_not_have_is_a_misspelling(house):
    write_plugin(house.folder, "opener", record=OPENER, more=READERS)
    write_plugin(house.folder, "user", "@hookimpl\ndef shanyrak_opener_raeders():\n    return []")
    state = house.manager().state("user")
    assert state.state == "failed"
    assert "did you mean `shanyrak_opener_readers`?" in state.reason


def test_a_plugin_opens_only_hooks_that_bear_its_name(house):
    hooks = {"x_taker_hooks": HOOK.format("shanyrak_engines()")}
    record = "PLUGIN = Plugin('taker', '1', 'Takes a hook.', hookspecs='x_taker_hooks')"
    write_plugin(house.folder, "taker", record=record, more=hooks)
    state = house.manager().state("taker")
    assert state.state == "failed"
    assert "hooks of this plugin are named `shanyrak_taker_<noun>`" in state.reason


def test_a_plugin_cannot_open_a_hook_of_the_core_under_a_lucky_name(house):
    hooks = {"x_on_hooks": HOOK.format("shanyrak_on_event(x)")}
    write_plugin(house.folder, "on", record="PLUGIN = Plugin('on', '1', 'On.', hookspecs='x_on_hooks')", more=hooks)
    state = house.manager().state("on")
    assert state.state == "failed"
    assert "which the core has already" in state.reason


def test_a_required_plugin_that_is_not_active_refuses_the_start(house):
    write_plugin(house.folder, "good")
    write_plugin(house.folder, "bad", "raise ValueError('no')")
    house.manager(Switches(required=("good",))).require()
    with pytest.raises(UnfitProblem, match="required plugin bad is failed: its import failed: ValueError: no"):
        house.manager(Switches(required=("good", "bad"))).require()
    with pytest.raises(UnfitProblem, match="goood is not installed: .* Did you mean `good`"):
        house.manager(Switches(required=("goood",))).require()


def test_a_required_plugin_that_breaks_when_asked_refuses_the_start(house):
    write_plugin(house.folder, "late", "@hookimpl\ndef shanyrak_services():\n    return 7")
    with pytest.raises(UnfitProblem, match="late is failed"):
        house.manager(Switches(required=("late",))).require()


def test_asking_for_an_unknown_plugin_names_the_nearest(house):
    write_plugin(house.folder, "slurm")
    with pytest.raises(UsageProblem, match="Did you mean `slurm`"):
        house.manager().state("slrum")


def test_one_distribution_with_unreadable_entry_points_hides_no_other(house):
    write_plugin(house.folder, "good")
    write_distribution(house.folder, "x-odd", {}, {})
    (house.folder / "x_odd-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[shanyrak.plugins]\nodd = x")
    assert house.states()["good"] == "active"


def test_a_distribution_without_metadata_has_an_unknown_version_and_still_works(house):
    write_plugin(house.folder, "good")
    (house.folder / "x_good-1.0.dist-info" / "METADATA").unlink()
    assert house.states() == {"good": "active"}
