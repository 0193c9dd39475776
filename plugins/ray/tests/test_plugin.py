"""The plugin as the core sees it: its records, its closed settings, its start-up cost."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pydantic
import pytest
import shanyrak_ray
from shanyrak.api import Engine
from shanyrak_ray.settings import Settings


def test_the_records_name_what_exists():
    (engine,) = shanyrak_ray.shanyrak_engines()
    (command,) = shanyrak_ray.shanyrak_commands()
    for target in (engine.target, engine.harness, engine.trial, command.target, shanyrak_ray.PLUGIN.settings):
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert shanyrak_ray.PLUGIN.name == engine.name == command.name == "ray"


def test_nothing_of_it_imports_ray(lab):
    code = (
        "import sys, shanyrak_ray; light = [m for m in ('pydantic', 'http.client') if m in sys.modules]\n"
        "import shanyrak_ray.engine, shanyrak_ray.inside, shanyrak_ray.doctor\n"
        "print(light, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"
    assert isinstance(lab.engine, Engine)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("adress", "http://x:1"),
        ("address", "ray://x:1"),
        ("address", "x:8265"),
        ("address", "http://me:word@x:1"),
        ("address", "http://x/ray"),
        ("timeout", 0),
        ("parallel", 0),
    ],
)
def test_settings_are_closed(key, value):
    with pytest.raises(pydantic.ValidationError, match=key):
        Settings.model_validate({key: value})


def test_settings_are_explained():
    assert all(field.description for field in Settings.model_fields.values())
