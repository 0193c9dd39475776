"""What holds after every fault, whatever it was."""

from __future__ import annotations

from collections import Counter

from shanyrak.control.decisions import verify_decisions
from shanyrak.control.proofs import verify_store
from shanyrak.control.site import Site
from shanyrak.model import states
from shanyrak.model.workload import Spec

from faultlab.house import House, events_of, read
from faultlab.processes import command_line, with_argument

QUIET = ("lease.taken", "lease.left")
"""What a recovery that changes nothing may write."""


def sound(house: House, site: Site) -> None:
    """Whenever no controller acts: nothing told is lost, one live attempt a task, every proof and reason is there."""
    told = house.told()  # before the tables: clients may go on
    for proof in verify_store(site.journal.store):
        assert proof["holds"], proof
    known = {row["id"]: row for row in site.ps(everything=True, reasons=False)}
    for id_, key in told:
        assert id_ in known, f"workload {id_} was acknowledged and is gone"
        assert not key or known[id_].get("key") == key
    for row in site.ps(everything=True):
        assert row["state"] in states.MOVES
        assert row["reason"], f"no reason: {row}"
        assert row["words"], f"no words: {row}"
    twice = read(site, "SELECT workload, task FROM attempt WHERE open = 1 GROUP BY 1, 2 HAVING COUNT(*) > 1")
    assert not twice, f"two live attempts of {twice}"
    jobs = Counter(tuple(line[:4]) for line in map(command_line, with_argument(house.mark)) if line[:1] == ["/bin/sh"])
    live = read(site, "SELECT COUNT(*) FROM attempt WHERE open = 1")[0][0]
    assert sum(jobs.values()) <= live, f"{jobs} run, the journal knows of {live}"
    _no_run_twice(house, site)


def _no_run_twice(house: House, site: Site) -> None:
    """No command ran more often than it has tries."""
    tries = {(w, t): n for w, t, n in read(site, "SELECT workload, task, MAX(try) FROM attempt GROUP BY 1, 2")}
    specs = {one["id"]: one["spec"] for one in events_of(site, "workload.submitted")}
    place: dict[int, dict[int, int]] = {}
    for (job, index), runs in Counter(house.runs()).items():
        if job not in place:
            array = Spec.model_validate(specs[job]).tasks
            place[job] = {array.index(n): n for n in range(len(array))}
        task = place[job][index]
        assert runs <= tries.get((job, task), 0), f"workload {job} task {index} ran {runs} times"


def at_rest(house: House) -> None:
    """After everything was drained: all has ended as it should, nothing runs, another recovery changes nothing.

    And every decision, taken again from the events alone, is as it was.
    """
    site = house.open()
    try:
        sound(house, site)
        assert not read(site, "SELECT id FROM attempt WHERE open = 1")
        assert not [row for row in site.ps() if row["state"] in states.LIVE]
        assert not with_argument(house.mark), "a process outlived its attempt"
        strange = read(site, "SELECT token FROM reading WHERE token NOT IN (SELECT token FROM attempt WHERE ran > 0)")
        assert not strange, f"readings of what did not run: {strange}"
        assert all(unit["held"] == 0 for unit in site.account()["units"].values())
        runs = Counter(job for job, _ in house.runs())
        for row in site.ps(everything=True):
            if row["state"] == states.DONE:
                assert runs[row["id"]] >= row.get("tasks", {"total": 1})["total"], f"done, but it did not run: {row}"
        again = verify_decisions(house.folder, site.manager)
        assert again["holds"], again["differences"]
        before = [event.seq for event in site.events() if event.type not in QUIET]
    finally:
        site.close()
    house.settle()
    site = house.open()
    try:
        after = [event.type for event in site.events() if event.type not in QUIET]
        assert len(after) == len(before), f"a second recovery wrote {after[len(before) :]}"
        sound(house, site)
    finally:
        site.close()
