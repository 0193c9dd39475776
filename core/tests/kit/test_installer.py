"""Installing and removing: what would change is known before, and what would break another plugin is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from shanyrak.errors import UnfitProblem
from shanyrak.plugins import installer
from shanyrak.plugins.discovery import find
from shanyrak.plugins.installer import Change, broken_by, removal, wanted
from shanyrak.plugins.manager import PluginManager
from shanyrak.testing import Cli
from shanyrak.testing.distribution import write_distribution, write_plugin


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def require(folder: Path, distribution: str, *needs: str) -> None:
    """Let an installed distribution say what it needs."""
    file = next(folder.glob(f"{distribution.replace('-', '_')}-*")) / "METADATA"
    file.write_text(file.read_text() + "".join(f"Requires-Dist: {need}\n" for need in needs))


def test_what_is_meant():
    assert wanted("local") == ["shanyrak-local"]
    assert wanted("shanyrak-local") == ["shanyrak-local"]
    assert wanted("dist/a-1.0-py3-none-any.whl") == ["dist/a-1.0-py3-none-any.whl"]
    assert wanted(".") == ["-e", "."]


def test_a_change_under_a_plugin_is_named(site_packages: Path) -> None:
    write_plugin(site_packages, "user")
    require(site_packages, "x-user", "libthing>=2", "libthing<3; python_version < '3'", "other[extra]; extra == 'more'")
    assert broken_by([Change("libthing", "2.0", "2.5")]) == []
    assert broken_by([Change("libthing", "2.0", "1.9")]) == ["x-user needs libthing>=2, and there would be version 1.9"]
    assert broken_by([Change("libthing", "2.0", "")]) == ["x-user needs libthing>=2, and there would be none"]
    assert broken_by([Change("other", "1", "")]) == []
    assert broken_by([Change("x-user", "1.0", ""), Change("libthing", "2.0", "")]) == [], "it goes itself"


def test_what_the_core_needs_counts_too() -> None:
    said = broken_by([Change("click", "8", "7.0")])
    assert [line for line in said if line.startswith("shanyrak needs click>=8")]


def test_a_plugin_that_others_need_is_not_removed(site_packages: Path) -> None:
    opens = {
        "x_opener_specs": "from shanyrak.api import hookspec\n\n@hookspec\ndef shanyrak_opener_things():\n    'Things.'\n"
    }
    write_plugin(
        site_packages, "opener", record="PLUGIN = Plugin('opener', '2', 'O.', hookspecs='x_opener_specs')", more=opens
    )
    write_plugin(site_packages, "user", "@hookimpl\ndef shanyrak_opener_things():\n    return []\n")
    write_plugin(site_packages, "needs")
    require(site_packages, "x-needs", "x-opener")
    write_distribution(site_packages, "x-pair", {"left": "x_left", "right": "x_left"}, {})
    states = PluginManager(finder=lambda: find([str(site_packages)]), warn=lambda line: None).states()
    assert removal("opener", states) == (
        Change("x-opener", "1.0", ""),
        [
            "user implements `shanyrak_opener_things`, which opener opens",
            "x-needs needs x-opener, and there would be none",
        ],
    )
    assert removal("user", states)[1] == []
    assert removal("left", states)[1] == ["right is in the same distribution, x-pair"]
    for name in ("x_opener", "x_opener_specs", "x_user", "x_needs"):
        sys.modules.pop(name, None)


def test_without_pip_or_uv_nothing_can_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "find_spec", lambda name: None)
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)
    with pytest.raises(UnfitProblem, match="no pip, and there is no uv"):
        installer.installer()
    monkeypatch.setattr(installer.shutil, "which", lambda name: "/bin/uv")
    assert installer.installer().command("install", "x") == [
        "/bin/uv",
        "pip",
        "install",
        "--python",
        sys.executable,
        "x",
    ]
    monkeypatch.setattr(installer, "find_spec", lambda name: object())
    assert installer.installer().command("install", "x") == [sys.executable, "-m", "pip", "install", "x"]


def test_what_cannot_be_removed_is_one_line(tmp_path: Path) -> None:
    done = Cli(tmp_path)("plugin", "remove", "nobody")
    assert done.returncode == 2 and "no plugin `nobody` is installed" in done.stderr


def test_a_required_plugin_is_not_removed(tmp_path: Path, site_packages: Path) -> None:
    write_plugin(site_packages, "user")
    (tmp_path / "commons.toml").write_text("[plugins]\nrequired = ['user']\n")
    cli = Cli(tmp_path, {"PYTHONPATH": str(site_packages)})
    done = cli("plugin", "remove", "user")
    assert done.returncode == 4
    assert "`[plugins] required` of this site names it" in done.stderr
    assert "remove x-user 1.0" in done.stdout
    (tmp_path / "commons.toml").unlink()
    assert "Would run: " in cli.ok("plugin", "remove", "user", "--dry-run")
