"""The entry point of `shanyrak-policies`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Plugin, Policy, hookimpl

PLUGIN = Plugin("policies", api="1", summary="Policies for the queue: from fifo to fair share, floors and services")


@hookimpl
def shanyrak_policies() -> Iterable[Policy]:
    return tuple(
        Policy(name, summary, version, stages=f"shanyrak_policies.{name.replace('-', '_')}:stages")
        for name, summary, version in (
            ("fifo", "In order of submission; nothing passes what waits for nodes", "1"),
            ("easy", "In order of submission; smaller work fills gaps and delays no promised start", "1"),
            ("shortest", "Least expected unit-time first; the first that waits gets a promised start", "1"),
            ("fairshare", "Who has used least of its share first, sector by sector, project by project", "1"),
            ("lanes", "Sectors have floors that they can get back, and borrow what others leave idle", "1"),
            ("public-first", "Services before all other work, which they may stop up to their sector's cap", "1"),
            ("weighted", "A weighted sum of age, fair share, size and class, as Slurm's multifactor priority", "1"),
        )
    )
