"""Shows each event to the plugins that want to see it, at least once and in order, by a cursor that survives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanyrak.journal.journal import events

if TYPE_CHECKING:
    from shanyrak.control.site import Site

BATCH = 500
"""Events shown between two moves of the cursor: what may be shown twice after a crash."""


class Observers:
    """The cursor over the journal for `shanyrak_on_event`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._wanted = site.manager.listens("shanyrak_on_event")
        with site.journal.read() as rows:
            found = rows.one("SELECT value FROM pulse WHERE name = 'observed'")
        self._seq = int(found[0]) if found else 0

    def show(self) -> bool:
        """Show what is new, a batch at most; True when there may be more."""
        if not self._wanted:
            return False
        with self._site.journal.read() as rows:
            new = events(rows, self._seq, BATCH)
        for event in new:
            self._site.manager.on_event(event.public())
        if new:
            self._seq = new[-1].seq
            with self._site.journal.store.write() as rows:
                rows.run(
                    "INSERT INTO pulse VALUES ('observed', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (self._seq,),
                )
        return len(new) == BATCH
