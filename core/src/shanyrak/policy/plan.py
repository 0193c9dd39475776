"""What a policy answers: starts with nodes, stops, promises, and why the rest waits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from shanyrak.policy.arrays import Ints

SCALARS = ("wake", "quiet")
"""The fields of a plan that are one number."""


def _none() -> Ints:
    return np.zeros(0, np.int64)


def _zero() -> Ints:
    return np.zeros(1, np.int64)


def _column(values: Any) -> Any:
    array = np.asarray(values)
    return array if array.size else _none()


@dataclass(slots=True)
class Plan:
    """Struct of int64 arrays; jobs and runs by id, nodes by index. Rows of one table have equal length."""

    start_job: Ints = field(default_factory=_none)
    """Each job at most once, in the order decided."""
    start_count: Ints = field(default_factory=_none)
    """How many of its tasks start."""
    start_ptr: Ints = field(default_factory=_zero)
    start_nodes: Ints = field(default_factory=_none)
    """Row i: `start_count[i] * width` node indices, task after task."""
    start_guard: Ints = field(default_factory=_none)
    """What a claim must exceed to stop them; left out: 0."""

    stop_run: Ints = field(default_factory=_none)
    stop_for: Ints = field(default_factory=_none)
    """The pending job that gets the units, in a later round."""
    stop_claim: Ints = field(default_factory=_none)
    """The claim of that job; it must exceed the guard of what is stopped."""

    promise_job: Ints = field(default_factory=_none)
    promise_at: Ints = field(default_factory=_none)
    """New or earlier promises: the earliest start computed. `control` adds the margin."""

    hold_job: Ints = field(default_factory=_none)
    hold_at: Ints = field(default_factory=_none)
    hold_ptr: Ints = field(default_factory=_zero)
    hold_nodes: Ints = field(default_factory=_none)
    """The reservations behind all promises, old and new: the proof that the starts of this plan keep them."""

    wait_job: Ints = field(default_factory=_none)
    wait_why: Ints = field(default_factory=_none)
    """Every job with tasks left after the starts, by id, with all `Why` bits that hold for it."""

    wake: int = 0
    """The next time at which something may start without an event before it; 0 for none."""

    quiet: int = 0
    """Work that comes in after all other work and asks for at least so many units on a node cannot change anything before the
    next event of another kind, so that nobody needs to decide then. 0: any arrival may."""

    @property
    def empty(self) -> bool:
        """Nothing starts, stops or is promised: a round that changes nothing."""
        return not (len(self.start_job) or len(self.stop_run) or len(self.promise_job))

    def starts(self) -> list[tuple[int, list[list[int]]]]:
        """(job, nodes of each task) for every start, as plain ints."""
        out = []
        for i, job in enumerate(self.start_job.tolist()):
            nodes = self.start_nodes[self.start_ptr[i] : self.start_ptr[i + 1]]
            out.append((job, nodes.reshape(int(self.start_count[i]), -1).tolist()))
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain ints and lists: canonical JSON takes it as it is."""
        return {f.name: np.asarray(getattr(self, f.name)).tolist() for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The inverse of `to_dict`. Fields that are absent are empty; unknown ones are a TypeError.

        Values that are no integers stay as they came, for the referee to name.
        """
        return cls(**{name: value if name in SCALARS else _column(value) for name, value in data.items()})

    def plain(self) -> Plan:
        """The same as int64 arrays: a plan that the referee let pass may have come as lists or narrower integers."""
        columns = {
            f.name: np.asarray(getattr(self, f.name)).astype(np.int64) for f in fields(self) if f.name not in SCALARS
        }
        return Plan(**columns, wake=int(self.wake), quiet=int(self.quiet))

    def hash(self) -> str:
        """sha256 over each field's name, length and little-endian int64 values: equal plans, equal hash."""
        digest = hashlib.sha256()
        for f in fields(self):
            values = np.atleast_1d(np.asarray(getattr(self, f.name))).astype("<i8")
            digest.update(f"{f.name}:{values.size};".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()
