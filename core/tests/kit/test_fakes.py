"""What authors stand on: a facility of any size, a runner of the command line, names that are loaded on use."""

from __future__ import annotations

import shanyrak.testing
from shanyrak.testing import Bench, Cli, settle


def test_a_facility_of_any_size(tmp_path):
    bench = Bench.of(tmp_path / "site", nodes=64)
    bench.fund("p", 10_000_000, "gpu-second")
    with bench.controller() as controller:
        receipt = bench.run(gpus=8, width=64)
        settle(controller)
        assert bench.state(receipt.id) == "running/running"
        assert len(bench.engine("gpu").live()) == 1
        assert sum(node["busy"] for node in bench.site.nodes()) == 512


def test_the_command_line_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("SHANYRAK_PLUGINS", "0")
    cli = Cli(tmp_path)
    assert cli.ok("--version").startswith("shanyrak ")
    assert cli("no-such-command").returncode == 2
    assert isinstance(cli.json("plugin", "list"), list), "the caller's own variables do not count"
    off = Cli(tmp_path, {"SHANYRAK_PLUGINS": "0"}).json("plugin", "list")
    assert all(row["state"] == "disabled" for row in off)


def test_every_name_of_the_kit_is_there():
    for name in shanyrak.testing.__all__:
        assert getattr(shanyrak.testing, name).__name__ == name
