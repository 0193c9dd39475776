"""The keeper's workers: forked when needed, kept for the next attempt, and proven dead when they die."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

from shanyrak_local import proc, worker
from shanyrak_local.wire import Channel

if TYPE_CHECKING:
    from shanyrak_local.keeper import Job

SPARE = 64
"""Idle workers of each kind that are kept."""


class Hand:
    """A worker as the keeper sees it."""

    def __init__(self, pid: int, channel: Channel, namespace: bool) -> None:
        self.pid, self.channel, self.namespace = pid, channel, namespace
        self.started = proc.start_time(pid)
        self.job: Job | None = None


class Pool:
    """All workers of one keeper. `logs` and `lock` are descriptors that each worker keeps open."""

    def __init__(self, logs: int, lock: int) -> None:
        self.logs, self.lock = logs, lock
        self.hands: dict[int, Hand] = {}
        self.idle: dict[bool, list[Hand]] = {True: [], False: []}
        self.rights = False

    def idle_hand(self, namespace: bool) -> Hand | None:
        """A free worker of a kind, if there is one."""
        return self.idle[namespace].pop() if self.idle[namespace] else None

    def fork(self, namespace: bool) -> Hand:
        """A new worker; it does nothing before its first message."""
        if namespace and not self.rights:
            worker.gain_rights()
            self.rights = True
        ours, theirs = socket.socketpair()
        try:
            pid = worker.fork(theirs, self.logs, namespace, (self.lock,))
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        hand = self.hands[pid] = Hand(pid, Channel(ours), namespace)
        return hand

    def give(self, hand: Hand) -> bool:
        """Take a worker back whose attempt is over; False when there are enough: then it is to be dropped."""
        hand.job = None
        if len(self.idle[hand.namespace]) >= SPARE:
            return False
        self.idle[hand.namespace].append(hand)
        return True

    def drop(self, hand: Hand) -> int:
        """Let a worker go; its exit code, when it and (with a namespace) all in it are dead.

        Waiting for process 1 of a namespace waits for every process there. Orphans of a sub-reaper become children
        of the keeper, and are killed here.
        """
        self.hands.pop(hand.pid, None)
        if hand in self.idle[hand.namespace]:
            self.idle[hand.namespace].remove(hand)
        hand.channel.sock.close()
        _, status = os.waitpid(hand.pid, 0)
        if not hand.namespace:
            self.kill_orphans()
        return os.waitstatus_to_exitcode(status)

    def kill_orphans(self) -> None:
        """Kill every child that is not a worker, until there is none."""
        while orphans := [pid for pid in proc.children(os.getpid()) if pid not in self.hands]:
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            for pid in orphans:
                os.waitpid(pid, 0)

    def close(self) -> None:
        """Let all go; each sees the end of its socket."""
        for hand in self.hands.values():
            hand.channel.sock.close()
        for pid in self.hands:
            os.waitpid(pid, 0)
