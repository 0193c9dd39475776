"""The entry point of `shanyrak-policies`: data only."""

from __future__ import annotations

from collections.abc import Iterable

from shanyrak.api import Plugin, Policy, hookimpl

PLUGIN = Plugin("policies", api="2", summary="Policies for the queue: from fifo to fair share, floors and services")


@hookimpl
def shanyrak_policies() -> Iterable[Policy]:
    return (
        Policy(
            "fifo", "In order of submission; nothing passes what waits for nodes", version="1",
            stages="shanyrak_policies.fifo:stages", capabilities=("fifo",),
        ),
        Policy(
            "easy", "In order of submission; smaller work fills gaps and delays no promised start", version="1",
            stages="shanyrak_policies.easy:stages",
        ),
        Policy(
            "shortest", "Least expected unit-time first; the first that waits gets a promised start", version="1",
            stages="shanyrak_policies.shortest:stages",
        ),
        Policy(
            "fairshare", "Who has used least of its share first, sector by sector, project by project", version="1",
            stages="shanyrak_policies.fairshare:stages", needs=("account",),
        ),
        Policy(
            "lanes", "Sectors have floors that they can get back, and borrow what others leave idle", version="1",
            stages="shanyrak_policies.lanes:stages", needs=("sector",),
        ),
        Policy(
            "public-first", "Services before all other work, which they may stop up to their sector's cap", version="1",
            stages="shanyrak_policies.public_first:stages", needs=("sector", "class"),
        ),
        Policy(
            "weighted", "A weighted sum of age, fair share, size and class, as Slurm's multifactor priority", version="1",
            stages="shanyrak_policies.weighted:stages", needs=("account",),
        ),
    )  # fmt: skip
