"""What one decision is made on: the ground, the queue, the desk, and its shapes.

A shape is what equal requests share: account, pool, width and units. Rows of one shape differ only in walltime,
`%N` and blocks, so the tests are made for each shape and each stretch of walltimes, and a row looks its answer up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import Ints
from shanyrak.policy.ground import Ground, Queue, caps_of, chain_of, ground, holds_of, queue
from shanyrak.policy.kernel import Desk
from shanyrak.policy.order import Order
from shanyrak.policy.stages import Stages
from shanyrak.policy.tables import count_nodes
from shanyrak.policy.view import View

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Round:
    """The pieces that the steps of one decision share."""

    view: View
    ground: Ground
    queue: Queue
    desk: Desk
    order: Order
    sizes: Ints
    caps: Ints
    """[accounts] in effect; `MANY` for none."""
    chain: Ints
    """[levels x accounts] each account and those above it."""
    promised: Ints
    """Rows that hold a promise, ascending."""
    ends: Ints
    """[rows] when a task that starts now reaches its walltime."""
    need: Ints
    """[shapes] units of one task on all its nodes."""
    dearest: Ints
    """[shapes] the hold of a task with the longest walltime in the queue."""
    key: Ints
    """[shapes] pool and size as one index into tables of nodes."""
    never: Mask
    """[shapes] the pool has too few open nodes that are large enough, whatever runs on them."""

    def lacking(self, values: Ints) -> Mask:
        """[layers x shapes]: too few nodes of the pool have the value `units` or more; `values`: [layers x nodes]."""
        counts = count_nodes(values, self.sizes, self.ground)
        return counts.reshape(len(values), -1)[:, self.key] < self.view.shape_width

    def least_headroom(self, values: Ints) -> Ints:
        """[layers x shapes]: the least value of the shape's account and those above; `values`: [layers x columns]."""
        accounts: Ints = values[:, self.ground.nodes + self.chain].min(axis=1)
        return accounts[:, self.view.shape_account]

    def short(self, left: Ints) -> tuple[Ints, Mask]:
        """Some rows, all that may lack grant among them, and which of these do; `left`: [accounts x kinds]."""
        view = self.view
        purse = left[view.shape_account, view.pool_unit[view.shape_pool]]
        doubtful = purse < self.dearest
        rows = np.flatnonzero(doubtful[view.job_shape]) if doubtful.any() else view.job_id[:0]
        return rows, holds_of(self.queue, rows) > purse[view.job_shape[rows]]


def set_up(view: View, stages: Stages, depth: int) -> Round:
    """The ground, the queue and an empty desk, large enough for whatever one round can decide."""
    made, sizes = queue(view)
    rows, pools, nodes = len(view.job_id), len(view.pool_unit), len(view.node_pool)
    chain, promised = chain_of(view), np.flatnonzero(view.job_promise)
    # A promised row is laid at most twice, a started task takes at least one free unit.
    widths = made.width[promised]
    wide = min(int(view.shape_width.max()), nodes) if len(view.shape_width) else 0
    holds = 2 * len(widths) + pools * depth
    hold_nodes = 2 * int(np.minimum(widths, nodes).sum()) + pools * depth * wide
    units = int(np.maximum(view.node_free, 0).sum())
    entries = 2 * (hold_nodes + holds * len(chain)) + units * (1 + len(chain))

    caps = caps_of(view, stages.cap)
    desk = Desk(
        hold_row=np.empty(holds, np.int64), hold_at=np.empty(holds, np.int64),
        hold_entry=np.empty(holds, np.int64), hold_off=np.empty(holds, np.int64),
        hold_nodes=np.empty(hold_nodes, np.int64),
        start_row=np.empty(units, np.int64), start_off=np.empty(units, np.int64),
        start_nodes=np.empty(units, np.int64),
        started=np.zeros(rows, np.int64), held=np.zeros(rows, np.int64),
        reserved=np.zeros(pools, np.int64), tested=np.zeros(pools, np.int64),
        blocker=np.full(pools, -1, np.int64), fill=np.zeros(4, np.int64),
    )  # fmt: skip
    need, longest = view.shape_width * view.shape_units, int(made.limit.max(initial=0))
    r = Round(
        view, ground(view, chain, caps, entries, holds), made, desk, Order(view, stages.keys), sizes, caps,
        chain=chain, promised=promised,
        ends=view.now + made.limit, need=need, dearest=need * ((longest + 999) // 1000),
        key=view.shape_pool * len(sizes) + made.size, never=np.zeros(0, bool),
    )  # fmt: skip
    r.never = r.lacking(np.where(view.node_open != 0, view.node_units, -1)[None, :])[0]
    return r
