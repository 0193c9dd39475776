"""`shanyrak store copy`: the whole journal into another store, proved there before it counts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shanyrak.control.lease import WATCH_S, Watch
from shanyrak.control.proofs import journal_faults
from shanyrak.control.workspace import empty_store, open_store
from shanyrak.errors import UnfitProblem
from shanyrak.journal import points
from shanyrak.journal.copying import copy, refuse_other
from shanyrak.journal.store import Store

if TYPE_CHECKING:
    from shanyrak.plugins.manager import PluginManager


class Copied(NamedTuple):
    """The last event and its hash, which are the same in both; how many rows were compared."""

    events: int
    hash: str
    rows: int


def copy_store(folder: Path, manager: PluginManager, source_url: str, target_url: str) -> Copied:
    """Copy a journal into an empty store; neither has a controller, and nobody writes to the source meanwhile.

    It is one transaction there: killed in the middle it leaves nothing, and can be asked for again. Every row is compared, then
    proved: the chain of hashes, the tables against the events, the account. Raises a Problem, and nothing is there, when
    one of these does not hold.
    """
    source = open_store(folder, source_url, manager)
    try:
        refuse_other(source)
        watch = _wait_for_no_controller(source)
        target = empty_store(folder, target_url, manager)
        try:
            return _copied(source, target, watch)
        finally:
            target.close()
    finally:
        source.close()


def _wait_for_no_controller(store: Store) -> Watch:
    """Return when no controller lives; UnfitProblem when one does."""
    watch = Watch()
    while True:
        with store.read() as rows:
            if watch.free(rows):
                return watch
        time.sleep(WATCH_S)


def _copied(source: Store, target: Store, watch: Watch) -> Copied:
    with source.write() as rows, target.write() as fresh:
        watch.free(rows)  # one may have come up since
        count = copy(rows, fresh)
        wrong = journal_faults(fresh)
        if wrong:
            raise UnfitProblem(
                f"the journal {source.url}",
                f"it cannot be proved: {wrong[0]}",
                "see `shanyrak verify`; nothing was copied",
            )
        last = fresh.one("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1") or (0, "")
        points.reached("commit.before")
    return Copied(last[0], last[1], count)
