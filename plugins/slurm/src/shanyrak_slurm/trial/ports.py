"""Free ports of loopback, each kept for one cluster of this machine."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOW = 18000
TRIES = 2000


class Ports:
    """Ports below those that the kernel gives to outgoing connections, so that none is taken while its daemon is down.

    A port is reserved among trials by an abstract Unix socket of its name, which goes when this process goes, however it goes.
    """

    def __init__(self) -> None:
        self._kept: list[socket.socket] = []
        try:
            self._high = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            self._high = 32768
        if self._high < LOW + 1000:
            self._high = 32768

    def take(self) -> int:
        """A port that nothing listens on and that no other trial was given."""
        for _ in range(TRIES):
            port = random.randrange(LOW, self._high)
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0shanyrak-slurm-trial-{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
            self._kept.append(claim)
            return port
        raise OSError("no free port on 127.0.0.1")

    def release(self) -> None:
        """All of them may be given again."""
        for claim in self._kept:
            claim.close()
        self._kept.clear()


def listens(port: int) -> bool:
    """Whether a daemon of this machine accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
