"""The entry point of `shanyrak-policies`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Plugin, Policy, hookimpl

PLUGIN = Plugin("policies", api="1", summary="Policies for the queue: fifo, easy, shortest")


@hookimpl
def shanyrak_policies() -> Iterable[Policy]:
    return (
        Policy(
            "fifo", "In order of submission; nothing passes what waits for nodes", version="1",
            stages="shanyrak_policies.fifo:stages",
        ),
        Policy(
            "easy", "In order of submission; smaller work fills gaps and delays no promised start", version="1",
            stages="shanyrak_policies.easy:stages",
        ),
        Policy(
            "shortest", "Least expected unit-time first; the first that waits gets a promised start", version="1",
            stages="shanyrak_policies.shortest:stages",
        ),
    )  # fmt: skip
