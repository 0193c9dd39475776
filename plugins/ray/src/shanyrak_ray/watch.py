"""What the spool says of a token, without Ray: claimed or not, running, ended, dead, or silent."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from shanyrak.api import Seen

from shanyrak_ray.node import linux
from shanyrak_ray.node.files import Home, machine

FENCED = "it was stopped before it started"
FIELDS = (
    "started_ms",
    "ended_ms",
    "ran_ms",
    "exit_code",
    "signal",
    "cause",
    "words",
    "fenced",
    "cpu_ms",
    "peak_memory",
)


class Watch:
    """Reads the folders of tokens. What cannot change any more is read once."""

    def __init__(self, spool: Path, silence: float) -> None:
        self.spool, self.silence = spool, silence
        self.here = machine()
        self.booted = _now() - round(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
        self._ended: dict[str, Seen] = {}
        self._claims: dict[str, dict[str, Any]] = {}
        self._starts: dict[str, dict[str, Any]] = {}
        self._beats: dict[str, tuple[int, float]] = {}
        self._lived: dict[str, int] = {}

    def home(self, token: str) -> Home:
        """The folder of a token, there or not."""
        return Home(str(self.spool), token)

    def seen(self, token: str) -> Seen | None:
        """What is known; None when it was launched and nobody has claimed it, so that Ray is to be asked."""
        if token in self._ended:
            return self._ended[token]
        home = self.home(token)
        claim = self.claim(home)
        if claim is None:
            if home.there("launch.json"):
                return None
            return Seen(token, "absent", words="the engine's spool has no record of it")
        if claim["by"] == "engine":
            return Seen(token, "absent", words=claim["words"], fenced=True)
        if not home.there("end.json"):
            if not self._is_dead(home, claim):
                return self._alive(token, home)
            if not home.there("end.json"):  # It may have been written just before the keeper went.
                self._bury(home, claim)
        return self._remember(token, home)

    def claim(self, home: Home) -> dict[str, Any] | None:
        """Who has claimed the token."""
        found = self._claims.get(home.token) or home.read("claim.json")
        if found:
            self._claims[home.token] = found
        return found

    def fence(self, home: Home, words: str) -> bool:
        """Make sure that it never starts; False when it has been claimed already, by its node or by a fence."""
        home.make()
        return home.claim({"by": "engine", "at": _now(), "words": words})

    def forget(self, token: str) -> None:
        """It is on record: nothing is kept in memory."""
        for cache in (self._claims, self._starts, self._beats, self._lived, self._ended):
            cache.pop(token, None)

    # ---- within -----------------------------------------------------------------------------------------

    def _remember(self, token: str, home: Home) -> Seen:
        end = home.read("end.json") or {}
        seen = Seen(token, "ended", isolation=tuple(end["isolation"]), **{name: end[name] for name in FIELDS})
        self._ended[token] = seen
        return seen

    def _alive(self, token: str, home: Home) -> Seen:
        start = self._starts.get(token) or home.read("start.json")
        if start:
            self._starts[token] = start
        if self._is_silent(token, home):
            words = f"nothing was heard of it for {self.silence:g} s from node {self._claims[token]['host']}"
            return Seen(token, "unknown", words=words)
        if start is None:
            note = home.read("note")
            return Seen(token, "pending", words=note["words"] if note else "its node gets it ready")
        return Seen(token, "running", started_ms=start["at"], isolation=tuple(start["isolation"]))

    def _is_here(self, claim: dict[str, Any]) -> bool:
        return all(claim.get(key) == value for key, value in self.here.items())

    def _was_here(self, home: Home, claim: dict[str, Any]) -> bool:
        """Whether this machine was started anew since the last sign of life, so that nothing of it is left."""
        same = all(claim.get(key) == self.here[key] != "" for key in ("host", "machine"))
        return (
            same
            and claim["boot"] != self.here["boot"]
            and max(claim["at"], self._beat(home) // 1_000_000) < self.booted
        )

    def _is_dead(self, home: Home, claim: dict[str, Any]) -> bool:
        """Whether its keeper is proven to be dead: it was on this machine, by its boot, its pid and its start time."""
        return self._was_here(home, claim) or self._is_here(claim) and linux.start_time(claim["pid"]) != claim["start"]

    def _bury(self, home: Home, claim: dict[str, Any]) -> None:
        """Write the end of an attempt whose keeper died: what is known of it, until its last sign of life."""
        start, anew = home.read("start.json") or {"at": 0, "isolation": []}, self._was_here(home, claim)
        last = max(start["at"], self._beat(home) // 1_000_000, claim["at"], self._lived.get(home.token, 0))
        home.end(
            {
                "started_ms": start["at"], "ended_ms": last, "ran_ms": last - start["at"] if start["at"] else 0,
                "exit_code": None, "signal": 0, "cause": "node",
                "words": "its machine was started anew" if anew else "its keeper on the node was killed",
                "fenced": anew or not start["at"] or "pidns" in start["isolation"], "cpu_ms": 0, "peak_memory": 0,
                "isolation": start["isolation"],
            }
        )  # fmt: skip

    def _is_silent(self, token: str, home: Home) -> bool:
        """Whether it is on another machine and has given no sign of life for long, by the clock of this one."""
        if self._is_here(self._claims[token]):
            self._lived[token] = _now()
            return False
        beat, now = self._beat(home), time.monotonic()
        known, since = self._beats.get(token, (-1, now))
        if beat != known:
            self._beats[token] = (beat, now)
            return False
        return now - since > self.silence

    @staticmethod
    def _beat(home: Home) -> int:
        try:
            return os.stat(home.at("beat")).st_mtime_ns  # noqa: PTH116
        except FileNotFoundError:
            return 0


def _now() -> int:
    return time.time_ns() // 1_000_000
