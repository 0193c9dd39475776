"""Which CPUs and GPUs of this machine each live attempt has. Kept by the keeper, so no controller's end frees them."""

from __future__ import annotations

import os

from shanyrak_local.wire import Message


class Leases:
    """Distinct sets of CPUs and GPU indices by token."""

    def __init__(self) -> None:
        self._cpus: dict[str, list[int]] = {}
        self._gpus: dict[str, list[int]] = {}
        self._used_cpus: set[int] = set()
        self._used_gpus: set[int] = set()

    def take(self, launch: Message) -> str:
        """Lease what a launch asks for and write it into the launch; words when there is not enough.

        `pin` CPUs (0: none, all are shared); `gpus`: for each node the range of its indices here and how many.
        """
        gpus: list[int] = []
        for first, end, count in launch["gpus"]:
            free = [index for index in range(first, end) if index not in self._used_gpus and index not in gpus]
            if len(free) < count:
                return f"{count} GPUs asked for on a node that has {len(free)} free here"
            gpus += free[:count]
        cpus: list[int] = []
        if launch["pin"]:
            free = sorted(os.sched_getaffinity(0) - self._used_cpus)
            if len(free) >= launch["pin"]:
                cpus = free[: launch["pin"]]
        token = launch["token"]
        self._cpus[token], self._gpus[token] = cpus, gpus
        self._used_cpus.update(cpus)
        self._used_gpus.update(gpus)
        launch["cpus"] = cpus
        launch["env"]["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
        launch["devices"] = gpus
        return ""

    def words(self, token: str) -> list[str]:
        """What is enforced of it, as words for the attempt's isolation."""
        return ["cpus-pinned"] if self._cpus.get(token) else ["cpus-shared"]

    def give(self, token: str) -> None:
        """What the attempt had is free."""
        self._used_cpus.difference_update(self._cpus.pop(token, ()))
        self._used_gpus.difference_update(self._gpus.pop(token, ()))
