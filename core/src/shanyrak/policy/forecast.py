"""When promised work could start at the earliest, from the state of a view alone."""

from __future__ import annotations

import numpy as np

from shanyrak.policy.arrays import Ints
from shanyrak.policy.desk import D_STARTED, KEPT, K_NODE, new_desk
from shanyrak.policy.pack import sizes
from shanyrak.policy.placing import earliest, reserve, short, start
from shanyrak.policy.room import lay_out
from shanyrak.policy.view import View
from shanyrak.policy.memory import face, part


def promised_rows(view: View) -> Ints:
    """Rows that hold a promise and nothing outside the kernel blocks, by promise, then id."""
    rows = np.flatnonzero((view.job_promise > 0) & (view.job_tasks > 0) & (view.job_block == 0) & (view.job_room > 0))
    return rows[np.lexsort((view.job_id[rows], view.job_promise[rows]))]


def forecast(view: View, starts: list[tuple[int, list[int]]]) -> dict[int, int]:
    """row -> earliest start of its next task, for each promised row, one after the other, after `starts`.

    `starts`: (row, nodes) of each task, known to be possible. Rows whose grant is short or that nothing known
    will free nodes for are absent.
    """
    b, now, out = view.board(), view.now, {}
    rows = promised_rows(view)
    desk = new_desk(view.memory, sizes(view.memory, 0))
    d = face(desk)
    lay_out(b, d, now)
    for row, nodes in starts:
        part(desk, K_NODE, len(nodes))[:] = nodes
        start(b, d, now, row)
    for row in rows.tolist():
        if view.job_tasks[row] <= d[d[D_STARTED] + row] or short(b, d, row):
            continue
        at = int(earliest(b, d, now, row, True))
        if at >= 0:
            reserve(b, d, now, row, at, KEPT, True)
            out[row] = at
    return out
