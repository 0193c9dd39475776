"""The engine `ray`: what the controller calls. Ray is asked to start work; what becomes of it is read in the spool."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shanyrak.api import TOKEN, EngineContext, EngineProblem, Launch, Launched, Node, Seen, read_slice

from shanyrak_ray import orders, program
from shanyrak_ray.cluster import Host, Map, hosts
from shanyrak_ray.http import Dashboard, is_page, last_line
from shanyrak_ray.settings import Settings
from shanyrak_ray.vault import Vault
from shanyrak_ray.watch import FENCED, Watch

Key = TypeVar("Key")
OVER = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
"""States of a job of Ray that are final."""
GAVE_UP = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
"""Ray lets no job wait for longer than a quarter of an hour; we do."""
LOST = frozenset(
    {
        GAVE_UP,
        *(f"JOB_SUPERVISOR_ACTOR_{what}" for what in ("START_FAILURE", "DIED", "UNKNOWN_FAILURE", "UNSCHEDULABLE")),
    }
)
"""Ways of Ray to lose a job before its command line was run, which another time may go well."""
LOSSES = 5
"""So often it may lose a job in another way than by giving it up."""
FEW = 8
"""Up to so many waiting jobs are asked for each by itself, more as one list of all."""
ASK_S = 1.0
"""Seconds between two questions to Ray about what waits there; as long as the last took, if that was longer."""
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a submission: nothing when Ray has the job."""

    refused: str = ""
    user_fault: bool = False


def make(context: EngineContext) -> RayEngine:
    """The engine of a pool; `EngineProblem` when its spool cannot be used."""
    return RayEngine(context)


class RayEngine:
    """`shanyrak.api.Engine` over the HTTP API of a Ray head. One thread of the controller at a time."""

    def __init__(self, context: EngineContext) -> None:
        self.settings: Settings = context.settings or Settings()
        self.folder = Path(context.folder)
        self.spool = Path(self.settings.spool or context.folder).absolute()
        try:
            for folder in (self.folder, self.spool):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._program = program.place(self.spool)
        except OSError as problem:
            raise EngineProblem(f"engine ray in {self.spool}", str(problem.strerror or problem)) from None
        self.ray = Dashboard(self.settings)
        self.declared = {node.name: node for node in context.nodes}
        self.map = Map(self.folder, context.nodes, context.unit)
        self.watch = Watch(self.spool, self.settings.silence)
        self.vault = Vault(self.ray.host, self.ray.port)
        self._senders = ThreadPoolExecutor(self.settings.parallel, "ray-submit")
        self._waiting: dict[str, Seen] = {}
        self._lost: dict[str, int] = {}
        self._kept_by_ray: list[str] = []
        """What is on record, and not over yet for Ray, which sees ends a little later: it is asked again with the next."""
        self._hosts: list[Host] = []
        self._hosts_at = float("-inf")
        self._ask_at = float("-inf")
        self._news = 0

    # ---- the protocol -----------------------------------------------------------------------------------

    def nodes(self) -> Sequence[Node]:
        """The nodes of Ray under the site's names; a declared one that Ray does not have is down."""
        return self.map.nodes(self._look_at_hosts())

    def launch(self, launches: Sequence[Launch]) -> Sequence[Launched]:
        """See `api.Engine.launch`. Ray accepts work before it has room; `observe` tells when it runs."""
        answers: dict[int, Launched] = {}
        sends: dict[int, Launch] = {}
        for place, launch in enumerate(launches):
            known = self._known(launch)
            if known is None:
                sends[place] = launch
            else:
                answers[place] = known
        if sends:
            fresh = time.monotonic() - self._hosts_at < ASK_S
            named = self.map.named(self._hosts if fresh else self._look_at_hosts())
            said: dict[int, Told] = {}
            futures = {}
            for place, launch in sends.items():
                try:
                    job = self._order(launch, named)
                    futures[place] = self._senders.submit(self._submit, launch.token, job)
                except orders.Fault as fault:
                    said[place] = Told(str(fault), user_fault=True)
                except Refused as refusal:
                    said[place] = Told(str(refusal))
            said.update(self._all(futures))
            answers.update({place: self._answer(launches[place].token, told) for place, told in said.items()})
        self._ask_at = float("-inf")
        return [answers[place] for place in range(len(launches))]

    def observe(self, tokens: Sequence[str]) -> Sequence[Seen]:
        """See `api.Engine.observe`. Ray is asked only about what nobody has claimed yet."""
        found = {token: self._look(token) for token in tokens}
        waiting = [token for token, seen in found.items() if seen is None]
        if waiting:
            said = self._ask_ray(waiting)
            found.update({token: self._look(token) or said[token] for token in waiting})
        for token, seen in found.items():
            if seen is not None and seen.state != "pending":
                self.vault.drop(token)
        return [found[token] or Seen(token, "unknown") for token in tokens]

    def stop(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.stop`. It needs no Ray: who has not started finds the claim, who runs finds the stop."""
        for token in tokens:
            if not TOKEN.fullmatch(token):
                continue
            home = self.watch.home(token)
            try:
                if self.watch.fence(home, FENCED):
                    continue
                claim = self.watch.claim(home)
                if claim and claim["by"] == "node" and not home.there("end.json"):
                    home.stop()
            except OSError as problem:
                raise EngineProblem("stop", f"{self.spool}: {problem.strerror}", "it can be asked again") from None

    def forget(self, tokens: Sequence[str]) -> None:
        """See `api.Engine.forget`. The claim stays for ever, so that no late job of Ray starts it; so does the end."""
        for token in filter(TOKEN.fullmatch, tokens):
            home = self.watch.home(token)
            for name in ("launch.json", "ask.json", "start.json", "beat", "note", "stop.json"):
                Path(home.at(name)).unlink(missing_ok=True)
            self._kept_by_ray.append(token)
            self.watch.forget(token)
            self.vault.drop(token)
            self._waiting.pop(token, None)
            self._lost.pop(token, None)
        asked = list(dict.fromkeys(self._kept_by_ray))
        try:
            deleted = list(self._senders.map(lambda token: self.ray.delete(self.id_of(token)), asked))
        except EngineProblem:
            return  # They are asked for with the next.
        self._kept_by_ray = [token for token, done in zip(asked, deleted, strict=True) if not done]

    def logs(self, token: str, stream: str, offset: int, limit: int) -> bytes:
        """See `api.Engine.logs`. Empty for an unknown token, or when nothing was written."""
        if stream not in ("stdout", "stderr"):
            raise EngineProblem(f"logs of {token}", f"no stream is called {stream!r}", "ask for stdout or stderr")
        if not TOKEN.fullmatch(token):
            return b""
        try:
            with open(self.watch.home(token).at(stream), "rb") as file:
                return read_slice(file.fileno(), offset, limit)
        except FileNotFoundError:
            return b""

    def wait(self, timeout_s: float) -> None:
        """See `api.Engine.wait`: nodes touch one file of the spool when something began or ended."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            news = self._changed()
            if news != self._news:
                self._news = news
                return
            time.sleep(min(POLL, left))

    def close(self) -> None:
        """See `api.Engine.close`."""
        self.vault.close()
        self._senders.shutdown()
        self.ray.close()

    def id_of(self, token: str) -> str:
        """Ray's id of the job of a token."""
        return orders.job_id(token, self.spool)

    def _look_at_hosts(self) -> list[Host]:
        """The live nodes now, which launches within the next second take for granted."""
        self._hosts, self._hosts_at = hosts(self.ray.nodes()), time.monotonic()
        return self._hosts

    # ---- launching --------------------------------------------------------------------------------------

    def _known(self, launch: Launch) -> Launched | None:
        """The answer for a token that was launched or fenced before, or that is too late; None: it is to be submitted."""
        token = launch.token
        if not TOKEN.fullmatch(token):
            return Launched(token, refused="not a token that can name a folder")
        home = self.watch.home(token)
        claim = self.watch.claim(home)
        if claim is not None:
            if claim["by"] == "engine":
                return Launched(token, refused=claim["words"])
            return Launched(token, handle=self.id_of(token))
        if launch.not_after_ms and time.monotonic() * 1000 > launch.not_after_ms:
            job = self.ray.job(self.id_of(token)) if home.there("launch.json") else None
            if job is not None and self._is_ours(job):
                return Launched(token, handle=self.id_of(token))
            return self._answer(token, Told("it was asked for too late: another controller may act by now"))
        return None

    def _order(self, launch: Launch, named: dict[str, Any]) -> dict[str, Any]:
        """Write down what its node is to do; the job for Ray. Raises Fault or Refused."""
        orders.check(launch, self.settings)
        host = named.get(launch.nodes[0][0]) if launch.nodes else None
        if host is None:
            raise Refused(f"Ray has no node for {launch.nodes[0][0] if launch.nodes else 'it'} now")
        orders.check_size(launch, host, self.declared.get(launch.nodes[0][0]))
        home = self.watch.home(launch.token)
        told = orders.note(launch, host, self.settings)
        try:
            ask = self.vault.put(launch.token, launch.secrets) if launch.secrets else {}
        except OSError as problem:
            raise Refused(f"no node could ask this machine for its secrets: {problem.strerror}") from None
        try:
            home.make()
            if ask:
                home.write("ask.json", ask)
            home.write("launch.json", told)
        except OSError as problem:
            raise Refused(f"its folder in {self.spool} cannot be written: {problem.strerror}") from None
        return self._job(launch.token, told)

    def _job(self, token: str, told: dict[str, Any]) -> dict[str, Any]:
        return orders.submission(token, told, self.spool, self._program, self.settings)

    def _submit(self, token: str, job: dict[str, Any]) -> Told:
        """Have Ray take a job, or find that it has it. EngineProblem when that is not known; it may be asked again."""
        status, text = self.ray.submit(job)
        if status == 200 and '"submission_id"' in text:
            return Told()
        known = self.ray.job(self.id_of(token))
        if known is not None:
            return (
                Told() if self._is_ours(known) else Told("its id is taken on the Ray cluster by work that is not ours")
            )
        if status == 400 and not is_page(text):
            return Told(f"Ray refused it: {last_line(text)}")
        raise self.ray.strange(f"it could not take a job ({status})", text)

    def _answer(self, token: str, told: Told) -> Launched:
        """What a submission means. What Ray may have is fenced if it is refused, so that it is true that nothing runs."""
        home = self.watch.home(token)
        if not told.refused:
            return Launched(token, handle=self.id_of(token))
        try:
            if not home.there("launch.json") or self.watch.fence(home, told.refused):
                return Launched(token, refused=told.refused, user_fault=told.user_fault)
        except OSError as problem:
            why = f"{told.refused}; its folder in {self.spool} cannot be written: {problem.strerror}"
            raise EngineProblem(f"launch of {token}", why) from None
        claim = self.watch.claim(home)
        if claim and claim["by"] == "engine":
            return Launched(token, refused=claim["words"], user_fault=told.user_fault)
        return Launched(token, handle=self.id_of(token))

    @staticmethod
    def _all(futures: dict[Key, Future[Told]]) -> dict[Key, Told]:
        """The answers. When Ray went away, all that was under way comes to its end before that is said."""
        told, trouble = {}, None
        for place, future in futures.items():
            try:
                told[place] = future.result()
            except EngineProblem as problem:
                trouble = problem
        if trouble is not None:
            raise trouble
        return told

    def _is_ours(self, job: dict[str, Any]) -> bool:
        return (job.get("metadata") or {}).get("shanyrak") == str(self.spool)

    # ---- observing --------------------------------------------------------------------------------------

    def _look(self, token: str) -> Seen | None:
        if not TOKEN.fullmatch(token):
            return Seen(token, "absent", words="not a token that can name a folder")
        try:
            return self.watch.seen(token)
        except (OSError, ValueError, KeyError) as problem:
            return _unreadable(token, problem)

    def _ask_ray(self, tokens: Sequence[str]) -> dict[str, Seen]:
        """What Ray says of work that nobody has claimed. It is not started, whatever Ray says: without a claim nothing is."""
        begun = time.monotonic()
        if begun >= self._ask_at or any(token not in self._waiting for token in tokens):
            try:
                jobs = self._jobs(tokens)
                known = [token for token in tokens if jobs[token] is not None]
                self._waiting = {
                    **{token: self._unclaimed(token, jobs[token] or {}) for token in known},
                    **self._ask_again([token for token in tokens if jobs[token] is None]),
                }
            except EngineProblem as problem:
                self._waiting = {token: Seen(token, "pending", words=str(problem)) for token in tokens}
            now = time.monotonic()
            self._ask_at = now + max(ASK_S, now - begun)
        return self._waiting

    def _jobs(self, tokens: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """The jobs of these tokens; None for those that Ray does not know."""
        ids = [self.id_of(token) for token in tokens]
        found = self._senders.map(self.ray.job, ids) if len(ids) <= FEW else map(self.ray.jobs().get, ids)
        return dict(zip(tokens, found, strict=True))

    def _unclaimed(self, token: str, job: dict[str, Any]) -> Seen:
        if not self._is_ours(job):
            return self._never(token, "its id is taken on the Ray cluster by work that is not ours")
        if job["status"] not in OVER:
            starts = job["status"] == "RUNNING"
            words = "Ray starts it" if starts else "it waits at Ray for room, or for a process to start in"
            return Seen(token, "pending", words=words)
        words = last_line(job.get("message") or job["status"])
        kind = job.get("error_type")
        self._lost[token] = self._lost.get(token, 0) + (kind != GAVE_UP)
        if kind not in LOST or self._lost[token] > LOSSES:
            return self._never(token, f"Ray could not start it: {words}")
        self.ray.delete(self.id_of(token))  # The next look finds that Ray does not know it, when it has let go of it.
        return Seen(token, "pending", words=f"Ray is asked for it again, as it could not start it: {words}")

    def _ask_again(self, tokens: Sequence[str]) -> dict[str, Seen]:
        """What Ray has forgotten is asked for once more under its token, which the claim makes safe: as much as a second allows."""
        words = "Ray does not know it any more, and is asked for it again"
        said = {token: Seen(token, "pending", words=words) for token in tokens}
        until = time.monotonic() + ASK_S
        for first in range(0, len(tokens), self.settings.parallel):
            if first and time.monotonic() > until:
                break
            futures = {}
            for token in tokens[first : first + self.settings.parallel]:
                try:
                    told = self.watch.home(token).read("launch.json")
                except (OSError, ValueError) as problem:
                    said[token] = _unreadable(token, problem)
                    continue
                if told is not None:
                    futures[token] = self._senders.submit(self._submit, token, self._job(token, told))
            refusals = {token: told.refused for token, told in self._all(futures).items() if told.refused}
            said.update({token: self._never(token, refused) for token, refused in refusals.items()})
        return said

    def _never(self, token: str, words: str) -> Seen:
        """It can never start now: fenced, unless its node was quicker. While its folder cannot be written it waits."""
        try:
            self.watch.fence(self.watch.home(token), words)
        except OSError as problem:
            return Seen(token, "pending", words=f"{words}; its folder cannot be written: {problem.strerror}")
        return self._look(token) or Seen(token, "unknown")

    def _changed(self) -> int:
        try:
            return os.stat(self.spool / "news").st_mtime_ns  # noqa: PTH116
        except OSError:
            return 0


def _unreadable(token: str, problem: Exception) -> Seen:
    return Seen(token, "unknown", words=f"its folder cannot be read: {problem}"[:300])


class Refused(Exception):
    """Not now, in words; nobody's fault."""
