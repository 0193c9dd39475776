"""Many short jobs drain while their controller, the clients and the engine's keeper are killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

from faultlab.house import House, drain, read, submit_all
from faultlab.invariants import at_rest, sound
from shanyrak.control.site import Site
from shanyrak.model import states

CLIENTS = 2


def requests(house: House, client: int, count: int) -> list[dict]:
    """What one client wants: short jobs, every tenth of which fails; keys tell them apart."""
    return [
        house.job("exit 3" if n % 10 == 9 else "true", key=f"{client}-{n}", retry={"tries": 6}) for n in range(count)
    ]


def go_on(house: House, client: int, count: int, site: Site) -> None:
    """Submit what this client was not told of yet; what was done but not told is known by its key."""
    told = {key for _, key in house.told()}
    submit_all(house, site, (one for one in requests(house, client, count) if one["key"] not in told))


def ended(house: House) -> Counter[str]:
    site = house.open()
    try:
        return Counter(dict(read(site, "SELECT state, COUNT(*) FROM workload GROUP BY state")))
    finally:
        site.close()


def test_kills_while_jobs_drain(house: House, scale):
    jobs = scale.pick(300, 2000)
    draw = random.Random(f"{scale.seed} random kills")
    clients = [house.child(lambda site, c=c: go_on(house, c, jobs // CLIENTS, site)) for c in range(CLIENTS)]
    controller = house.child(drain)
    kills: Counter[str] = Counter()
    until = time.monotonic() + scale.pick(600, 3600)
    while sum(n for state, n in ended(house).items() if state in states.ENDED) < jobs:
        assert time.monotonic() < until, (ended(house), controller.said())
        time.sleep(draw.uniform(0.0, 1.0))
        if kills.total() >= scale.pick(25, 150):  # enough: what is left may drain
            continue
        victim = draw.choices(("controller", "client", "keeper"), (6, 3, 1))[0]
        if victim == "keeper":
            if kills["keeper"] < scale.pick(1, 4) and (pid := house.keeper()):
                os.kill(pid, signal.SIGKILL)
                kills["keeper"] += 1
        elif victim == "client":
            which = draw.randrange(CLIENTS)
            kills["client"] += clients[which].poll() is None
            clients[which].kill()
            clients[which].wait()
            clients[which] = house.child(lambda site, c=which: go_on(house, c, jobs // CLIENTS, site))
        else:
            kills["controller"] += controller.poll() is None
            controller.kill()
            controller.wait()
            if draw.random() < 0.2:
                site = house.open()
                sound(house, site)
                site.close()
            controller = house.child(drain)
    for client in clients:
        client.good()
    controller.good()
    house.settle()
    at_rest(house)
    found = ended(house)
    assert sum(found.values()) == jobs, "a key made two workloads, or none"
    assert found["failed"] == jobs // 10
    assert found["done"] == jobs - jobs // 10
    assert kills["controller"]
    print(f"killed: {dict(kills)}")
