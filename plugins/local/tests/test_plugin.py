"""The plugin as the core sees it: its records, its closed settings, its start-up cost, this machine."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pydantic
import pytest
import shanyrak_local
from shanyrak.api import Engine, EngineContext, Node
from shanyrak_local import machine
from shanyrak_local.engine import make
from shanyrak_local.settings import Settings


def test_the_records_name_what_exists():
    (engine,) = shanyrak_local.shanyrak_engines()
    for target in (engine.target, shanyrak_local.PLUGIN.settings):
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert shanyrak_local.PLUGIN.name == engine.name == "local"


def test_the_entry_point_imports_nothing_heavy():
    code = "import sys, shanyrak_local; print([m for m in ('pydantic', 'ctypes', 'socket') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_is_an_engine(plain):
    assert isinstance(plain.engine, Engine)


def test_settings_are_closed_and_explained():
    with pytest.raises(pydantic.ValidationError, match="isolatoin"):
        Settings.model_validate({"isolatoin": "auto"})
    with pytest.raises(pydantic.ValidationError):
        Settings.model_validate({"grace": -1})
    assert all(field.description for field in Settings.model_fields.values())


def test_nodes_are_the_declared_ones(tmp_path):
    declared = (Node("a", 512, 4096, 1 << 50), Node("b", 1, 1, 1))
    assert (
        tuple(make(EngineContext("p", str(tmp_path / "e"), Settings(isolation="none"), declared)).nodes()) == declared
    )


def test_a_full_disk_takes_the_nodes_down(tmp_path, monkeypatch):
    engine = make(EngineContext("p", str(tmp_path / "e"), Settings(isolation="none"), (Node("a", 1, 1, 1),)))
    monkeypatch.setattr(machine, "free_disk", lambda folder: 1000)
    (node,) = engine.nodes()
    assert not node.up and "no space" in node.reason


def test_without_a_declaration_this_machine_is_the_node(tmp_path):
    (node,) = make(EngineContext("p", str(tmp_path / "e"), Settings(isolation="none"))).nodes()
    assert node == machine.describe()
    assert node.up and node.name and node.units == (machine.gpus() or machine.cpus())
    assert 1 <= node.cpus <= len(os.sched_getaffinity(0)) and node.memory > 1 << 26


def test_cpus_heed_the_affinity():
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, [{one}]); from shanyrak_local import machine; print(machine.cpus())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(("unit", "gpus", "units"), [("", 8, 8), ("cpu", 8, None), ("gpu", 0, 0), ("", 0, None)])
def test_units_of_this_machine(monkeypatch, unit, gpus, units):
    monkeypatch.setattr(machine, "gpus", lambda: gpus)
    assert machine.describe("n", unit).units == (machine.cpus() if units is None else units)


def test_gpus_are_counted_by_the_driver_or_by_its_tool(monkeypatch, tmp_path):
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    monkeypatch.setattr(machine, "NVIDIA", tmp_path / "gpus")
    assert machine.gpus() == 2
    monkeypatch.setattr(machine, "NVIDIA", tmp_path / "missing")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho 'GPU 1: A (UUID: y)'\necho 'GPU 2: A (UUID: z)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert machine.gpus() == 3
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert machine.gpus() == 0
