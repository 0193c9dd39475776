"""When promised work could start at the earliest, from the state of a view alone."""

from __future__ import annotations

import numpy as np

from shanyrak.policy.arrays import Ints
from shanyrak.policy.ground import holds_of
from shanyrak.policy.kernel import earliest, reserve, start
from shanyrak.policy.round import set_up
from shanyrak.policy.stages import Stages
from shanyrak.policy.view import View


def promised_rows(view: View) -> Ints:
    """Rows that hold a promise and nothing outside the kernel blocks, by promise, then id."""
    rows = np.flatnonzero((view.job_promise > 0) & (view.job_tasks > 0) & (view.job_block == 0) & (view.job_room > 0))
    return rows[np.lexsort((view.job_id[rows], view.job_promise[rows]))]


def forecast(view: View, starts: list[tuple[int, list[int]]]) -> dict[int, int]:
    """row -> earliest start of its next task, for each promised row, one after the other, after `starts`.

    `starts`: (row, nodes) of each task, known to be possible. Rows whose grant is short or that nothing known
    will free nodes for are absent.
    """
    r = set_up(view, Stages(), 0)
    g, q, d = r.ground, r.queue, r.desk
    for row, nodes in starts:
        start(g, q, d, row, np.array(nodes, np.int64))
    chosen, out = np.empty(g.nodes, np.int64), {}
    rows = promised_rows(view)
    for row, hold in zip(rows.tolist(), holds_of(q, rows).tolist(), strict=True):
        if q.tasks[row] <= d.started[row] or g.left[q.account[row], g.pool_unit[q.pool[row]]] < hold:
            continue
        at = int(earliest(g, q, row, True, chosen))
        if at >= 0:
            reserve(g, q, d, row, at, chosen, 0)
            out[row] = at
    return out
