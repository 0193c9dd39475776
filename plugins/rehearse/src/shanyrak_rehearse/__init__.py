"""The entry point of `shanyrak-rehearse`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Command, Kind, Plugin, Reader, hookimpl

SUMMARY = "Rehearse policies on past work, with the code that decides live"

PLUGIN = Plugin("rehearse", "2", SUMMARY, hookspecs="shanyrak_rehearse.hookspecs")


@hookimpl
def shanyrak_commands() -> Iterable[Command]:
    return [
        Command(
            "rehearse",
            "Run past work through policies and compare who waits how long.",
            "shanyrak_rehearse.command:rehearse",
        )
    ]


@hookimpl
def shanyrak_rehearse_readers() -> Iterable[Reader]:
    """The readers of this plugin; others may offer more."""
    return [
        Reader(
            "swf", "Standard Workload Format of the Parallel Workloads Archive, 18 to 21 fields",
            "shanyrak_rehearse.readers.swf:read", "shanyrak_rehearse.readers.swf:sniff", (".swf",),
            "shanyrak_rehearse.samples:SWF",
        ),
        Reader(
            "sacct", "What `sacct --parsable2` of Slurm prints",
            "shanyrak_rehearse.readers.sacct:read", "shanyrak_rehearse.readers.sacct:sniff", (".sacct", ".psv"),
            "shanyrak_rehearse.samples:SACCT",
        ),
        Reader(
            "csv", "A table with a line of headings: submission, duration, processors, and more",
            "shanyrak_rehearse.readers.table:read", "shanyrak_rehearse.readers.table:sniff", (".csv",),
            "shanyrak_rehearse.samples:TABLE",
        ),
    ]  # fmt: skip


@hookimpl
def shanyrak_kinds() -> Iterable[Kind]:
    """Readers of other plugins: `shanyrak plugin new NAME --kind reader`."""
    return [
        Kind(
            name="reader",
            implements="shanyrak_rehearse_readers",
            summary="A way to read past work from a file.",
            templates="shanyrak_rehearse.templates.reader",
            contract="shanyrak_rehearse.contract",
        )
    ]
