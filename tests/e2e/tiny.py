"""The plugin `tiny`, installed for a test: the engine of this machine, as long as a daemon lives that its trial brings up."""

from __future__ import annotations

from pathlib import Path

from shanyrak.testing.distribution import write_plugin

HOOK = """
@hookimpl
def shanyrak_engines():
    return [EngineRecord("tiny", "Tiny.", "x_tiny_engine:make", trial="x_tiny_engine:trial"),
            EngineRecord("bare", "Without a trial.", "x_tiny_engine:make")]
"""

ENGINE = """
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel
from shanyrak.api import EngineProblem, Trial, UnfitProblem
from shanyrak_local import engine
from shanyrak_local import settings as local

HOW = os.environ.get("TINY", "")


class Settings(BaseModel, extra="forbid"):
    daemon: int = 0


def make(context):
    try:
        os.kill(context.settings.daemon, 0)
    except ProcessLookupError:
        raise EngineProblem("tiny", "its daemon is gone") from None
    return engine.make(replace(context, settings=local.Settings()))


@contextmanager
def trial(folder):
    if HOW == "missing":
        raise UnfitProblem("tiny", "the program `tinyd` is not installed", "install it")
    if HOW == "breaks":
        raise ZeroDivisionError("boom")
    cpus = os.sysconf("SC_NPROCESSORS_ONLN")
    daemon = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        Path(os.environ["HOME"], "daemon").write_text(f"{daemon.pid} {folder}")
        pool = {"name": "here", "engine": "tiny", "unit": "cpu", "nodes": 1, "units": cpus, "cpus": cpus, "memory": "8G"}
        if "no cpus" in HOW:
            pool["unit"] = "gpu"
        if HOW == "no pool":
            del pool["memory"]
        if HOW == "another":
            del pool["engine"]
        yield Trial([pool], {"daemon": daemon.pid})
    finally:
        daemon.communicate(b"\\n")
        if "stays" in HOW:
            raise TimeoutError("it does not answer")
"""


def install(folder: Path) -> None:
    """For processes that have `folder` on their import path."""
    record = "PLUGIN = Plugin('tiny', '2', 'Tiny.', settings='x_tiny_engine:Settings')"
    write_plugin(folder, "tiny", HOOK, record=record, more={"x_tiny_engine": ENGINE})
