"""From a request to units of a pool, with the words when that costs more or never fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.model.facility import Placement, Pool, place

G = 1 << 30
GPU = Pool("gpu", "e", "gpu", 4, 8, 64, 1024 * G)
CPU = Pool("cpu", "e", "cpu", 2, 16, 16, 64 * G)
BIG = Pool("big", "e", "gpu", 2, 16, 128, 2048 * G)


def ask(pools: list[Pool], gpus: int = 0, cpus: int = 0, mem: int = 0, width: int = 1, pool: str = "") -> Placement:
    return place(pools, gpus=gpus, cpus=cpus, memory=mem, width=width, pool=pool)


def told(pools: list[Pool], **request: object) -> tuple[str, str, str]:
    with pytest.raises((RefusedProblem, UsageProblem)) as caught:
        ask(pools, **request)  # type: ignore[arg-type]
    return caught.value.what, caught.value.why, caught.value.fix


def test_names() -> None:
    assert GPU.node_names() == ["gpu-0", "gpu-1", "gpu-2", "gpu-3"]
    assert (GPU.account_unit, CPU.account_unit) == ("gpu-second", "cpu-second")


@pytest.mark.parametrize(
    ("pool", "request_", "units"),
    [
        (GPU, (2, 0, 0), 2),
        (GPU, (1, 9, 0), 2),  # 8 CPUs come with each GPU
        (GPU, (1, 8, 0), 1),
        (GPU, (0, 0, 128 * G), 1),
        (GPU, (1, 0, 128 * G + 1), 2),
        (GPU, (3, 40, 1024 * G), 8),
        (CPU, (0, 3, 0), 3),
        (CPU, (0, 0, 9 * G), 3),  # 4 GiB come with each slot
        (CPU, (0, 0, 0), 1),
    ],
)
def test_units_are_the_most_of_three(pool: Pool, request_: tuple[int, int, int], units: int) -> None:
    assert pool.units_for(*request_) == units


@given(st.integers(0, 16), st.integers(0, 64), st.integers(0, 64 * G))
def test_what_is_asked_is_covered_and_no_unit_too_many(gpus: int, cpus: int, memory: int) -> None:
    for pool in (GPU, CPU):
        units = pool.units_for(gpus, cpus, memory)
        own = gpus if pool.unit == "gpu" else 0

        def covered(units: int, pool: Pool = pool, own: int = own) -> bool:
            share = units * pool.cpus >= cpus * pool.units and units * pool.memory >= memory * pool.units
            return units >= own and share

        assert covered(units) and (units == 1 or not covered(units - 1))


def test_pool_is_chosen_by_kind_and_size() -> None:
    pools = [GPU, CPU, BIG]
    assert ask(pools, gpus=8).pool is GPU
    assert ask(pools, gpus=9).pool is BIG, "the first one that can hold it"
    assert ask(pools, gpus=1, width=2, pool="big").pool is BIG
    assert ask(pools, cpus=1).pool is CPU
    assert ask([GPU], cpus=9) == Placement(GPU, 1, 2), "by share where there is no CPU pool"
    assert ask(pools, cpus=1, pool="gpu").pool is GPU


def test_hold_rounds_seconds_up() -> None:
    assert Placement(GPU, 3, 2).hold(1_001) == 12
    assert Placement(GPU, 1, 1).hold(1_000) == 1


def test_shares_that_come_with_units() -> None:
    two = Placement(GPU, 1, 2)
    assert (two.per_unit_cpus, two.per_unit_memory) == (16, 256 * G)
    assert Placement(Pool("p", "e", "gpu", 1, 8, 4, G), 1, 1).per_unit_cpus == 1, "at least one CPU"


def test_a_note_tells_what_costs_more_than_asked() -> None:
    assert ask([GPU], gpus=2).note == ""
    assert ask([GPU], gpus=1, cpus=20).note == "costs 3 gpu units a node, because 20 CPUs is the share of 3"
    assert "because 512 GiB is the share of 4" in ask([GPU], gpus=1, mem=512 * G).note
    assert "because 16 GiB is the share of 4" in ask([CPU], cpus=2, mem=16 * G).note
    assert ask([CPU], cpus=4, mem=4 * G).note == ""


def test_what_never_fits_says_the_most_that_would() -> None:
    assert told([GPU], gpus=1, width=5) == ("width", "5 nodes asked, pool gpu has 4", "ask for at most 4")
    assert told([GPU], gpus=9) == (
        "gpus",
        "9 a node asked, a node of gpu has 8",
        "ask for at most 8 a node and use --width for more nodes",
    )
    assert told([CPU], cpus=17) == ("cpus", "17 a node asked, a node of cpu has 16", "ask for at most 16")
    assert told([CPU], mem=65 * G) == ("mem", "65 GiB a node asked, a node of cpu has 64 GiB", "ask for less")


def test_kinds_that_are_not_there() -> None:
    assert told([CPU], gpus=1) == ("gpus", "no pool here has GPUs", "ask without --gpus")
    assert told([CPU, GPU], gpus=1, pool="cpu")[1] == "pool cpu has no GPUs"
    assert told([CPU, GPU], pool="gpus") == ("pool 'gpus' does not exist", "", "use one of cpu, gpu")
    assert told([])[0] == "no pool is declared"
