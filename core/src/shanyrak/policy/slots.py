"""The reservations behind promises, as the small array that a round hands to the next."""

from __future__ import annotations

import numpy as np

from shanyrak.policy.arrays import Ints, ints, ragged
from shanyrak.policy.view import View

_MARK = 0x51075
"""What the array starts with: another policy's carry is not read as slots."""


def write_slots(slots: list[tuple[int, int, list[int]]]) -> Ints:
    """(job, start, nodes) of each: mark, then job, start, count and nodes, one after the other."""
    flat = [_MARK] if slots else []
    for job, at, nodes in slots:
        flat += [job, at, len(nodes), *nodes]
    return ints(flat)


def read_slots(carry: Ints, view: View, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """For each of `rows`: the start of its slot, -1 for none, and its nodes as (ptr, flat).

    A slot that does not fit the job or the nodes as they are now counts as none: it is only a proposal.
    """
    known: dict[int, tuple[int, list[int]]] = {}
    flat, i = np.asarray(carry).tolist(), 1
    while flat and flat[0] == _MARK and i + 3 <= len(flat):
        job, at, count = flat[i : i + 3]
        known[job] = (at, flat[i + 3 : i + 3 + count])
        i += 3 + max(count, 0)
    starts, nodes = [], []
    for row in rows.tolist():
        at, chosen = known.get(int(view.job_id[row]), (-1, []))
        pool, width = view.job_pool[row], int(view.job_width[row])
        fit = len(chosen) == width == len(set(chosen)) and 0 <= min(chosen) <= max(chosen) < len(view.node_pool)
        if not fit or (view.node_pool[chosen] != pool).any():
            at, chosen = -1, []
        starts.append(at)
        nodes.append(chosen)
    return (ints(starts), *ragged(nodes))
