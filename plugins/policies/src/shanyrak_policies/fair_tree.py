"""Fair Tree: whose work goes first, from what each account has used of its share.

The algorithm of Ryan Cox and Levi Morrison, Brigham Young University (2014), as Slurm documents it in "Fair Tree Fairshare
Algorithm". Among siblings, an account's level fair share is S / U: S its weight over all their weights, U its use over all their
use, that of children included. The highest goes first with all its children, at every level of the tree. Accounts without use
tie, and the children of those that tie compare as if they were siblings, so what nobody has used goes in order of submission.

Hence the order is that of the lists (level fair share of the sector, then of the project): each level of the tree is one key of
the queue, and nobody walks the tree. The key is U / S in whole 2^-40ths, lower first; what is nearer than that ties. It is
worked out among siblings that have work waiting: the others would only scale it.

Use fades with the site's half-life: what ended is settled in the account, what runs counts in closed form, so the order is exact
at any instant. Use is summed in whole unit-ms, so sums do not depend on order or platform.
"""

from __future__ import annotations

from typing import Any

from shanyrak.api import View, decay, jit
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.scratch import zeros

LAST = 1 << 62
"""The key of an account that has no share."""

MOST_LEVELS = 4
"""A policy orders by so many keys at most."""


def tree_levels(view: View, others: int = 0) -> int:
    """How many levels the accounts have. ValueError when there are no keys for them beside `others`."""
    import numpy as np

    levels, above = 1, view.acc_parent
    while (above >= 0).any():
        levels, above = levels + 1, np.where(above >= 0, view.acc_parent[above], -1)
    if levels + others > MOST_LEVELS:
        raise ValueError(
            f"accounts have {levels} levels, and this policy orders by {MOST_LEVELS - others} of them at most"
        )
    return levels


@jit
def waiting(b: Any) -> Any:
    """(accounts that have work waiting, or one below them has; how many these are; [accounts] 1 for each of them)."""
    count, parent, account, tasks = b[of.ACCOUNTS], b[of.A_PARENT], b[of.J_ACCOUNT], b[of.J_TASKS]
    listed, some, found = zeros(count), zeros(count), 0
    for row in range(b[of.JOBS]):
        if b[tasks + row] > 0:
            a = b[account + row]
            while a >= 0 and some[a] == 0:
                some[a], listed[found] = 1, a
                found, a = found + 1, b[parent + a]
    return listed, found, some


@jit
def rivals(b: Any, listed: Any, found: int, some: Any) -> Any:
    """[accounts] 1 where use decides: among siblings of which several are listed, those that are, and all below them."""
    count, parent = b[of.ACCOUNTS], b[of.A_PARENT]
    children, matter = zeros(count + 1), zeros(count)
    for i in range(found):
        children[b[parent + listed[i]] + 1] += 1
    for a in range(count):
        above = b[parent + a]
        if (some[a] == 1 and children[above + 1] > 1) or (above >= 0 and matter[above] == 1):
            matter[a] = 1
    return matter


@jit
def uses(b: Any, now: int, half_life: int, matter: Any) -> Any:
    """[accounts] what those that matter have used, children included, as it counts at `now`: unit-ms, at most `decay.MOST`."""
    count, parent, settled, since = b[of.ACCOUNTS], b[of.A_PARENT], b[of.A_SETTLED], b[of.A_SETTLED_AT]
    use = zeros(count)
    for a in range(count):
        if matter[a] == 1 and b[settled + a] > 0:
            use[a] = decay.decayed(float(b[settled + a]), b[since + a], now, half_life)
    account, width, units, start = b[of.R_ACCOUNT], b[of.R_WIDTH], b[of.R_UNITS], b[of.R_START]
    for run in range(b[of.RUNS]):
        a = b[account + run]
        if matter[a] == 1:
            running = decay.used(b[width + run] * b[units + run], now - b[start + run], half_life)
            use[a] = min(use[a] + decay.whole(running), decay.MOST)
    for a in range(count - 1, 0, -1):
        above = b[parent + a]
        if above >= 0:
            use[above] = min(use[above] + use[a], decay.MOST)
    return use


@jit
def used_over_share(use: int, all_use: int, weight: int, all_weight: int) -> int:
    """U / S in whole 2^-40ths: 0 for no use, 2^40 for a use just as large as the share, `LAST` without a share."""
    if weight <= 0:
        return LAST
    if use <= 0:
        return 0
    ratio = (float(use) / float(all_use)) * (float(all_weight) / float(weight)) * 1099511627776.0
    return LAST if ratio >= 4611686018427387904.0 else int(ratio)


@jit
def tree_keys(b: Any, use: Any, listed: Any, found: int) -> Any:
    """[accounts] the key of each that is listed, beside the others of them that are its siblings."""
    count, parent, weight = b[of.ACCOUNTS], b[of.A_PARENT], b[of.A_WEIGHT]
    all_use, all_weight, keys = zeros(count + 1), zeros(count + 1), zeros(count)
    for i in range(found):
        a = listed[i]
        above = b[parent + a] + 1
        all_use[above] = min(all_use[above] + use[a], decay.MOST)
        all_weight[above] += b[weight + a]
    for i in range(found):
        a = listed[i]
        above = b[parent + a] + 1
        keys[a] = used_over_share(use[a], all_use[above], b[weight + a], all_weight[above])
    return keys


@jit
def put_keys(b: Any, now: int, half_life: int, d: Any, first: int) -> None:
    """Order the queue by Fair Tree: level i of the tree into key `first + i`.

    Work of an account that has children goes as that of a child without use.
    """
    listed, found, some = waiting(b)
    use = uses(b, now, half_life, rivals(b, listed, found, some))
    key = tree_keys(b, use, listed, found)
    parent, account, tasks, rows = b[of.A_PARENT], b[of.J_ACCOUNT], b[of.J_TASKS], d[on.C_ROWS]
    for row in range(b[of.JOBS]):
        if b[tasks + row] > 0:
            at, a = d[on.KEYS] + (first - 1) * rows + row, b[account + row]
            while a >= 0:
                at, a = at + rows, b[parent + a]
            a = b[account + row]
            while a >= 0:
                d[at] = key[a]
                at, a = at - rows, b[parent + a]
