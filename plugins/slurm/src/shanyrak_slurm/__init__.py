"""The entry point of `shanyrak-slurm`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Command, EngineRecord, Plugin, hookimpl

SUMMARY = "Runs work through a site's Slurm"

PLUGIN = Plugin("slurm", "2", SUMMARY, settings="shanyrak_slurm.settings:Settings")

CLAIMS = (
    "accounting", "arrays", "commands", "daemon", "environment", "gpus", "hang", "logs", "memory", "nodes", "pending", "reuse",
    "signals", "sites", "sizes", "survives", "tail", "times", "tree", "users", "walltime",
)  # fmt: skip
"""What the conformance kit holds it to."""


@hookimpl
def shanyrak_commands() -> Iterable[Command]:
    """`shanyrak slurm`."""
    return [
        Command("slurm", "Check the site's Slurm, let it schedule, bring in past work.", "shanyrak_slurm.command:slurm")
    ]


@hookimpl
def shanyrak_engines() -> Iterable[EngineRecord]:
    """The engine `slurm`."""
    return [
        EngineRecord(
            "slurm",
            SUMMARY,
            "shanyrak_slurm.engine:make",
            CLAIMS,
            harness="shanyrak_slurm.harness:SlurmHarness",
            trial="shanyrak_slurm.trial:trial",
        )  # fmt: skip
    ]
