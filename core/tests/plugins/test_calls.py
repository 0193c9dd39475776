"""The three ways of calling: collect, decide, observe."""

from __future__ import annotations

import logging
import signal
import sys

import pytest
from shanyrak.errors import PluginProblem, UsageProblem
from shanyrak.exchange import Refusal, Request
from shanyrak.plugins.guard import Broken, guarded
from shanyrak.plugins.loading import load
from shanyrak.plugins.switches import Switches
from shanyrak.records import Command, Engine
from shanyrak.testing.distribution import write_plugin

REQUEST = Request("p", "startup", "me", "gpu", "gpu", 1, 8, 1, 3_600_000, {"argv": ["true"]}, 0)

JUDGE = """
@hookimpl
def shanyrak_decide_admission(request):
    {0}
"""


def test_records_come_by_plugin_name_and_each_plugin_is_asked_once(house):
    source = """
    COUNT = []

    @hookimpl
    def shanyrak_engines():
        COUNT.append(1)
        return [EngineRecord('{0}', 'An engine.', 'x_{0}:make')]
    """
    for name in ("zulu", "alpha"):
        write_plugin(house.folder, name, source.format(name))
    manager = house.manager()
    assert [(offer.plugin, offer.record.name) for offer in manager.engines().values()] == [
        ("alpha", "alpha"),
        ("zulu", "zulu"),
    ]
    manager.engines()
    assert sys.modules["x_alpha"].COUNT == [1]


def test_nothing_is_imported_before_the_first_question(house):
    write_plugin(house.folder, "alpha")
    manager = house.manager()
    assert "x_alpha" not in sys.modules
    manager.commands()
    assert "x_alpha" in sys.modules


def test_asking_for_commands_asks_for_nothing_else(house):
    write_plugin(house.folder, "alpha", "@hookimpl\ndef shanyrak_engines():\n    raise ValueError")
    manager = house.manager()
    assert manager.commands() == {}
    assert house.lines == []


def test_a_missing_engine_names_the_plugin_that_should_have_brought_it(house):
    write_plugin(house.folder, "slurm", "import no_such_client")
    with pytest.raises(PluginProblem, match="engine `slurm`: the plugin slurm is failed: .*no_such_client"):
        house.manager().engine("slurm")
    with pytest.raises(PluginProblem, match="no active plugin offers the policy `easy`"):
        house.manager(Switches(none="off")).policy("easy")


def test_a_missing_engine_names_the_nearest(house):
    write_plugin(house.folder, "a", "@hookimpl\ndef shanyrak_engines(): return [EngineRecord('local', 's', 'a:b')]")
    assert house.manager().engine("local").plugin == "a"
    with pytest.raises(PluginProblem, match="there is local. Did you mean `local`"):
        house.manager().engine("lokal")
    with pytest.raises(PluginProblem, match="no active plugin offers the store `sqllite`: there is sqlite"):
        house.manager().store("sqllite")


def test_all_are_asked_and_any_refusal_wins(house):
    write_plugin(house.folder, "a", JUDGE.format("return Refusal('a.rule', 'no by a')"))
    write_plugin(house.folder, "b", JUDGE.format("return None"))
    write_plugin(house.folder, "c", JUDGE.format("return Refusal('c.rule', 'no by c', {'units': request.units})"))
    assert house.manager().decide_admission(REQUEST) == [
        Refusal("a.rule", "no by a"),
        Refusal("c.rule", "no by c", {"units": 8}),
    ]


def test_nobody_refuses_when_no_plugin_does(house):
    assert house.manager().decide_admission(REQUEST) == []


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("raise ValueError('boom')", "it failed: ValueError: boom"),
        ("raise SystemExit(0)", "it failed: SystemExit: 0"),
        ("return True", "True is not a Refusal record"),
        ("return Refusal('', 'words')", "Refusal.rule is empty"),
        ("return Refusal('r', 'words', inputs=3)", "Refusal.inputs is 3, not a mapping"),
        ("request.spec['argv'] = ['rm']", "it failed: TypeError"),
        ("request.units = 0", "it failed: FrozenInstanceError"),
    ],
)
def test_a_plugin_that_cannot_judge_refuses_by_its_name_and_the_others_are_asked(house, body, cause):
    write_plugin(house.folder, "b", JUDGE.format(body))
    write_plugin(house.folder, "c", JUDGE.format("return Refusal('c.rule', 'no by c')"))
    first, second = house.manager().decide_admission(REQUEST)
    assert first.rule == "plugin.b"
    assert cause in first.words
    assert first.nearest
    assert second.rule == "c.rule"
    assert REQUEST.spec == {"argv": ["true"]}


def test_a_plugin_that_fails_to_observe_is_counted_logged_and_the_next_one_runs(house, caplog):
    write_plugin(house.folder, "a", "@hookimpl\ndef shanyrak_on_event(event):\n    raise ValueError('boom')")
    write_plugin(
        house.folder,
        "b",
        "SEEN = []\n@hookimpl\ndef shanyrak_on_event(event):\n    SEEN.append(event['seq'])",
    )
    manager = house.manager()
    with caplog.at_level(logging.WARNING, "shanyrak.plugins"):
        for seq in range(1, 6):
            manager.on_event({"seq": seq})
    assert sys.modules["x_b"].SEEN == [1, 2, 3, 4, 5]
    assert manager.missed() == {"a": 5}
    assert len(caplog.records) == 3, "at the 1st, 2nd and 4th time"
    assert "plugin a: `shanyrak_on_event` failed, 1 times so far: ValueError: boom" in caplog.text
    assert manager.state("a").state == "active"


def test_a_plugin_cannot_change_the_event_that_others_see(house):
    write_plugin(house.folder, "a", "@hookimpl\ndef shanyrak_on_event(event):\n    event['seq'] = 0")
    event = {"seq": 7}
    manager = house.manager()
    manager.on_event(event)
    assert event == {"seq": 7}
    assert manager.missed() == {"a": 1}


def test_hooks_that_a_plugin_opened_are_called_in_the_same_three_ways(house):
    hooks = """
    from shanyrak.api import hookspec

    @hookspec
    def shanyrak_gate_providers(model): '''Providers.'''

    @hookspec
    def shanyrak_gate_allow(call): '''Refuse a call.'''

    @hookspec
    def shanyrak_gate_seen(call): '''See a call.'''
    """
    record = "PLUGIN = Plugin('gate', '1', 'A gate.', hookspecs='x_gate_hooks')"
    write_plugin(house.folder, "gate", record=record, more={"x_gate_hooks": hooks})
    user = """
    SEEN = []

    @hookimpl
    def shanyrak_gate_providers(model):
        return [Command('p-' + model, 'A record.', 'a:b')]

    @hookimpl
    def shanyrak_gate_allow():
        return Refusal('user.rule', 'no')

    @hookimpl
    def shanyrak_gate_seen(call):
        SEEN.append(call)
    """
    write_plugin(house.folder, "user", user)
    manager = house.manager()
    (offer,) = manager.collect("shanyrak_gate_providers", Command, model="m")
    assert (offer.plugin, offer.record.name) == ("user", "p-m")
    assert manager.collect("shanyrak_gate_providers", Command, model="n")[0].record.name == "p-n"
    assert [one.rule for one in manager.decide("shanyrak_gate_allow", call=1)] == ["user.rule"]
    manager.observe("shanyrak_gate_seen", call=5)
    assert sys.modules["x_user"].SEEN == [5]
    assert manager.collect("shanyrak_gate_providers", Engine, model="m") == []
    assert manager.state("user").state == "failed"


def test_a_person_who_interrupts_is_obeyed_within_a_plugin():
    with pytest.raises(KeyboardInterrupt), guarded("import"):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_a_plugin_invents_is_its_own_failure():
    with pytest.raises(Broken, match="import: KeyboardInterrupt"), guarded("import"):
        raise KeyboardInterrupt


def test_threads_that_are_guarded_at_once_leave_stdout_where_it_was():
    import threading

    before = sys.stdout
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first() -> None:
        with guarded("first"):
            first_in.set()
            second_in.wait(10)

    def second() -> None:
        first_in.wait(10)
        with guarded("second"):
            second_in.set()
            first_out.wait(10)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    threads[0].join()
    first_out.set()
    threads[1].join()
    assert sys.stdout is before


def test_an_interrupt_in_another_thread_is_the_plugins_own(house):
    import threading

    write_plugin(house.folder, "a", "@hookimpl\ndef shanyrak_on_event(event):\n    raise KeyboardInterrupt")
    manager = house.manager()
    manager.states()
    thread = threading.Thread(target=manager.on_event, args=({"seq": 1},))
    thread.start()
    thread.join()
    assert manager.missed() == {"a": 1}


@pytest.mark.parametrize(
    ("dotted", "words"),
    [
        ("nonsense", "not of the form"),
        ("no_such_module:x", "cannot be imported: ModuleNotFoundError"),
        ("json:lods", r"`json` has no `lods` .did you mean `loads`\?."),
        ("json:loads.nope", "has no `loads.nope`"),
    ],
)
def test_loading_what_is_not_there_names_plugin_cause_and_remedy(dotted, words):
    with pytest.raises(PluginProblem, match=words) as caught:
        load(dotted, "mine")
    assert str(caught.value).startswith("plugin mine: ")
    assert "shanyrak plugin disable mine" in str(caught.value)


def test_loading_finds_attributes_of_attributes():
    import json

    assert load("json:decoder.JSONDecoder.decode") is json.JSONDecoder.decode


SETTINGS = """
from pydantic import BaseModel, ConfigDict, Field

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    max_jobs: int = Field(4, ge=1, description="How many at once.")

class Open(BaseModel):
    max_jobs: int = 4
"""


def test_settings_are_checked_by_the_model_of_the_plugin(house):
    record = "PLUGIN = Plugin('tool', '1', 'A tool.', settings='x_tool_settings:Settings')"
    write_plugin(house.folder, "tool", record=record, more={"x_tool_settings": SETTINGS})
    assert house.manager().settings("tool").max_jobs == 4
    assert house.manager(Switches(tables={"tool": {"max_jobs": 9}})).settings("tool").max_jobs == 9
    with pytest.raises(UsageProblem, match=r"\[plugins.tool\] max_job: unknown key. Did you mean `max_jobs`"):
        house.manager(Switches(tables={"tool": {"max_job": 9}})).settings("tool")
    with pytest.raises(UsageProblem, match=r"\[plugins.tool\] max_jobs: 0: input should be greater"):
        house.manager(Switches(tables={"tool": {"max_jobs": 0}})).settings("tool")


def test_a_plugin_without_settings_takes_no_table(house):
    write_plugin(house.folder, "tool")
    assert house.manager().settings("tool") is None
    with pytest.raises(UsageProblem, match=r"\[plugins.tool\] x: this plugin has no settings"):
        house.manager(Switches(tables={"tool": {"x": 1}})).settings("tool")


def test_settings_that_are_not_closed_are_the_plugins_fault(house):
    record = "PLUGIN = Plugin('tool', '1', 'A tool.', settings='x_tool_settings:Open')"
    write_plugin(house.folder, "tool", record=record, more={"x_tool_settings": SETTINGS})
    with pytest.raises(PluginProblem, match="is not closed"):
        house.manager().settings("tool")
