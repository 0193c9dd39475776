"""Small random machines with queues, running work, windows, caps and grants, as hypothesis draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from shanyrak.policy.arrays import MANY
from shanyrak.policy.mirror import Mirror

NOW = 1_000_000_000_000
"""When decisions are made, ms."""
DAY = 86_400_000

Order = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class World:
    """Plain data; `mirror` makes the arrays of it. Times are seconds from `NOW`."""

    nodes: tuple[tuple[int, int, bool], ...]
    """(pool, units, open)"""
    caps: tuple[int, ...]
    grants: tuple[int, ...]
    jobs: tuple[tuple[int, int, int, int, int, int, int, int, int], ...]
    """(account, pool, width, units, limit, tasks, room, submitted before now, class)"""
    running: tuple[tuple[int, int, int, int], ...]
    """(node, units, started before now, ends after now)"""
    windows: tuple[tuple[int, int, int], ...]
    """(node, from, length)"""
    used: tuple[int, ...] = (0, 0, 0)
    """Unit-seconds that each account has used, a minute before now."""

    @property
    def size(self) -> int:
        """Units of the whole machine."""
        return sum(units for _, units, _ in self.nodes)

    def mirror(self, *, shift: int = 0, order: Order = list, cap: int | None = None, dead: int = 0) -> Mirror:
        """The arrays. `shift` moves all times (ms), `order` tells of the work in another order, `cap` is put in place of
        every account's, `dead` jobs come and go before."""
        now, mirror = NOW + shift, Mirror(7 * DAY)
        for pool in (0, 1):
            mirror.pool(pool, 0)
        for index, (pool, units, open_) in enumerate(self.nodes):
            mirror.node(index, pool, units, open_)
        for index, own in enumerate(self.caps):
            mirror.account(index, -1 if index == 0 else 0, cap=own if cap is None else cap)
            mirror.left(index, 0, self.grants[index])
            mirror.usage(index, self.used[index] * 1000, now - 60_000)
        free = [units for _, units, _ in self.nodes]
        for index, (node, units, since, end) in enumerate(self.running):
            if node < len(free) and free[node] >= units:
                free[node] -= units
                mirror.adopt(500 + index, 900 + index, 1, units, [node], now - since * 1000, now + end * 1000)
        for index, (node, from_, length) in enumerate(self.windows):
            if node < len(free):
                mirror.window(index, [node], now + from_ * 1000, now + (from_ + length) * 1000)
        for job in range(1000, 1000 + dead):
            mirror.submit(job, 0, 0, 1, 1, 1, MANY, 1000, now)
        for index, job in order(list(enumerate(self.jobs))):
            account, pool, width, units, limit, tasks, room, before, class_ = job
            mirror.submit(
                10 + index, account, pool, width, units, tasks, room, limit * 1000, now - before * 1000, class_=class_
            )
        for job in range(1000, 1000 + dead):
            mirror.unqueue(job)
        return mirror


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world of at most five nodes, three accounts and ten jobs."""
    few = st.integers(1, 3)
    node = st.tuples(st.sampled_from([0, 0, 1]), st.integers(1, 4), st.sampled_from([True, True, False]))
    nodes = [
        (pool, units, up or i == 0) for i, (pool, units, up) in enumerate(draw(st.lists(node, min_size=1, max_size=5)))
    ]
    job = st.tuples(
        st.integers(0, 2), st.sampled_from([0, 0, 1]), st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 1, 2, 4]),
        st.integers(1, 12), few,
        st.sampled_from([MANY, MANY, 2, 1, 0]), st.integers(0, 30), st.integers(0, 2),
    )  # fmt: skip
    run = st.tuples(st.integers(0, 4), few, st.integers(1, 20), st.integers(-2, 9))
    window = st.tuples(st.integers(0, 4), st.integers(-3, 15), st.integers(1, 9))
    return World(
        nodes=tuple(nodes),
        caps=tuple(draw(st.lists(st.sampled_from([-1, -1, -1, 0, 2, 6]), min_size=3, max_size=3))),
        grants=tuple(draw(st.lists(st.sampled_from([MANY, MANY, 100, 20, 0]), min_size=3, max_size=3))),
        jobs=tuple(draw(st.lists(job, max_size=4) | st.lists(job, min_size=4, max_size=10))),
        running=tuple(draw(st.lists(run, max_size=4))),
        windows=tuple(draw(st.lists(window, max_size=2))),
        used=tuple(draw(st.lists(st.integers(0, 10_000), min_size=3, max_size=3))),
    )
