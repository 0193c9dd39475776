"""The engine `slurm`: what the controller calls. Names are identities, ids are hints, and only evidence ends an attempt."""

from __future__ import annotations

import logging
import os
import pwd
import re
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from shanyrak.api import TOKEN, EngineContext, EngineProblem, Launch, Launched, Node, Seen

from shanyrak_slurm import orders, refusal, script
from shanyrak_slurm.asking import Skipped, ask, untaken
from shanyrak_slurm.book import Book, Entry
from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.jobs import RUNNING, Host, Transport
from shanyrak_slurm.machine import Machine
from shanyrak_slurm.notes import Spool
from shanyrak_slurm.orders import Batch
from shanyrak_slurm.queue import Queue
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.verdict import DOUBT_MS, Verdict

log = logging.getLogger("shanyrak.slurm")

INTENTS = 64
"""Calls of sbatch whose intents are written down in one go: the most that a kill leaves in doubt."""
NOTES_S = 30.0
"""How often the notes of what Slurm says is running are read: it may have missed an end while slurmctld was dead."""
STUCK_S = 60.0
"""How long a job waits for a node that takes no work, until it is taken back so that the policy places it anew."""
STUCK = re.compile(r"UnavailableNodes:|Nodes required for job are DOWN, DRAINED")
"""What Slurm says of such a job."""
LEFTOVERS = 50
"""How many of these are cancelled at a look: each is a call of scancel."""
HOSTS_S = 10.0
"""How long what Slurm said of its nodes is good for."""


def make(context: EngineContext) -> SlurmEngine:
    """The engine of a pool; `EngineProblem` when its settings cannot work here."""
    return SlurmEngine(context)


def transport(settings: Settings) -> Transport:
    """The way to slurmctld that the settings ask for."""
    if settings.transport == "rest":
        from shanyrak_slurm.rest import Rest

        return Rest(settings)
    from shanyrak_slurm.cli import Cli

    return Cli(settings)


class SlurmEngine:
    """`shanyrak.api.Engine` for one pool that a Slurm runs."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context
        self.settings: Settings = context.settings or Settings()
        self.pool = self.settings.of_pool(context.pool)
        self.owners = self.settings.act_as == "owner"
        if self.owners and os.geteuid() != 0:
            raise EngineProblem(
                "engine slurm",
                "only root may submit as other users",
                "run the controller as root, or set act_as = 'self'",
            )
        folder = Path(context.folder)
        self.spool = Spool(self._spool_folder(folder), self.owners)
        self.book = Book(folder)
        self.slurm = Slurm(self.settings)
        self.queue = Queue(transport(self.settings), self.settings.poll, self.owners)
        self._verdict = Verdict(self.slurm, self.spool, self._host)
        self._machine: tuple[float, Machine] | None = None
        self._noted = time.monotonic()
        self._ghosts: set[str] = set()
        self._stuck_since: dict[str, float] = {}
        self._told: dict[str, Seen] = {}

    def _spool_folder(self, folder: Path) -> Path:
        if self.settings.spool:
            return Path(self.settings.spool).absolute() / self.context.pool
        if self.owners:
            raise EngineProblem(
                "engine slurm", "act_as = 'owner' needs a spool that the owners can reach",
                "set [plugins.slurm] spool to a folder outside the workspace that all nodes see",
            )  # fmt: skip
        return folder.absolute() / "spool"

    # ---- the protocol -----------------------------------------------------------------------------------

    def nodes(self) -> Sequence[Node]:
        """See `api.Engine.nodes`: those of the partition, each under the name of the node that it plays."""
        self._machine = None
        return self._hosts().nodes()

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        """See `api.Engine.launch`. No answer for those of which Slurm may or may not have heard: they are asked for again."""
        known = self.book.entries([one.token for one in launches])
        fenced = self.book.fenced([one.token for one in launches])
        answers: dict[str, Launched] = {}
        new = []
        for one in launches:
            if one.token in known:
                continue
            refused = self._refusal(one, one.token in fenced)
            if refused:
                answers[one.token] = refused
            else:
                new.append(one)
        answers |= self._adopt(list(known.values()))
        answers |= self._submit(orders.batches(new, self.pool))
        return [answers[one.token] for one in launches if one.token in answers]

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        """See `api.Engine.observe`: one look at the queue for all; sacct only for what slurmctld has forgotten."""
        if self.queue.due:
            self._told = {}
        asked = [token for token in tokens if token not in self._told]
        if asked:
            entries = self.book.entries(asked)
            fenced = self.book.fenced([token for token in asked if token not in entries])
            if any(entry.seen is None for entry in entries.values()) and self._look_after(list(entries.values())):
                entries = self.book.entries(asked)
            self._told |= {token: self._seen(token, entries.get(token), token in fenced) for token in asked}
        return [self._told[token] for token in tokens]

    def stop(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.stop`."""
        entries = self.book.entries(tokens)
        self.book.fence([token for token in tokens if token not in entries])
        self.book.stopped(entries)
        self._cancel([entry for entry in entries.values() if entry.seen is None])

    def forget(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.forget`."""
        self.book.forget(tokens)
        for token in tokens:
            self._told.pop(token, None)
            self._stuck_since.pop(token, None)

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        """See `api.Engine.logs`. Empty for an unknown token, or when nothing was written."""
        if stream not in ("stdout", "stderr"):
            raise EngineProblem(f"logs of {token}", f"no stream is called {stream!r}", "ask for stdout or stderr")
        entry = self.book.entries([token]).get(token)
        return self.spool.log(token, entry.user, stream, offset, limit) if entry else b""

    def wait(self, timeout_s: float) -> None:
        """See `api.Engine.wait`: Slurm tells nobody of ends."""
        time.sleep(max(0.0, timeout_s))

    def close(self) -> None:
        """See `api.Engine.close`."""
        self.book.close()

    # ---- launching ----------------------------------------------------------------------------------------

    def _refusal(self, launch: Launch, fenced: bool) -> Launched | None:
        """Why Slurm is not even asked."""
        if fenced:
            return Launched(launch.token, refused="it was stopped before it was launched")
        words = "" if TOKEN.fullmatch(launch.token) else "its token cannot name a file"
        words = words or script.fault(launch) or self._user_fault(launch.user) or self._hosts().misfit(launch)
        return Launched(launch.token, refused=words, user_fault=True) if words else None

    def _user_fault(self, user: str) -> str:
        if self.owners:
            try:
                pwd.getpwnam(user)
            except KeyError:
                return f"there is no user {user} on this machine"
            return ""
        me = pwd.getpwuid(os.geteuid()).pw_name
        return "" if user == me else f"{user} asked for it, and jobs run as {me} here (act_as = 'self')"

    def _adopt(self, entries: Sequence[Entry]) -> dict[str, Launched]:
        """Answers for what was asked for before: found by name, or given up when Slurm surely never took it."""
        doubtful = [entry for entry in entries if not entry.id and entry.seen is None]
        if doubtful:
            self.queue.look()
            ids = {entry.name: self.queue.id_of(entry) for entry in doubtful}
            self.book.took((name, id_) for name, id_ in ids.items() if id_)
        answers = {}
        now = _now()
        for entry in self.book.entries([entry.token for entry in entries]).values():
            if entry.id or entry.seen is not None:
                answers[entry.token] = Launched(entry.token, handle=entry.task_id or entry.name)
            elif abs(now - entry.asked_ms) >= DOUBT_MS:
                if self.spool.give_up(entry.token, entry.user):
                    answers[entry.token] = Launched(
                        entry.token, refused="Slurm has no record of it, so it was given up"
                    )
                else:  # it did start: what became of it, `observe` finds out
                    answers[entry.token] = Launched(entry.token, handle=entry.name)
        return answers

    def _submit(self, batches: Sequence[Batch]) -> dict[str, Launched]:
        """Answers for what Slurm answered. Raises what went wrong only when it answered nothing."""
        answers: dict[str, Launched] = {}
        for first in range(0, len(batches), INTENTS):
            trouble = None
            for batch, said in self._ask(batches[first : first + INTENTS]):
                if isinstance(said, str):
                    for one, (_, place, _) in zip(batch.launches, batch.attempts(), strict=True):
                        answers[one.token] = Launched(one.token, handle=said if place < 0 else f"{said}_{place}")
                elif isinstance(said, Declined):
                    fault = bool(refusal.IMPOSSIBLE.search(said.said))
                    words = refusal.line(said.said, batch.launches[0], self.pool)
                    answers |= {
                        one.token: Launched(one.token, refused=words, user_fault=fault) for one in batch.launches
                    }
                elif trouble is None or isinstance(trouble, Skipped):
                    trouble = said
            if trouble and not answers:
                raise trouble
            if trouble:
                log.warning("%s", trouble)
                break
        return answers

    def _ask(self, batches: Sequence[Batch]) -> list[tuple[Batch, str | EngineProblem]]:
        """A call of sbatch for each, the intents in the book first. What surely did not reach Slurm is taken out of it again."""
        users = [batch.launches[0].user for batch in batches]
        spools = {user: str(self.spool.of(user)) for user in users}
        self.spool.probe()
        hosts = self._hosts().names
        calls = [
            (orders.order(batch, self.pool, hosts, spools[user], user if self.owners else ""), batch.launches[0].not_after_ms)
            for batch, user in zip(batches, users, strict=True)
        ]  # fmt: skip
        now = _now()
        self.book.intend((batch.name, user, now, batch.attempts()) for batch, user in zip(batches, users, strict=True))
        self.queue.stale()
        said = list(zip(batches, ask(self.queue.transport, calls), strict=True))
        self.book.took((batch.name, one) for batch, one in said if isinstance(one, str))
        self.book.refused(batch.name for batch, one in said if untaken(one))
        return said

    # ---- observing ----------------------------------------------------------------------------------------

    def _look_after(self, entries: Sequence[Entry]) -> bool:
        """Look at the queue, write down what has ended, end what is over its walltime; whether anything was written."""
        self.queue.look()
        self._verdict.begin()
        now = _now()
        ended, shown, lost, over = [], [], [], []
        living = [entry for entry in entries if entry.seen is None]
        ghosts = self._ghosts_among(living)
        for entry in living:
            job = self.queue.find(entry, self.spool)
            end = self._verdict.of_end(entry, job) if job and job.ended else ghosts.get(entry.token)
            if end:
                ended.append(end)
            elif job and not job.ended:
                if entry.missed_ms:
                    shown.append(entry.token)
                if job.used_ms >= entry.walltime_ms:
                    over.append(entry)
            else:
                lost.append(entry)
        ended += self._verdict.of_missing(lost, now) + self._stuck(living)
        missing = [entry.token for entry in lost if not 0 < entry.missed_ms <= now]
        self._cancel([entry for entry in living if entry.token in ghosts] + self._leftovers(living))
        if ended:
            self.book.ended(ended)
        if shown:
            self.book.missed(shown, 0)
        if missing:
            self.book.missed(missing, now)
        if over:
            self.book.over([entry.token for entry in over])
            self._cancel(over)
        return bool(ended or shown or missing or over)

    def _ghosts_among(self, living: Sequence[Entry]) -> dict[str, Seen]:
        """The ends of those that Slurm shows as running by mistake, seen so at two looks in a row."""
        if time.monotonic() - self._noted < NOTES_S:
            return {}
        self._noted = time.monotonic()
        found = {}
        for entry in living:
            job = self.queue.find(entry, self.spool)
            if job and job.state in RUNNING and (end := self._verdict.of_ghost(entry, job)):
                found[entry.token] = end
        before, self._ghosts = self._ghosts, set(found)
        entries = {entry.token: entry for entry in living}
        return {
            token: end
            for token, end in found.items()
            if token in before and (end.started_ms or self._verdict.closed(entries[token]))
        }

    def _stuck(self, living: Sequence[Entry]) -> list[Seen]:
        """The ends of those that wait for a node that the policy chose, and that has taken no work for a while: drained by a health
        check, say, after they were sent there. Given up, they start nothing, and are cancelled as leftovers."""
        if self.pool.placement != "policy":
            return []
        now, due = time.monotonic(), []
        for entry in living:
            job = self.queue.find(entry, self.spool)
            if not (job and job.state == "PENDING" and STUCK.search(job.reason)):
                self._stuck_since.pop(entry.token, None)
            elif now - self._stuck_since.setdefault(entry.token, now) >= STUCK_S:
                due.append((entry, f"Slurm: {job.reason} for {STUCK_S:.0f} s"))
        if not due or all(host.up for host in self._hosts().hosts):
            return []
        return [
            Seen(entry.token, "ended", cause="refused", words=words, fenced=True)
            for entry, words in due
            if self.spool.give_up(entry.token, entry.user)
        ]

    def _leftovers(self, living: Sequence[Entry]) -> list[Entry]:
        """What waits or runs by Slurm's words although its end is known: slurmctld came back with an old state, and it would hold
        its units until its node registers, which may take half an hour."""
        names = self.queue.others(living)
        over = self.book.over_under(names) if names else []
        return [entry for entry in over if self.queue.living(entry)][:LEFTOVERS]

    def _seen(self, token: str, entry: Entry | None, fenced: bool) -> Seen:
        if entry is None:
            words = "it was stopped before it was launched" if fenced else "the engine's book has no record of it"
            return Seen(token, "absent", words=words, fenced=fenced)
        if entry.seen is not None:
            return entry.seen
        job = self.queue.find(entry, self.spool)
        if job and not job.ended:
            return self._verdict.of_job(entry, job)
        return self._verdict.of_silence(entry, _now())

    def _cancel(self, entries: Sequence[Entry]) -> None:
        """scancel by name and id. What Slurm has no record of is given up, so that it cannot start later."""
        if any(not entry.id for entry in entries):
            self.queue.stale()
            self.queue.look()
        by_job: dict[str, list[str]] = {}
        for entry in entries:
            if ids := self.queue.living(entry) or ([entry.task_id] if entry.id else []):
                by_job.setdefault(entry.name, []).extend(ids)
            else:
                self.spool.give_up(entry.token, entry.user)
        for name, ids in by_job.items():
            self.queue.transport.cancel(name, ids)
        self.queue.stale()

    # ---- nodes ----------------------------------------------------------------------------------------------

    def _hosts(self) -> Machine:
        now = time.monotonic()
        if self._machine is None or now - self._machine[0] > HOSTS_S:
            hosts = self.queue.transport.hosts(self.pool.partition)
            if not hosts:  # nor does sinfo complain of a partition that is not there
                where = f"the partition {self.pool.partition}" if self.pool.partition else "the default partition"
                raise EngineProblem(
                    where, "Slurm has no nodes there", "set [plugins.slurm] partition to one that `sinfo` shows"
                )
            self._machine = (now, Machine.of(self.context.nodes, hosts, self._chosen, self.context.unit))
        return self._machine[1]

    @cached_property
    def _chosen(self) -> Sequence[str]:
        return self.slurm.run("scontrol", "show", "hostnames", self.pool.nodes).split() if self.pool.nodes else ()

    def _host(self, name: str) -> Host | None:
        return next((host for host in self._hosts().hosts if host.name == name), None)


def _now() -> int:
    return time.time_ns() // 1_000_000
