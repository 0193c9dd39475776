"""What is left of a trial when it must end, and its end: by the process that started it, or by the warden when that is gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from shanyrak_slurm.trial import leftovers
from shanyrak_slurm.trial.daemons import PAUSE, started

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Remains:
    """`folder` has the notes of daemons in `run`; `nodes` name control groups; `away` lies outside of it and is removed."""

    folder: str
    nodes: Sequence[str]
    away: Sequence[str]

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Remains:
        return cls(**json.loads(text))

    def end(self) -> None:
        """Daemons first, so that none begins anything more; then what is left of jobs; then what lies elsewhere."""
        for pid in self._daemons():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + PATIENCE_S
        while any(True for _ in self._daemons()) and time.monotonic() < end:
            time.sleep(PAUSE)
        leftovers.end_all(Path(self.folder), self.nodes)
        for path in map(Path, self.away):
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path, ignore_errors=True)

    def _daemons(self) -> Iterator[int]:
        for note in Path(self.folder, "run").glob("*.started"):
            pid, _, when = note.read_text().partition(" ")
            if pid and when and started(int(pid)) == when:
                yield int(pid)
