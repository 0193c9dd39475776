"""The entry point of `shanyrak-ray`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Command, EngineRecord, Plugin, hookimpl

SUMMARY = "Runs work as jobs of a Ray cluster, and Ray inside a job"

PLUGIN = Plugin("ray", "2", SUMMARY, settings="shanyrak_ray.settings:Settings")

CLAIMS = (
    "arrays", "commands", "daemon", "environment", "gpus", "hang", "logs", "memory", "nodes", "pending", "reuse", "signals",
    "sites", "sizes", "survives", "tail", "times", "tree", "walltime",
)  # fmt: skip
"""What the conformance kit holds it to."""


@hookimpl
def shanyrak_engines() -> Iterable[EngineRecord]:
    """The engine `ray`."""
    return [
        EngineRecord(
            "ray",
            SUMMARY,
            "shanyrak_ray.engine:make",
            CLAIMS,
            harness="shanyrak_ray.harness:RayHarness",
            trial="shanyrak_ray.trial:trial",
        )
    ]


@hookimpl
def shanyrak_commands() -> Iterable[Command]:
    """The group `ray`."""
    return [Command("ray", "Ask a Ray cluster what it has and lacks for this site.", "shanyrak_ray.commands:ray")]
