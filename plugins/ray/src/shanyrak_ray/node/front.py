"""What Ray runs: it starts the keeper of an attempt, out of Ray's reach, and stays as long as the attempt lives."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

from . import leases, probe
from .files import Home
from .keeper import Keeper, say


def main(arguments: list[str]) -> int:
    """`SPOOL TOKEN`: run the attempt, if it is still wanted. The exit code is for Ray's records only.

    `--probe SPOOL TOKEN`: say what is seen here.
    """
    if arguments[0] == "--probe":
        return probe.main(*arguments[1:])
    home = Home(*arguments)
    job = home.read("launch.json")
    if job is None:
        if not home.there("claim.json"):
            say(f"{home.path} of {socket.gethostname()} has no order: is the spool there the controller's?")
            return 1
        say(f"{home.token} is not wanted any more")
        return 0
    job["gpus_given"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    job["gpus_there"] = leases.of_the_node(job["gpus_there"]) if job["gpus"] else []
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signal.signal(signal.SIGTERM, lambda *_: tell(here))
    signal.signal(signal.SIGINT, lambda *_: tell(here))
    between = os.fork()
    if between == 0:
        os.setsid()
        if os.fork() == 0:
            here.close()
            os._exit(keep(home, job, there))
        os._exit(0)
    there.close()
    os.waitpid(between, 0)
    told = here.recv(4096)  # Nothing: the keeper died, and the engine finds that out by itself.
    return json.loads(told) if told else 1


def tell(keeper: socket.socket) -> None:
    """Ray wants the end of it."""
    try:
        keeper.send(b"T")
    except OSError:
        pass


def keep(home: Home, job: dict[str, object], front: socket.socket) -> int:
    """Be the keeper; 0. What it prints goes into Ray's log of the job until Ray is gone."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    code = 1
    try:
        code = Keeper(home, job, front).serve()
    except BaseException as problem:
        say(f"{home.token}: {type(problem).__name__}: {problem}")
    try:
        front.send(json.dumps(code).encode())
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
