"""How many nodes of each pool have room for each size of task: a test of the whole queue is one look-up."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shanyrak.policy.arrays import Ints
from shanyrak.policy.ground import Ground

T = TypeVar("T", bound=np.generic)


def count_nodes(values: Ints, sizes: Ints, g: Ground) -> Ints:
    """[layers x pools x sizes]: nodes of the pool whose value in the layer is at least the size.

    `values` is [layers x nodes].
    """
    enough = values[:, :, None] >= sizes[None, None, :]
    out = np.zeros((len(values), len(g.pool_unit), len(sizes)), np.int64)
    if len(g.pool_unit) == 1:
        enough.sum(axis=1, out=out[:, 0])
        return out
    for pool in range(len(g.pool_unit)):
        nodes = g.pool_nodes[g.pool_ptr[pool] : g.pool_ptr[pool + 1]]
        out[:, pool] = enough[:, nodes].sum(axis=1)
    return out


def layers(g: Ground) -> tuple[Ints, Ints]:
    """The instants, ascending, and the least room of each column over the first k of them: [k + 1 x columns].

    A task that ends after exactly k instants fits a column if layer k has its room.
    """
    used = int(g.fill[1])
    order = np.argsort(g.instant[:used], kind="stable")
    stack = np.empty((used + 1, len(g.room)), np.int64)
    stack[0] = g.room
    stack[1:] = g.extra[order]
    return g.instant[order], np.minimum.accumulate(stack, axis=0)


def layer_of(instants: Ints, ends: Ints) -> Ints | None:
    """The layer for each end: how many instants lie before it. None when there are none."""
    if not len(instants):
        return None
    if len(instants) > 16:
        return np.searchsorted(instants, ends).astype(np.int64)
    layer = np.zeros(len(ends), np.int64)
    for instant in instants:
        layer += ends > instant
    return layer


def look(table: npt.NDArray[T], key: Ints, layer: Ints | None = None) -> npt.NDArray[T]:
    """table[layer, key] for each row; `table` is [layers x keys]."""
    return table.reshape(-1).take(key if layer is None else layer * table.shape[1] + key)
