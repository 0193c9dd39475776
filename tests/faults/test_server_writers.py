"""Many processes on one journal in PostgreSQL, as several submit hosts are: each makes progress, and the events are one chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from faultlab.house import House, events_of
from faultlab.invariants import sound
from faultlab.processes import eventually
from shanyrak.control.site import Site
from shanyrak_postgres.server import Server

PROCESSES = 8


def test_many_submit_at_once(lone: Server, tmp_path: Path, origin: Path, scale) -> None:
    each = scale.pick(10, 100)
    house = House(tmp_path / "house", origin, lone.url("many"))
    gate = house.base / "gate"

    def client(number: int) -> Callable[[Site], None]:
        def submit(site: Site) -> None:
            eventually(gate.exists, "all are there")
            before = 0
            for count in range(each):
                receipt = site.submit(house.job("true", key=f"{number}-{count}"))
                house.acknowledge(receipt.id, f"{number}-{count}")
                assert receipt.id > before, "what is submitted later comes later"
                before = receipt.id

        return submit

    try:
        clients = [house.child(client(number)) for number in range(PROCESSES)]
        gate.touch()
        for one in clients:
            one.good()
        told = house.told()
        assert Counter(key.partition("-")[0] for _, key in told) == {str(n): each for n in range(PROCESSES)}
        site = house.open()
        written = [(event["id"], event["key"]) for event in events_of(site, "workload.submitted")]
        assert [id_ for id_, _ in written] == list(range(1, PROCESSES * each + 1)), "in the order of the events"
        assert sorted(told) == written, "what was acknowledged is there, once"
        assert [event.seq for event in site.events()] == list(range(1, len(site.events()) + 1))
        sound(house, site)
        site.close()
    finally:
        house.demolish()
