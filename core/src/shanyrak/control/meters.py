"""Asks each meter about each attempt that ended, and journals what it says, once.

An observer, not a judge: what a meter does changes no decision and no charge. One that raises is left alone for a while
and asked again from where it was, so that nothing is lost; what it knows nothing of is written down as unknown.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanyrak.control import answers
from shanyrak.errors import Problem
from shanyrak.exchange import MeterContext, Sample, Stretch
from shanyrak.journal import points
from shanyrak.journal.journal import Writer
from shanyrak.journal.store import Rows
from shanyrak.plugins.loading import load
from shanyrak.plugins.older import is_asked

if TYPE_CHECKING:
    from shanyrak.api import Instrument
    from shanyrak.control.site import Site
    from shanyrak.plugins.manager import Offer
    from shanyrak.records import Meter

log = logging.getLogger("shanyrak.meters")

BATCH = 200
"""Attempts that a meter is asked about at once."""
TROUBLE_S = (1.0, 5.0, 30.0, 60.0)
"""How long a meter that raised is left alone, by the number of times."""
NOTHING = "unknown"
"""The method of a reading where the meter said nothing."""


@dataclass(slots=True)
class _Asked:
    """One meter: how far in the journal it was asked, and how it does."""

    offer: Offer[Meter]
    seq: int
    made: Instrument | None = None
    failures: int = 0
    quiet_until: float = 0.0


class Meters:
    """The meters of all active plugins."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._meters: list[_Asked] = []
        offers = sorted(
            (name, offer)
            for name, offer in site.manager.meters().items()
            if (record := site.manager.record(offer.plugin)) is not None and is_asked(record.api)
        )
        if not offers:
            return
        with site.journal.store.write() as rows:  # a new meter is asked about what ends from now on
            newest = _newest(rows)
            rows.many(
                "INSERT INTO pulse VALUES (?, ?) ON CONFLICT DO NOTHING", [(_pulse(name), newest) for name, _ in offers]
            )
            for name, offer in offers:
                found = rows.one("SELECT value FROM pulse WHERE name = ?", (_pulse(name),))
                self._meters.append(_Asked(offer, int(found[0]) if found else newest))

    def read(self, acting: Callable[[], AbstractContextManager[Writer]]) -> bool:
        """Ask each meter about what ended since it was asked last, a batch at most; True when there may be more."""
        more = [self._read(meter, acting) for meter in self._meters]
        return any(more)

    def close(self) -> None:
        """Let go of all meters."""
        for meter in self._meters:
            if meter.made is not None:
                try:
                    meter.made.close()
                except (Exception, SystemExit) as error:
                    log.warning("meter %s, close: %s: %s", meter.offer.record.name, type(error).__name__, error)

    def _read(self, meter: _Asked, acting: Callable[[], AbstractContextManager[Writer]]) -> bool:
        if meter.quiet_until > time.monotonic():
            return False
        record, plugin = meter.offer.record, meter.offer.plugin
        with self._site.journal.read() as rows:
            found, newest = _ended(rows, meter.seq), _newest(rows)
        if not found:
            meter.seq = newest
            return False
        seq = found[-1][0]
        # One attempt may end twice: lost, then late.
        stretches = list({stretch.token: stretch for _, stretch in found}.values())
        try:
            known, wrong = answers.samples(stretches, self._made(meter).read(stretches))
        except (Exception, SystemExit) as error:
            self._trouble(meter, str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}")
            return False
        meter.failures = 0
        if wrong:
            log.warning("meter %s of plugin %s: %s", record.name, plugin, wrong)
        with acting() as writer:
            lines = [_line(one, known.get(one.token)) for one in stretches if _is_new(writer, record, one)]
            if lines:
                data = {"meter": record.name, "plugin": plugin, "unit": record.unit, "readings": lines}
                writer.append("usage.metered", record.name, data)
            writer.rows.run(
                "INSERT INTO pulse VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (_pulse(record.name), seq),
            )
        points.reached("meter.after")
        meter.seq = seq
        return len(found) == BATCH

    def _made(self, meter: _Asked) -> Instrument:
        if meter.made is None:
            record, plugin = meter.offer.record, meter.offer.plugin
            folder = self._site.folder / "meters" / record.name
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            context = MeterContext(record.name, record.unit, str(folder), self._site.manager.settings(plugin))
            meter.made = load(record.target, plugin)(context)
        assert meter.made is not None
        return meter.made

    @staticmethod
    def _trouble(meter: _Asked, words: str) -> None:
        pause = TROUBLE_S[min(meter.failures, len(TROUBLE_S) - 1)]
        meter.failures += 1
        meter.quiet_until = time.monotonic() + pause
        log.warning(
            "meter %s of plugin %s failed (%s); again in %g s",
            meter.offer.record.name, meter.offer.plugin, words, pause,
        )  # fmt: skip


def _pulse(meter: str) -> str:
    """The name of a meter's cursor."""
    return f"meter:{meter}"


def _newest(rows: Rows) -> int:
    found = rows.one("SELECT COALESCE(MAX(seq), 0) FROM event")
    return int(found[0]) if found else 0


def _ended(rows: Rows, after: int) -> list[tuple[int, Stretch]]:
    """(seq, stretch) of attempts whose end is an event above `after` and that ran at all, in order, a batch at most."""
    found = rows.all(
        "SELECT e.seq, e.payload, a.token, a.workload, w.project, p.name, p.unit, w.width * w.units, a.nodes, a.started,"
        " a.ended, a.ran FROM event e JOIN attempt a ON a.token = e.subject JOIN workload w ON w.id = a.workload"
        " JOIN pool p ON p.id = w.pool WHERE e.seq > ? AND e.type IN ('attempt.ended', 'attempt.late') AND a.ran > 0"
        " ORDER BY e.seq LIMIT ?",
        (after, BATCH),
    )
    names: dict[int, str] = dict(rows.all("SELECT id, name FROM node")) if found else {}
    ended = []
    for seq, payload, token, workload, project, pool, unit, units, nodes, started, over, ran in found:
        said = json.loads(payload)
        where = tuple(names[node] for node in json.loads(nodes))
        used = int(said.get("cpu", 0)), int(said.get("memory", 0))
        stretch = Stretch(token, workload, project, pool, unit, units, where, started, over, ran, *used)
        ended.append((int(seq), stretch))
    return ended


def _is_new(writer: Writer, record: Meter, stretch: Stretch) -> bool:
    """One reading is kept for each meter and attempt, the first."""
    found = writer.rows.one("SELECT 1 FROM reading WHERE meter = ? AND token = ?", (record.name, stretch.token))
    return found is None


def _line(stretch: Stretch, sample: Sample | None) -> list[str | int]:
    if sample is None:
        return [stretch.token, stretch.project, 0, NOTHING, 0, stretch.ran_ms, ""]
    return [
        stretch.token, stretch.project, sample.amount, sample.method, sample.covered_ms, stretch.ran_ms, sample.words,
    ]  # fmt: skip
