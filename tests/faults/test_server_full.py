"""The disk under PostgreSQL is full, while somebody submits and a controller runs work: one line, nothing lost, nothing twice.

Without room for its tables the server refuses what is asked; without room for its WAL it ends, and does not start.
"""

from __future__ import annotations

import logging
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
from faultlab.house import House, read
from faultlab.invariants import at_rest
from faultlab.processes import Child, eventually
from shanyrak.cli.mishaps import explained
from shanyrak_postgres.server import Server
from shanyrak_postgres.testing import Disk

TASKS, AT_ONCE = 60, 4
WAITS = "The controller waits."


def up(house: House) -> object:
    """`shanyrak up` in this child, whose log is its own and not pytest's."""
    logging.getLogger().handlers.clear()
    return house.command("up")


def submit_for_ever(house: House) -> int:
    """Work that can never run here and is large; says why it was not taken any more."""
    site = house.open()
    while True:
        try:
            receipt = site.submit(house.job(cpus=100_000, env={"A": secrets.token_hex(50_000)}))
        except Exception as error:
            line, code = explained(error) or (repr(error), 70)
            print(line)
            return code
        house.acknowledge(receipt.id)


def use_wal(server: Server) -> None:
    """Until the server finds no room for the next segment, and ends."""
    with suppress(psycopg.OperationalError):
        while True:
            server.execute("CREATE TABLE IF NOT EXISTS public.room (a int)")
            server.execute("INSERT INTO public.room VALUES (1)")
            server.execute("SELECT pg_switch_wal()")


def counted(house: House, state: str) -> int:
    site = house.open()
    try:
        return int(read(site, "SELECT COUNT(*) FROM workload WHERE state = ?", state)[0][0])
    finally:
        site.close()


def waits(acting: Child) -> list[str]:
    return [line for line in acting.said().splitlines() if WAITS in line]


@pytest.mark.parametrize("what", ["tables", "wal"])
def test_the_disk_is_full(cramped: Callable[[str], tuple[Server, Disk]], tmp_path, origin, what: str) -> None:
    server, disk = cramped("160m")
    house = House(tmp_path / "house", origin, server.url("full"))
    try:
        site = house.open()
        wait = "while [ ! -e gate ]; do sleep 0.05; done"
        house.acknowledge(site.submit(house.job(wait, key="a", array=f"0-{TASKS - 1}")).id, "a")
        site.close()
        acting = house.start(lambda: up(house))
        eventually(lambda: len(house.runs()) == AT_ONCE, "as many run as there is room for")

        asking = house.start(lambda: submit_for_ever(house))
        eventually(lambda: len(house.told()) > 1, "somebody submits")
        disk.fill(leave=2 << 20)
        if what == "wal":
            use_wal(server)
        assert asking.wait() == 6, asking.said()
        (line,) = asking.said().splitlines()
        if what == "tables":
            assert line.endswith(
                "the server's disk is full; nothing was written. Free space on that file system and try again."
            )
        told = house.told()

        (house.work / "gate").touch()
        eventually(lambda: waits(acting), lambda: f"the controller waits; it said:\n{acting.said()}")
        time.sleep(3.0)
        said = waits(acting)
        assert len(said) == len(set(said)), "it said the same again"
        assert acting.poll() is None, acting.said()

        disk.clear()
        if what == "wal":
            server.kill()
            server.start()
        eventually(lambda: counted(house, "done") == 1, lambda: f"all have run; it said:\n{acting.said()}")
        acting.kill(signal.SIGTERM)
        acting.good()
        assert "the controller goes on" in acting.said()
        house.settle()
        at_rest(house)
        assert counted(house, "refused") == len(told) - 1, "what was acknowledged is there, and nothing else"
        assert set(Counter(house.runs()).values()) == {1} and len(house.runs()) == TASKS, "each task ran once"
    finally:
        house.demolish()
