"""Real Slurms on loopback, started once for all tests of a process that ask for one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.proofs import verify_store
from shanyrak_slurm.trial import Cluster, lacking

sys.path.insert(0, str(Path(__file__).parent))

from slurmlab.held import clear
from slurmlab.office import Office

USERS = ("nobody", "daemon") if os.geteuid() == 0 else ()
"""Users of every system in whose name root can try things."""


@contextmanager
def running(accounting: bool, rest: bool, **settings: str) -> Iterator[Cluster]:
    """A cluster in a folder that all users reach, which pytest's own are not; `settings` of slurm.conf."""
    if missing := lacking(accounting, rest):
        pytest.skip(f"Slurm's {missing} is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with Cluster(folder, accounting=accounting, rest=rest, users=USERS, settings=settings) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes of 8 GPUs and no accounting, which most of the tests need."""
    with running(accounting=False, rest=not lacking(rest=True)) as there:
        yield there


@pytest.fixture(scope="session")
def accounting() -> Iterator[Cluster]:
    """The same with slurmdbd; the user of the tests and `USERS` have the account `default`. It requeues nothing by itself, so
    that slurmrestd is used whatever its version."""
    with running(accounting=True, rest=not lacking(rest=True), JobRequeue="0") as there:
        yield there


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Make workspaces; their journals are sound at the end, whatever a test did."""
    made: list[Office] = []

    def make(cluster: Cluster, **more: Any) -> Office:
        made.append(Office(tmp_path / f"site{len(made)}", cluster, **more))
        return made[-1]

    yield make
    for one in made:
        assert [fault for proof in verify_store(one.site.journal.store) for fault in proof["faults"]] == []
        one.site.close()


@pytest.fixture
def rules(accounting: Cluster, office: Callable[..., Office]) -> Iterator[Office]:
    """A site with two sectors and two projects; what it made in Slurm is taken away again."""
    here = office(accounting, sectors={"startup": {"weight": 3, "floor": 8, "cap": 12}, "university": {"weight": 1}})
    here.site.add_project("rocket", "startup", "Rocket", weight=2, cap=6)
    here.site.add_project("physics", "university", "Physics")
    here.site.add_grant("rocket", 10, "gpu-hour")
    yield here
    clear(accounting, ["rocket", "physics", "old"], ["startup", "university"])
