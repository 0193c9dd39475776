"""The keeper: one small process a folder that starts attempts through workers and writes down what became of them.

It is started when first needed, in a session of its own, so that it outlives every controller; it leaves when
nothing runs and nobody is connected. Who holds the lock on `lock` is the keeper; workers inherit the lock.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import selectors
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from shanyrak_local import lock, proc, wire, worker
from shanyrak_local.book import Record, Writer
from shanyrak_local.leases import Leases
from shanyrak_local.linux import become_subreaper
from shanyrak_local.logs import log_name
from shanyrak_local.pool import Hand, Pool
from shanyrak_local.recover import recover
from shanyrak_local.wire import Channel, Message

RESULT = ("began", "at", "ran", "code", "sig", "cause", "words", "cpu", "mem")
LINGER = 1.0
PULSE = 2.0
SYNC = 0.1


STOP = {"op": "stop", "cause": "stopped", "words": "it was asked to stop"}
LEAVE = {"op": "stop", "cause": "node", "words": "the keeper was told to end, as when the machine is shut down"}


class Job:
    """A live attempt."""

    def __init__(self, launch: Message, hand: Hand) -> None:
        self.launch, self.hand = launch, hand
        self.token: str = launch["token"]
        self.running = self.stop = False
        self.waiters: list[tuple[Request, int]] = []
        self.begun = time.monotonic()


class Request:
    """A launch message whose answers are being gathered."""

    def __init__(self, channel: Channel, count: int) -> None:
        self.channel = channel
        self.answers: list[Message | None] = [None] * count
        self.open = count

    def answer(self, index: int, message: Message) -> bool:
        """Note one answer; True when all are there."""
        self.answers[index] = message
        self.open -= 1
        return not self.open


class Keeper:
    """All of the keeper's state; `run` is its loop."""

    def __init__(self, folder: Path, lock_fd: int) -> None:
        self.folder, self.lock_fd = folder, lock_fd
        (folder / "logs").mkdir(0o700, exist_ok=True)
        self.logs = os.open(folder / "logs", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.book = Writer(folder)
        recover(self.book, lock_fd)
        if self.book.facts.forgotten:
            self.book.compact()
        self.live: dict[str, Job] = {}
        self.pool = Pool(self.logs, lock_fd)
        self.clients: dict[int, Channel] = {}
        self.watchers: set[int] = set()
        self.leases = Leases()
        self.selector = selectors.DefaultSelector()
        self.quiet_since = time.monotonic()
        self.pulse_at = self.sync_at = 0.0
        self.leaving = False
        signal.signal(signal.SIGTERM, self.told_to_leave)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.news = False
        become_subreaper()
        self.listener = wire.listen(folder)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)

    # ---- the loop ---------------------------------------------------------------------------------------

    def run(self) -> None:
        while not self.may_leave():
            timeout = 0.05 if self.book.dirty or self.news else 1.0 if self.live else 0.25
            for key, events in self.selector.select(timeout):
                key.data(events)
            self.settle()
        self.leave()

    def settle(self) -> None:
        """Write, tell the watchers, sync, and show that the keeper lives."""
        now = time.monotonic()
        if self.book.flush() and self.news:
            self.news = False
            for fd in self.watchers:
                self.push(self.clients[fd], {"op": "news"})
        if self.book.dirty and now >= self.sync_at:
            self.sync()
        if self.live and now >= self.pulse_at:
            self.pulse_at = now + PULSE
            lock.pulse(self.lock_fd)
        if self.live or self.clients:
            self.quiet_since = now

    def sync(self) -> None:
        try:
            self.book.sync()
        except OSError:
            self.book.dirty = True
        self.sync_at = time.monotonic() + SYNC

    def may_leave(self) -> bool:
        """Whether there is nothing to do: no attempt, and no client or the wish of somebody that it ends."""
        quiet = not self.clients and time.monotonic() - self.quiet_since > LINGER
        return not self.live and (quiet or self.leaving) and self.book.flush()

    def told_to_leave(self, *_: object) -> None:
        """SIGTERM: the machine is going down. Attempts are ended in order, so that their results are kept."""
        self.leaving = True
        for job in self.live.values():
            if job.running:
                self.push(job.hand.channel, LEAVE)
            else:
                job.stop = True

    def leave(self) -> None:
        """Let go of everything; a client that came too late finds a closed socket and starts another keeper."""
        (self.folder / wire.NAME).unlink(missing_ok=True)
        self.listener.close()
        self.pool.close()
        self.book.close()

    # ---- clients ----------------------------------------------------------------------------------------

    def accept(self, _: int) -> None:
        try:
            sock, _address = self.listener.accept()
        except OSError:
            return
        channel = Channel(sock)
        self.clients[sock.fileno()] = channel
        self.selector.register(sock, selectors.EVENT_READ, lambda events: self.client(channel, events))

    def push(self, channel: Channel, message: Message | None) -> None:
        """Send to a client, and be called again while it does not take all."""
        waiting = channel.push(message)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        try:
            key = self.selector.get_key(channel.sock)
        except (KeyError, ValueError):
            return
        if key.events != events:
            self.selector.modify(channel.sock, events, key.data)

    def client(self, channel: Channel, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self.push(channel, None)
        if not events & selectors.EVENT_READ:
            return
        messages, open_ = channel.feed()
        for message in messages:
            try:
                getattr(self, f"op_{message['op']}")(channel, message)
            except Exception:  # One bad message must not end the keeper, and with it every attempt.
                traceback.print_exc()
                open_ = False
        if not open_:
            fd = channel.sock.fileno()
            self.selector.unregister(channel.sock)
            self.clients.pop(fd)
            self.watchers.discard(fd)
            channel.sock.close()

    def op_hello(self, channel: Channel, _: Message) -> None:
        self.push(channel, {"op": "hello", "version": wire.VERSION, "pid": os.getpid()})

    def op_watch(self, channel: Channel, _: Message) -> None:
        self.watchers.add(channel.sock.fileno())
        self.push(channel, {"op": "news"})

    def op_launch(self, channel: Channel, message: Message) -> None:
        request = Request(channel, len(message["jobs"]))
        for index, launch in enumerate(message["jobs"]):
            self.launch(request, index, launch)
        if not message["jobs"]:
            self.push(channel, {"op": "launched", "answers": []})

    def op_stop(self, channel: Channel, message: Message) -> None:
        facts = self.book.facts
        unknown = []
        for token in message["tokens"]:
            job = self.live.get(token)
            if job is None:
                if token not in facts.ends and token not in facts.fences and token not in facts.forgotten:
                    unknown.append(token)
            elif job.running:
                self.push(job.hand.channel, STOP)
            else:
                job.stop = True
        failed = ""
        if unknown:
            self.book.append({"k": "fence", "t": unknown})
            if self.book.flush():
                self.sync()
            else:
                failed = "the disk is full"
        self.push(channel, {"op": "stopped", "failed": failed})

    def op_forget(self, channel: Channel, message: Message) -> None:
        facts = self.book.facts
        known = [t for t in message["tokens"] if t in facts.ends or t in facts.fences]
        if known:
            self.book.append({"k": "forget", "t": known})
            self.book.flush()
            if self.book.size > 32 * 2**20 and len(facts.forgotten) > len(facts.starts):
                self.book.compact()
        self.push(channel, {"op": "forgot"})

    # ---- launching --------------------------------------------------------------------------------------

    def launch(self, request: Request, index: int, launch: Message) -> None:
        token, facts = launch["token"], self.book.facts
        if self.leaving and token not in facts.starts:
            self.refuse(request, index, token, "the keeper was told to end")
            return
        job = self.live.get(token)
        if job is not None:
            if job.running:
                self.answer(request, index, self.found(token))
            else:
                job.waiters.append((request, index))
            return
        if token in facts.starts:
            self.answer(request, index, self.found(token))
            return
        if token in facts.fences:
            self.refuse(request, index, token, "it was stopped before it was launched")
            return
        if token in facts.forgotten:
            self.refuse(request, index, token, "it has ended and its result was taken")
            return
        if 0 < launch.get("not_after", 0) < time.monotonic() * 1000:
            self.refuse(request, index, token, "it was asked for so late that another controller may have acted")
            return
        try:
            self.book.reserve(len(self.live) + 1)
        except OSError as problem:
            self.refuse(request, index, token, f"cannot keep its result: {problem.strerror}")
            return
        words = self.leases.take(launch)
        if words:
            self.refuse(request, index, token, words)
            return
        try:
            hand = self.hand(launch["namespace"])
        except OSError as problem:
            self.leases.give(token)
            self.refuse(request, index, token, f"cannot start a supervisor: {problem}")
            return
        job = Job(launch, hand)
        self.book.append(self.start_record(job))
        if not self.book.flush():  # It must be written before it can run: a token never runs twice.
            self.book.append({"k": "undo", "t": token})
            self.leases.give(token)
            if not self.pool.give(hand):
                self.drop(hand)
            self.refuse(request, index, token, "the disk is full")
            return
        hand.job = self.live[token] = job
        job.waiters.append((request, index))
        self.push(hand.channel, {**launch, "op": "run", "log_names": [log_name(token, s) for s in worker.STREAMS]})
        launch["env"] = {}

    def start_record(self, job: Job) -> Record:
        hand, launch = job.hand, job.launch
        return {
            "k": "start",
            "t": job.token,
            "at": time.time_ns() // 1_000_000,
            "mono": time.monotonic_ns() // 1_000_000,
            "boot": proc.boot_id(),
            "worker": [hand.pid, hand.started],
            "handle": f"{hand.pid}@{hand.started}",
            "ns": hand.namespace,
            "iso": launch["isolation"] + self.leases.words(job.token),
            "w": launch["workload"],
            "task": launch["task"],
        }

    def found(self, token: str) -> Message:
        start = self.book.facts.starts[token]
        return {"token": token, "handle": start["handle"], "isolation": start["iso"]}

    def refuse(self, request: Request, index: int, token: str, words: str, fault: bool = False) -> None:
        self.answer(request, index, {"token": token, "refused": words, "user_fault": fault})

    def answer(self, request: Request, index: int, message: Message) -> None:
        if request.answer(index, message):
            self.push(request.channel, {"op": "launched", "answers": request.answers})

    # ---- workers ----------------------------------------------------------------------------------------

    def hand(self, namespace: bool) -> Hand:
        """A free worker of a kind, forked and written down when there is none."""
        hand = self.pool.idle_hand(namespace)
        if hand is None:
            hand = self.pool.fork(namespace)
            self.book.append({"k": "worker", "pid": hand.pid, "start": hand.started})
            self.book.flush()
            hand.channel.push({"op": "go"})
            self.selector.register(
                hand.channel.sock, selectors.EVENT_READ, lambda events, hand=hand: self.heard(hand, events)
            )
        return hand

    def heard(self, hand: Hand, events: int) -> None:
        """A worker says something, takes more, or is gone."""
        if events & selectors.EVENT_WRITE:
            self.push(hand.channel, None)
        if not events & selectors.EVENT_READ:
            return
        messages, open_ = hand.channel.feed()
        for message in messages:
            if message["op"] != "ready" and hand.job is not None:
                getattr(self, f"job_{message['op']}")(hand.job, message)
        if not open_:
            self.lost(hand)

    def job_started(self, job: Job, _: Message) -> None:
        job.running = True
        for request, index in job.waiters:
            self.answer(request, index, self.found(job.token))
        job.waiters.clear()
        if job.stop:
            self.push(job.hand.channel, LEAVE if self.leaving else STOP)

    def job_refused(self, job: Job, message: Message) -> None:
        """The worker could not start the command: nothing ran, so the token is as if never launched."""
        self.book.append({"k": "undo", "t": job.token})
        if job.stop:
            self.book.append({"k": "fence", "t": [job.token]})
        self.release(job)
        for request, index in job.waiters:
            self.refuse(request, index, job.token, message["words"], message["fault"])

    def job_ended(self, job: Job, message: Message) -> None:
        self.end(job, {name: message[name] for name in RESULT})
        self.release(job)

    def end(self, job: Job, facts: dict[str, Any]) -> None:
        self.book.append({"k": "end", "t": job.token, **facts, "fenced": True})
        self.news = True

    def release(self, job: Job) -> None:
        """The attempt is over: its leases and its worker are free."""
        del self.live[job.token]
        self.leases.give(job.token)
        if job.hand.pid in self.pool.hands and not self.pool.give(job.hand):
            self.drop(job.hand)

    def drop(self, hand: Hand) -> int:
        """Let a worker go; its exit code."""
        self.selector.unregister(hand.channel.sock)
        return self.pool.drop(hand)

    def lost(self, hand: Hand) -> None:
        """A worker died: its attempt has ended, and nothing of it is left."""
        code = self.drop(hand)
        job = hand.job
        if job is None:
            return
        words = f"its supervisor ended with status {code}; every process of it is gone"
        now = time.time_ns() // 1_000_000
        ran = round((time.monotonic() - job.begun) * 1000)
        facts = {"at": now, "ran": ran, "code": None, "sig": 0, "cause": "node", "words": words}
        self.end(job, {**facts, "cpu": 0, "mem": 0})
        for request, index in job.waiters:
            self.answer(request, index, self.found(job.token))
        self.release(job)


def say(**what: Any) -> None:
    """Tell whoever started this process."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(folder: str) -> int:
    """Be the keeper of a folder; says `ready`, or why not, on stdout."""
    path = Path(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o077)
    lock_fd = lock.take(path)
    if lock_fd is None:
        say(busy=True)
        return 0
    try:
        keeper = Keeper(path, lock_fd)
    except OSError as problem:
        say(failed=str(problem))
        return 1
    say(ready=os.getpid())
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.umask(0o022)
    gc.collect()
    gc.freeze()
    keeper.run()
    return 0
