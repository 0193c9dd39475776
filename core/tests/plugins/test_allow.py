"""`[plugins] allow`: what is not listed as it is, is not even imported, and the state says why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from shanyrak.errors import UsageProblem
from shanyrak.plugins.allow import identity
from shanyrak.plugins.discovery import find
from shanyrak.plugins.switches import Switches, read_switches
from shanyrak.testing import Cli
from shanyrak.testing.distribution import write_distribution, write_plugin


@pytest.fixture
def good(house):
    """One installed plugin, `good`, in one module."""
    write_plugin(house.folder, "good")
    return house


def line(house, name: str = "good") -> str:
    """What allows it as it is now."""
    (entry,) = next(found for found in find([str(house.folder)]) if found.name == name).entries
    return identity(entry.dist, entry.value).line


def state(house, allow: list[str], name: str = "good"):
    found = {one.name: one for one in house.manager(Switches(allow=tuple(allow))).states()}
    return found[name]


def test_what_is_listed_as_it_is_loads(good):
    assert state(good, [line(good)]).state == "active"


def test_without_a_list_all_load_and_with_an_empty_one_none(good):
    assert good.states() == {"good": "active"}
    refused = state(good, [])
    assert (refused.state, refused.reason) == ("disabled", "x-good is not in `[plugins] allow` of commons.toml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "x_good.py").write_text("print('evil')"), "x_good.py is not what its RECORD says"),
        (lambda f: (f / "x_good.py").unlink(), "x_good.py, which its RECORD lists, cannot be read"),
        (lambda f: (f / "x_good-1.0.dist-info" / "RECORD").unlink(), "it has no RECORD of its files"),
        (
            lambda f: (f / "x_good-1.0.dist-info" / "RECORD").write_text("x_good.py,,\n"),
            "its RECORD has no sha256 of x_good.py",
        ),
        (
            lambda f: (f / "x_good-1.0.dist-info" / "entry_points.txt").write_text("[shanyrak.plugins]\ngood = json\n"),
            "entry_points.txt is not what its RECORD says",
        ),
    ],
)
def test_what_was_changed_since_is_not_imported(good, change, words):
    allowed = line(good)
    change(good.folder)
    refused = state(good, [allowed])
    assert refused.state == "disabled" and words in refused.reason
    assert "x_good" not in sys.modules, "nothing of it was imported"


def test_a_rebuilt_distribution_is_another_one(good):
    """File and RECORD agree, and are not those that were allowed."""
    allowed = line(good)
    for path in (good.folder / "x_good-1.0.dist-info").iterdir():
        path.unlink()
    (good.folder / "x_good-1.0.dist-info").rmdir()
    write_plugin(good.folder, "good", "EVIL = 1")
    assert state(good, [allowed]).reason == "its files are not those that `[plugins] allow` has for x-good 1.0"
    assert "x_good" not in sys.modules


def test_another_version_is_told(good):
    allowed = line(good).replace(" 1.0 ", " 0.9 ")
    assert state(good, [allowed]).reason == "`[plugins] allow` has x-good 0.9, and 1.0 is installed"


def test_a_module_slipped_into_its_package_is_found(house):
    write_distribution(
        house.folder,
        "x-pack",
        {"pack": "x_pack"},
        {
            "x_pack.inner": "",
        },
    )
    (house.folder / "x_pack" / "slipped.py").write_text("")
    assert (
        state(house, [line(house, "pack")], "pack").reason
        == "it is not allowed: x_pack/slipped.py is not in its RECORD"
    )


def test_an_entry_point_into_somebody_elses_code_is_found(house):
    write_distribution(house.folder, "x-thief", {"thief": "json"}, {"x_thief": ""})
    reason = state(house, [line(house, "thief")], "thief").reason
    assert reason == "it is not allowed: its entry point leads to `json`, which is not among its files"


def test_an_editable_one_is_allowed_by_its_folder(good):
    info = good.folder / "x_good-1.0.dist-info"
    (info / "direct_url.json").write_text('{"url": "file:///src/good", "dir_info": {"editable": true}}')
    assert line(good) == "x-good 1.0 editable:/src/good"
    assert state(good, [line(good)]).state == "active"
    assert state(good, ["x-good 1.0 editable:/src/other"]).state == "disabled"


def test_a_list_that_cannot_be_read_allows_nothing(tmp_path):
    (tmp_path / "commons.toml").write_text("[plugins]\nallow = 'all'\n")
    switches = read_switches(tmp_path, {})
    assert switches.off("anything") == "`[plugins] allow` in commons.toml is not a list of texts"
    (tmp_path / "commons.toml").write_text("[plugins]\nallow = []\n")
    assert read_switches(tmp_path, {}).allow == ()
    (tmp_path / "commons.toml").write_text("")
    assert read_switches(tmp_path, {}).allow is None


def test_a_line_that_is_none_is_an_error_of_the_file():
    from shanyrak.config.commons import Commons
    from shanyrak.config.validate import validated

    pool = {"name": "cpu", "unit": "cpu", "units": 1, "cpus": 1, "memory": "1G"}
    with pytest.raises(UsageProblem, match=r"\[plugins\] allow"):
        validated(Commons, {"pools": [pool], "plugins": {"allow": ["shanyrak-local"]}}, "commons.toml")


def test_the_command_prints_what_the_file_takes(tmp_path: Path):
    for name in ("alpha", "beta"):
        write_plugin(tmp_path, name)
    cli = Cli(tmp_path, {"PYTHONPATH": str(tmp_path)})
    printed = cli.ok("plugin", "allow", "alpha")
    assert printed.startswith('allow = [\n    "x-alpha 1.0 sha256:')
    (tmp_path / "commons.toml").write_text(f"[plugins]\n{printed}")
    states = {one["name"]: one["state"] for one in cli.json("plugin", "list")}
    assert {name: state for name, state in states.items() if state == "active"} == {"alpha": "active"}
    done = cli("plugin", "check", "beta", "--quick")
    assert done.returncode == 3 and "x-beta is not in `[plugins] allow`" in done.stdout
    assert cli("plugin", "allow", "gamma").returncode == 2
