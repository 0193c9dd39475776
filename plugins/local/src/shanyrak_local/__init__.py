"""The entry point of `shanyrak-local`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import EngineRecord, Plugin, hookimpl

SUMMARY = "Runs work on this machine, isolated, adopted again after a restart"

PLUGIN = Plugin("local", "2", SUMMARY, settings="shanyrak_local.settings:Settings")

CLAIMS = (
    "arrays", "commands", "daemon", "environment", "gpus", "hang", "logs", "memory", "nodes", "reuse", "signals", "sites", "sizes",
    "tail", "times", "tree", "walltime",
)  # fmt: skip
"""What the conformance kit holds it to."""


@hookimpl
def shanyrak_engines() -> Iterable[EngineRecord]:
    """The engine `local`."""
    return [EngineRecord("local", SUMMARY, "shanyrak_local.engine:make", CLAIMS, "shanyrak_local.harness:Harness")]
