"""From launches to calls of sbatch: what goes out as one array, and with which options."""

from __future__ import annotations

from typing import Any

import pytest
from shanyrak.api import Launch, Node
from shanyrak_slurm import orders
from shanyrak_slurm.jobs import Host
from shanyrak_slurm.machine import Machine
from shanyrak_slurm.settings import PoolSettings, Settings
from slurmlab.launches import launch

POOL = PoolSettings()


def tasks(count: int, **changes: Any) -> list[Launch]:
    return [launch(f"a.{n}", bundle="a", task=n, **changes) for n in range(count)]


def test_tasks_that_are_alike_are_one_array() -> None:
    (batch,) = orders.batches(tasks(3), POOL)
    assert batch.attempts() == [("a.0", 0, 60_000), ("a.1", 1, 60_000), ("a.2", 2, 60_000)]
    order = orders.order(batch, POOL, {}, "/spool", "")
    assert (order.name, order.options["array"]) == ("a.0", "0-2")


@pytest.mark.parametrize(
    "change",
    [{"env": {"A": "1"}}, {"secrets": {"A": "1"}}, {"walltime_ms": 1}, {"cpus": 2}, {"memory": 1}, {"argv": ("x",)},
     {"cwd": "/tmp"}, {"user": "x"}, {"project": "x"}, {"unit": "gpu"}, {"bundle": "b"}, {"workload": 2},
     {"nodes": (("n-1", 1),)}, {"nodes": (("n-0", 2),)}, {"nodes": (("n-0", 1), ("n-1", 1))}],
)  # fmt: skip
def test_what_differs_is_a_job_of_its_own(change: dict[str, Any]) -> None:
    other = launch("z", **({"bundle": "a"} | change))
    assert [len(batch.launches) for batch in orders.batches([*tasks(2), other], POOL)] == [2, 1]


def test_where_slurm_places_jobs_the_nodes_of_the_policy_do_not_divide_them() -> None:
    mixed = [*tasks(2), launch("z", bundle="a", nodes=(("n-1", 1),))]
    pool = PoolSettings(placement="slurm")
    (batch,) = orders.batches(mixed, pool)
    assert len(batch.launches) == 3
    assert "nodelist" not in orders.order(batch, pool, {"n-0": "h1"}, "/s", "").options


def test_an_array_has_a_thousand_tasks_at_most() -> None:
    found = orders.batches(tasks(2001), POOL)
    assert [len(batch.launches) for batch in found] == [1000, 1000, 1]
    assert [batch.array for batch in found] == [True, True, False]


def test_a_gang_asks_for_its_nodes() -> None:
    gang = launch("g", nodes=(("n-0", 8), ("n-1", 4)), unit="gpu", cpus=16, memory=(100 << 20) + 1, walltime_ms=90_000)
    pool = PoolSettings(
        gres="gpu:h200", partition="p", qos="q", reservation="r", licenses="l:1", account="acc-{project}"
    )
    options = orders.order(orders.Batch((gang,)), pool, {"n-0": "h1", "n-1": "h2"}, "/s", "").options
    assert options == {
        "job-name": "g", "chdir": "/", "output": "/dev/null", "error": "/dev/null", "no-requeue": None, "nodes": "2",
        "ntasks-per-node": "1", "cpus-per-task": "16", "mem": "101M", "time": "3", "gres": "gpu:h200:8",
        "nodelist": "h1,h2", "partition": "p", "qos": "q", "reservation": "r", "licenses": "l:1", "account": "acc-ada",
    }  # fmt: skip


def test_a_node_that_slurm_does_not_have_is_not_named() -> None:
    assert "nodelist" not in orders.order(orders.Batch((launch(),)), POOL, {}, "/s", "").options


def test_a_secret_goes_beside_the_order() -> None:
    order = orders.order(orders.Batch((launch(secrets={"KEY": "topsecret"}),)), POOL, {}, "/s", "")
    assert list(order.secrets.values()) == ["topsecret"]
    assert "topsecret" not in order.script and "topsecret" not in str(order.options)


def test_a_pool_has_settings_of_its_own() -> None:
    settings = Settings(partition="main", qos="normal", pools={"gpu": PoolSettings(partition="gpu", qos="")})
    assert (settings.of_pool("gpu").partition, settings.of_pool("gpu").qos) == ("gpu", "")
    assert (settings.of_pool("cpu").partition, settings.of_pool("cpu").qos) == ("main", "normal")


def hosts(*names: str, gpus: int = 8, state: str = "idle") -> list[Host]:
    return [Host(name, state, 64, 1 << 30, gpus) for name in names]


def machine(declared: int, there: list[Host], chosen: tuple[str, ...] = ()) -> Machine:
    return Machine.of([Node(f"p-{n}", 8, 64, 1 << 30) for n in range(declared)], there, chosen, "gpu")


def test_nodes_are_in_the_order_of_their_numbers() -> None:
    there = machine(3, hosts("rack10n1", "rack2n10", "rack2n9"))
    assert there.names == {"p-0": "rack2n9", "p-1": "rack2n10", "p-2": "rack10n1"}


def test_a_pool_may_have_nodes_of_a_few_hosts_alone() -> None:
    assert machine(2, hosts("n1", "n2", "n3"), ("n3", "n2")).names == {"p-0": "n2", "p-1": "n3"}


def test_more_nodes_are_declared_than_there_are() -> None:
    first, second = machine(2, hosts("n1")).nodes()
    assert first.up and not second.up and second.units == 0 and "only 1 nodes" in second.reason


def test_without_a_declaration_the_pool_is_what_slurm_has() -> None:
    assert [node.name for node in machine(0, hosts("n1", "n2")).nodes()] == ["n1", "n2"]
    assert len(machine(1, hosts("n1", "n2")).nodes()) == 1


def test_a_node_that_is_not_well_says_so() -> None:
    (node,) = machine(1, [Host("n1", "drained", 1, 1, 8, "bad disk")]).nodes()
    assert not node.up and node.reason == "Slurm: n1 is drained (bad disk)"


def test_what_fits_nowhere_is_said_in_words() -> None:
    there = machine(2, [*hosts("n1"), *hosts("n2", gpus=4, state="down")])
    fine = launch(unit="gpu", nodes=(("p-0", 4), ("p-1", 4)), cpus=64, memory=1 << 30)
    assert there.misfit(fine) == "", "a node that is down now comes back"
    assert "Slurm has 1 such nodes" in there.misfit(launch(unit="gpu", nodes=(("p-0", 8), ("p-1", 8))))
    assert "Slurm has 0 such nodes" in there.misfit(launch(unit="gpu", nodes=(("p-0", 9),)))
    assert there.misfit(launch(cpus=65)) and there.misfit(launch(memory=(1 << 30) + 1))
