"""Output of several versions of Slurm, as files: what each line of it means."""

from __future__ import annotations

from pathlib import Path

import pytest
from shanyrak_slurm.bring import sacct
from shanyrak_slurm.bring.places import Place, put

SAMPLES = Path(__file__).parent / "samples"
GPU, CPU = Place("gpu", "gpu", "", 8), Place("cpu", "cpu", "", 1)
# label, state, did it end, did it run, GPUs, CPUs, nodes, seconds, limit in minutes (0: none)
MEANING = {
    "sacct-22.05.8.txt": [
        ("1", "COMPLETED", True, True, 2, 1, 1, 2, 90),
        ("2", "FAILED", True, True, 8, 2, 2, 1, 60),
        ("4", "COMPLETED", True, True, 0, 3, 1, 1, 60),
        ("5", "CANCELLED", True, True, 0, 1, 1, 5, 60),
        ("6", "REQUEUED", True, False, 0, 1, 1, 0, 60),
        ("3_1", "COMPLETED", True, True, 1, 1, 1, 2, 60),
        ("3_3", "COMPLETED", True, True, 1, 1, 1, 2, 60),
        ("3_5", "COMPLETED", True, True, 1, 1, 1, 2, 60),
        ("9", "FAILED", True, True, 0, 1, 1, 1, 60),
        ("10", "OUT_OF_MEMORY", True, True, 0, 1, 1, 2, 60),
        ("11", "RUNNING", False, False, 1, 1, 1, 10, 60),
        ("12", "CANCELLED", True, False, 0, 2, 2, 0, 60),
    ],
    "sacct-20.11-written.txt": [
        ("71", "COMPLETED", True, True, 4, 8, 1, 3600, 0),
        ("72", "CANCELLED", True, False, 0, 0, 1, 0, 60),
        ("73", "NODE_FAIL", True, True, 0, 16, 2, 600, 60),
        ("74_[5-9%2]", "PENDING", False, False, 0, 0, 1, 0, 60),
    ],
    "sacct-23.11-written.txt": [
        ("901", "TIMEOUT", True, True, 2, 16, 1, 3630, 60),
        ("902_0", "OUT_OF_MEMORY", True, True, 2, 4, 1, 60, 0),
        ("904", "PREEMPTED", True, True, 32, 64, 4, 3600, 120),
        ("905", "DEADLINE", True, False, 0, 0, 1, 0, 120),
    ],
}


@pytest.mark.parametrize("name", sorted(MEANING))
def test_each_line_means_what_it_says(name: str) -> None:
    jobs = list(sacct.read((SAMPLES / name).read_text()))
    assert [
        (one.label, one.state, one.ended_ms > 0, one.ran, one.gpus, one.cpus, one.nodes, one.ran_ms // 1000,
         one.limit_ms // 60_000) for one in jobs
    ] == MEANING[name]  # fmt: skip
    assert len({one.job for one in jobs}) == len(jobs)


def test_every_sample_is_told_of() -> None:
    told = (SAMPLES / "README.md").read_text()
    assert {path.name for path in SAMPLES.glob("*.txt")} == MEANING.keys()
    assert all(f"`{name}`" in told for name in MEANING)


def test_where_a_job_would_run_and_how_much_that_is() -> None:
    jobs = {one.label: one for one in sacct.read((SAMPLES / "sacct-20.11-written.txt").read_text())}
    assert put(jobs["71"], [CPU, GPU]) == ("gpu", 4)
    assert put(jobs["73"], [GPU, CPU]) == ("cpu", 16)
    assert put(jobs["73"], [GPU]) == ("gpu", 2), "16 CPUs are the share of two GPUs"
    assert put(jobs["71"], [CPU]) is None
    other = Place("big", "gpu", "batch", 8)
    assert put(jobs["71"], [GPU, other]) == ("big", 4), "the pool of its partition"


def test_names_that_are_tokens() -> None:
    text = "12|s0a1b2c3d.4.0.1\n13|wrap\n14|xs0a1b2c3d.4.0.1\n15|s0a1b2c3d.4.0.1 \ns0a1b2c3d.4.0.1\n"
    assert sacct.own(text) == {"12": "s0a1b2c3d.4.0.1"}
