"""A weighted sum of age, fair share, size and class: Slurm's multifactor priority, for sites that come from Slurm.

As documented for Slurm's `priority/multifactor`, with the factors from 0 to 1 and the weights of `[policy.settings]`:

    priority = weight_age        x  min(1, time in the queue / max_age)
             + weight_fair_share x  rank in the Fair Tree / projects    (1 for the first, equal for those that tie)
             + weight_size       x  units asked / units of the pool     (favor_small = "yes": 1 - that)
             + weight_class      x  rank of the service class           (0 for the lowest, 1 for the next, ...)

Each term is rounded down to a whole number, so the sum is the same everywhere. The highest goes first. The class stands for
Slurm's partition and QOS factors; it is not divided by the highest rank, so `weight_class` is what one rank is worth.
"""

from __future__ import annotations

from typing import Any

from shanyrak.api import Params, Stages, View, jit
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.fair_tree import tree_keys, tree_levels, uses
from shanyrak_policies.scratch import zeros
from shanyrak_policies.settings import DAY, choice, depth, half_life, number, numbers

MOST_WEIGHT = (1 << 32) - 1


@jit
def tree_ranks(b: Any, now: int, half_life: int) -> Any:
    """([accounts] how many projects go before it in the Fair Tree, how many there are). A project has no children."""
    count, parent = b[of.ACCOUNTS], b[of.A_PARENT]
    listed, every, leaf, ahead = zeros(count), zeros(count), zeros(count), zeros(count)
    for a in range(count):
        every[a], leaf[a], listed[a] = 1, 1, a
        if b[parent + a] >= 0:
            leaf[b[parent + a]] = 0
    key = tree_keys(b, uses(b, now, half_life, every), listed, count)
    paths = [(0, 0, 0, 0, a) for a in range(count)]
    for a in range(count):
        path, at = (0, 0, 0, 0), a
        while at >= 0:
            path, at = (key[at], path[0], path[1], path[2]), b[parent + at]
        paths[a] = (path[0], path[1], path[2], path[3], a)
    paths.sort()
    passed, projects = 0, 0
    for place in range(count):
        one, last = paths[place], paths[max(0, place - 1)]
        if one[0] != last[0] or one[1] != last[1] or one[2] != last[2] or one[3] != last[3]:
            passed = projects
        ahead[one[4]] = passed
        projects += leaf[one[4]]
    return ahead, projects


@jit
def order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """Key: the priority, negative. Numbers: half-life and the age that counts most (ms), four weights, 1 to favour small work."""
    max_age, age, share, size, class_ = numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    ahead, projects = tree_ranks(b, now, numbers[0])
    pool_units = zeros(b[of.POOLS])
    for node in range(b[of.NODES]):
        pool_units[b[b[of.N_POOL] + node]] += max(0, b[b[of.N_UNITS] + node])
    for row in range(b[of.JOBS]):
        if b[b[of.J_TASKS] + row] > 0:
            waited = min(max(0, now - b[b[of.J_SUBMIT] + row]), max_age) // 1000
            total = max(1, pool_units[b[b[of.J_POOL] + row]])
            asked = min(b[b[of.J_WIDTH] + row] * b[b[of.J_UNITS] + row], total)
            if numbers[6]:
                asked = total - asked
            priority = age * waited // (max_age // 1000) + size * asked // total + class_ * b[b[of.J_CLASS] + row]
            d[d[on.KEYS] + row] = -(priority + share * (projects - ahead[b[b[of.J_ACCOUNT] + row]]) // projects)


def stages(view: View, params: Params) -> Stages:
    """Settings: `weight_age` (1000), `weight_fair_share` (10000), `weight_size` (1000), `weight_class` (1000),
    `max_age_days` (7), `favor_small` ("no").
    """
    tree_levels(view)
    told = numbers(
        half_life(params),
        number(params, "max_age_days", 7, 1, 3650) * DAY,
        number(params, "weight_age", 1_000, 0, MOST_WEIGHT),
        number(params, "weight_fair_share", 10_000, 0, MOST_WEIGHT),
        number(params, "weight_size", 1_000, 0, MOST_WEIGHT),
        number(params, "weight_class", 1_000, 0, MOST_WEIGHT),
        choice(params, "favor_small", "no", "yes") == "yes",
    )
    return Stages(order=order, levels=1, numbers=told, depth=depth(params))
