"""The desk of a round: what the kernel works on beside the board, and where it leaves what it decided; one memory as well.

Room is counted in *columns*: one for each node, and, when any account has a cap, one for each account (its headroom). Room
changes over time by what running work gives back (`H_END`, in order of time) and by *entries* of this round. It shrinks
only at starts of windows and reservations, the *instants*: a task that starts now and passes k of them fits a column if layer
k has its room: the least room now and at the first k instants. `FIT` counts, for each layer and pool, the nodes with
room for each size, so that a row of the queue is tested by one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from shanyrak.policy.arrays import MANY, Ints
from shanyrak.policy.board import A_CAP, ACCOUNTS, CAPPED, KINDS, N_POOL, NODES, POOLS
from shanyrak.policy.memory import memory, part

SIZES = 65
"""Sizes up to 64 units on a node have a count in `FIT`; larger ones, and pools of one node, are counted node by node."""

LEVELS = 4
"""How many keys a policy may order by."""

LOOK = 64
"""How many waiting rows of a pool a round tests for a reservation, beside the depth itself."""

_next = count()


def _names(number: int) -> tuple[int, ...]:
    return tuple(next(_next) for _ in range(number))


(C_INSTANTS, C_ENTRIES, C_HOLDS, C_HOLD_NODES, C_STARTS, C_START_NODES, C_STOPS, C_CARRY, C_QUIET, C_SHORT) = _names(10)
"""How many of each there are; the plan's `quiet`; and 1 when a table was too small for the round, which then counts for nothing."""

(C_COLS, C_FITS, C_ROWS, C_RUNS, C_ACCOUNTS, C_BEST) = _names(6)
"""How long rows of the tables are: columns of room, counts of a layer, pending rows, runs, accounts, and `BEST` of a pool."""

(MOST_INSTANTS, MOST_ENTRIES, MOST_HOLDS, MOST_HOLD_NODES, MOST_STOPS, MOST_CARRY, MOST_STARTS) = _names(7)
"""For how many there is room."""

P_FIRST, P_NODES, P_RESERVED, P_TESTED, P_NOTED, P_BLOCKER = _names(6)
"""Pools: the first of their nodes in `BY_POOL` and how many; reservations, rows tested for one and noted in `BEST`,
and the row nothing may pass (-1)."""

BY_POOL, UNITS = _names(2)
"""Nodes: sorted by pool; and all units of open nodes, -1 for closed ones."""

K_NODE, K_SINCE, K_FIT, K_WEIGHT, K_GAIN = _names(5)
"""Nodes: those chosen, since when each fits, room to choose in, and what stops would bring."""

(CAP,) = _names(1)
"""[accounts] the caps in effect, `MANY` for none."""

LOW, MOST, FIT = _names(3)
"""[layers][columns] the least room; [layers] the most of any node in it, `FAR` when it has to be looked up; [1 + layers][pools x
sizes] nodes with so much room: first by all units of open nodes, whatever runs, then for each layer."""

INSTANT, EXTRA = _names(2)
"""Instants, ascending; [instants][columns] the room at each."""

(WALK,) = _names(1)
"""[columns] room at the time that a walk has come to."""

E_AT, E_NODE, E_UNITS, E_ACCOUNT = _names(4)
"""Entries, sorted by time: units that a node (and the account, -1 for none) gets, or loses when negative."""

V_ROW, V_AT, V_OFF, V_KIND, HOLD_NODES = _names(5)
"""Reservations: the row, its start (-1: lifted), its nodes in `HOLD_NODES`, and what for."""

KEPT, FIRST, CLAIMED = range(3)
"""Kinds of reservations: behind a promise, of one of the first that wait, of one for which others are stopped."""

S_ROW, S_OFF, START_NODES = _names(3)
"""Starts, one for each task: the row and its nodes in `START_NODES`."""

X_RUN, X_ROW = _names(2)
"""Stops: the row of the run and the row it is for."""

D_STARTED, D_BOOKED, D_CLAIM, D_GUARD, D_MOST, D_ORDER, D_INDEX = _names(7)
"""Pending rows: tasks started, 1 with a reservation, claim and guard, and how many tasks the policy lets start now (0: all);
then lists of rows: the order of visits, and the reservation of each."""

(KEYS,) = _names(1)
"""[levels][pending rows] `d[d[KEYS] + level * d[C_ROWS] + row]`: lower first, level 0 weighs most."""

M_MARKED, M_ABLE, M_PICK, M_COST = _names(4)
"""Running rows: 1 when it is being stopped, 1 when it could be, a list of those picked, and the policy's cost: the lowest is
stopped first, and from `FAR` on nothing is."""

(SPENT,) = _names(1)
"""[unit kinds][accounts] unit-seconds that starts and reservations of this round take."""

(BEST,) = _names(1)
"""[pools][LOOK + depth] the first rows that wait."""

(CARRY,) = _names(1)
"""What the last round handed on, then what this one does."""

(SCRATCH,) = _names(1)
"""Room for a policy's `order`: as many items as twice the accounts and the runs, and 64."""

HEADER = next(_next)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a desk is. `starts`: most units that can start in a round."""

    instants: int
    entries: int
    holds: int
    hold_nodes: int
    stops: int
    carry: int
    starts: int
    rows: int
    runs: int
    depth: int


def new_desk(b: Ints, s: Sizes, cap: Ints | None = None) -> Ints:
    """An empty desk for a board of this facility and these accounts, with a policy's caps beside their own."""
    pools, nodes, accounts, kinds = (int(b[i]) for i in (POOLS, NODES, ACCOUNTS, KINDS))
    cols = nodes + (accounts if b[CAPPED] or cap is not None else 0)
    layers, fits, best = s.instants + 1, pools * SIZES, LOOK + s.depth + 1
    lengths = dict.fromkeys(range(P_FIRST, P_BLOCKER + 1), pools)
    lengths |= dict.fromkeys((BY_POOL, UNITS, *range(K_NODE, K_GAIN + 1)), nodes)
    lengths |= {CAP: accounts, LOW: layers * cols, MOST: layers, FIT: (layers + 1) * fits, INSTANT: layers}
    lengths |= {
        EXTRA: layers * cols,
        WALK: cols,
        HOLD_NODES: s.hold_nodes,
        START_NODES: s.starts,
        KEYS: LEVELS * s.rows,
    }
    lengths |= dict.fromkeys(range(E_AT, E_ACCOUNT + 1), s.entries)
    lengths |= dict.fromkeys(range(V_ROW, V_KIND + 1), s.holds)
    lengths |= {S_ROW: s.starts, S_OFF: s.starts, X_RUN: s.stops, X_ROW: s.stops}
    lengths |= dict.fromkeys(range(D_STARTED, D_INDEX + 1), s.rows)
    lengths |= dict.fromkeys(range(M_MARKED, M_COST + 1), s.runs)
    lengths |= {SPENT: kinds * accounts, BEST: pools * best, CARRY: s.carry, SCRATCH: 2 * (accounts + s.runs) + 64}
    made = memory(HEADER, lengths)
    made[C_COLS : C_BEST + 1] = cols, fits, s.rows, s.runs, accounts, best
    made[MOST_INSTANTS : MOST_STARTS + 1] = (
        s.instants, s.entries, s.holds, s.hold_nodes, s.stops, s.carry, s.starts,
    )  # fmt: skip
    pool_of = part(b, N_POOL, nodes)
    by_pool = np.argsort(pool_of, kind="stable")
    part(made, BY_POOL, nodes)[:] = by_pool
    at = np.searchsorted(pool_of[by_pool], np.arange(pools + 1))
    part(made, P_FIRST, pools)[:] = at[:-1]
    part(made, P_NODES, pools)[:] = np.diff(at)
    own = part(b, A_CAP, accounts)
    caps = np.where(own < 0, MANY, own)
    part(made, CAP, accounts)[:] = caps if cap is None else np.minimum(caps, np.where(cap < 0, MANY, cap))
    return made
