"""A plugin that raises in each class while a real site does real work with it: the work is done, the ring stands."""

from __future__ import annotations

import json

import pytest
from shanyrak.testing.distribution import write_plugin

JUDGE = "@hookimpl\ndef shanyrak_decide_admission(request):\n    {0}"


@pytest.fixture
def site(installation):
    """A site with a project and a grant, on the local engine."""
    installation.off = []
    for arguments in (
        ["init", ".", "--unit", "cpu", "--nodes", "1x2"],
        ["project", "add", "p", "--sector", "startup", "--org", "O"],
        ["grant", "add", "p", "10", "cpu-hour"],
    ):
        done = installation.shanyrak(*arguments)
        assert done.returncode == 0, done.stderr
    return installation


def work_is_done(site) -> str:
    """Submit and run one piece of work; what the controller wrote on stderr."""
    done = site.shanyrak("run", "--project", "p", "--walltime", "1m", "--", "true")
    assert done.returncode == 0, done.stderr
    up = site.shanyrak("up", "--until-idle")
    assert up.returncode == 0, up.stderr
    (work,) = json.loads(site.shanyrak("ps", "--all", "--json").stdout)
    assert (work["state"], work["exit_code"]) == ("done", 0)
    account = json.loads(site.shanyrak("account", "check", "--json").stdout)
    assert account["balanced"] is True
    return up.stderr


def test_one_that_cannot_judge_refuses_by_its_name_until_it_is_disabled(site):
    write_plugin(site.folder, "judge", JUDGE.format("raise ValueError('boom')"))
    done = site.shanyrak("run", "--project", "p", "--", "true")
    assert done.returncode == 4
    assert "plugin judge" in done.stderr
    assert "ValueError: boom" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    (work,) = json.loads(site.shanyrak("ps", "--all", "--json").stdout)
    assert work["state"] == "refused"
    assert site.shanyrak("plugin", "disable", "judge").returncode == 0
    assert site.shanyrak("run", "--project", "p", "--", "true").returncode == 0


def test_a_judge_that_refuses_is_obeyed_and_quoted(site):
    write_plugin(site.folder, "judge", JUDGE.format("return Refusal('judge.night', 'no work at night')"))
    done = site.shanyrak("run", "--project", "p", "--", "true")
    assert done.returncode == 4
    assert "no work at night" in done.stderr


def test_one_that_cannot_observe_does_not_stop_the_next_one_nor_the_work(site):
    write_plugin(site.folder, "blind", "@hookimpl\ndef shanyrak_on_event(event):\n    raise ValueError('boom')")
    seen = site.here / "seen"
    write_plugin(
        site.folder,
        "sees",
        f"@hookimpl\ndef shanyrak_on_event(event):\n    open({str(seen)!r}, 'a').write(event['type'] + chr(10))",
    )
    err = work_is_done(site)
    assert seen.read_text().splitlines()
    assert "blind" in err
    assert "boom" in err


def test_one_that_fails_to_give_engines_leaves_the_engine_of_another(site):
    write_plugin(site.folder, "aaa", "@hookimpl\ndef shanyrak_engines():\n    raise ValueError('boom')")
    work_is_done(site)


def test_one_that_claims_the_engine_of_another_fails_by_name_order(site):
    write_plugin(
        site.folder, "zzz", "@hookimpl\ndef shanyrak_engines():\n    return [EngineRecord('local', 'Mine.', 'x:y')]"
    )
    work_is_done(site)
    states = site.plugins()
    assert (states["local"]["state"], states["zzz"]["state"]) == ("active", "failed")


def test_a_service_that_raises_does_not_stop_the_work(site):
    service = "def run(context):\n    raise ValueError('boom')"
    write_plugin(
        site.folder,
        "served",
        "@hookimpl\ndef shanyrak_services():\n    return [Service('s', 'Serves.', 'x_served_service:run')]",
        more={"x_served_service": service},
    )
    work_is_done(site)


def test_a_required_plugin_that_is_down_refuses_the_start(site):
    file = site.here / "commons.toml"
    file.write_text(file.read_text().replace("required = []", 'required = ["broken"]'))
    write_plugin(site.folder, "broken", "raise RuntimeError('no')")
    up = site.shanyrak("up", "--until-idle")
    assert up.returncode == 6
    assert "the required plugin broken is failed: its import failed: RuntimeError: no" in up.stderr


def test_without_its_engine_a_site_says_which_plugin_is_missing(site):
    up = site.shanyrak("up", "--until-idle", SHANYRAK_PLUGINS_DISABLE="local")
    assert up.returncode in (3, 5, 6)
    assert "local" in up.stderr
    assert len(up.stderr.splitlines()) == 1
