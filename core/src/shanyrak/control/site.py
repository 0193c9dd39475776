"""`Site`: the one facade over a workspace. Every verb of the command line, and the HTTP API, calls it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanyrak.control import facility, policies, reports, requests, tenants
from shanyrak.control.admit import Desk, Receipt
from shanyrak.control.collector import paused
from shanyrak.control.decider import Decider, find_policy
from shanyrak.control.imported import Brought, bring
from shanyrak.control.launches import read_secrets
from shanyrak.control.usage import usage
from shanyrak.control.workspace import default_manager, empty_store, open_store, os_user, refuse_used
from shanyrak.errors import PluginProblem, Problem, RefusedProblem, UnfitProblem, UsageProblem
from shanyrak.exchange import EngineContext, Node, PastWork
from shanyrak.journal.clock import Clock
from shanyrak.journal.events import parsed
from shanyrak.journal.journal import ALL, Journal, events
from shanyrak.journal.schema import migrate, schema_version
from shanyrak.journal.store import Rows, Store
from shanyrak.model.quantities import UNITS
from shanyrak.model.workload import Spec, parse_spec

if TYPE_CHECKING:
    from shanyrak.api import Engine
    from shanyrak.config.commons import Commons
    from shanyrak.control.controller import Controller
    from shanyrak.control.past import Live, Ran
    from shanyrak.journal.events import Event
    from shanyrak.plugins.manager import PluginManager

WARM_S = 30.0
"""How long `up` waits for the policy before the core's own kernel decides in its place."""


class Site:
    """An open workspace. Reading and requesting need no controller; `controller` makes this process the one that acts."""

    def __init__(
        self,
        folder: Path,
        commons: Commons,
        manager: PluginManager,
        store: Store,
        clock: Clock | None = None,
        actor: str = "",
    ) -> None:
        self.folder, self.commons, self.manager = folder, commons, manager
        self.journal = Journal(store, clock)
        self.actor = actor or os_user()
        self.secrets = folder / "secrets"

    # ---- open and make --------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls, folder: Path, manager: PluginManager | None = None, *, wait_s: float = 20.0, clock: Clock | None = None
    ) -> Site:
        """Open an existing workspace. Raises UnfitProblem or UsageProblem that says what is wrong with it."""
        from shanyrak.config.commons import load_commons

        manager = manager or default_manager(folder)
        commons = load_commons(folder)
        store = open_store(folder, commons.accounts.store, manager, wait_s=wait_s)
        if not schema_version(store):
            store.close()
            raise UnfitProblem(f"the journal {store.url}", "it is empty", "restore a backup with `shanyrak restore`")
        migrate(store)
        site = cls(folder, commons, manager, store, clock)
        facility.declare(site.journal, site.actor, commons)
        return site

    @classmethod
    def create(
        cls, folder: Path, commons: Commons, manager: PluginManager | None = None, clock: Clock | None = None
    ) -> Site:
        """Make a workspace in `folder`: commons.toml, the journal, the folder for secrets."""
        from shanyrak.config.write import write_new

        folder = folder.absolute()
        refuse_used(folder)
        write_new(folder, commons)
        try:
            (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
            manager = manager or default_manager(folder)
            store = empty_store(folder, commons.accounts.store, manager)
        except (Problem, OSError):  # a wrong password, say: the same can be asked for again
            shutil.rmtree(folder)
            raise
        migrate(store)
        site = cls(folder, commons, manager, store, clock)
        with site.journal.write(site.actor) as writer:
            writer.append("site.created", "site", {"name": commons.site.name, "token": f"s{os.urandom(4).hex()}"})
        facility.declare(site.journal, site.actor, commons)
        return site

    def reload(self) -> None:
        """Read commons.toml again: somebody has declared the facility anew. Raises as `open` does."""
        from shanyrak.config.commons import load_commons

        self.commons = load_commons(self.folder)

    def close(self) -> None:
        """Let go of the store."""
        self.journal.store.close()

    @cached_property
    def token(self) -> str:
        """What this site's attempts' tokens begin with."""
        with self.journal.read() as rows:
            found = rows.one("SELECT value FROM setting WHERE name = 'token'")
        if found is None:
            raise UnfitProblem(f"the workspace {self.folder}", "its journal is empty", "restore a backup of it")
        return str(found[0])

    # ---- who may --------------------------------------------------------------------------------------------

    def _require(self, role: str) -> None:
        """The owner of the workspace may do everything; others what [roles] says."""
        if self._owner():
            return
        if self.actor not in getattr(self.commons.roles, role):
            raise RefusedProblem(
                f"{self.actor} may not do this",
                f"it takes one of the {role}",
                f"ask for it, or be named in [roles] {role} in commons.toml",
            )

    def _owner(self) -> bool:
        return self.actor == os_user() and os.geteuid() in (0, self.folder.stat().st_uid)

    def _may_touch(self, owner: str) -> None:
        if owner != self.actor:
            self._require("operators")

    # ---- requests on work -----------------------------------------------------------------------------------

    def submit(self, data: Mapping[str, Any] | Spec) -> Receipt:
        """Submit one workload. A refusal by the rules is a receipt with state `refused`, not an error."""
        return self.submit_many([data])[0]

    def submit_many(self, requests_: Sequence[Mapping[str, Any] | Spec]) -> list[Receipt]:
        """Submit several in one transaction: all are recorded, or none."""
        hooks = self.manager.decide_admission if self.manager.listens("shanyrak_decide_admission") else None
        with paused():
            specs = [one if isinstance(one, Spec) else parse_spec(one) for one in requests_]
            for spec in specs:
                if spec.secrets:
                    read_secrets(self.secrets, spec.secrets)
            return requests.submit(self.journal, self.actor, specs, self._desk, hooks)

    def _desk(self, rows: Rows, now: int) -> Desk:
        reserved = {name: kind.sectors for name, kind in self.commons.classes.items() if kind.sectors}
        accounts, policy = self.commons.accounts, self.commons.policy
        return Desk(rows, self.actor, now, accounts.default_walltime, policy.undisturbed, reserved)

    def stop(self, id_: int) -> str:
        """Ask for the end of a workload; gives its state."""
        return requests.stop(self.journal, self.actor, id_, self._may_touch)

    def hold(self, id_: int) -> str:
        """Keep a workload from starting."""
        return requests.hold(self.journal, self.actor, id_, True, self._may_touch)

    def release(self, id_: int) -> str:
        """Let a held workload start again."""
        return requests.hold(self.journal, self.actor, id_, False, self._may_touch)

    # ---- requests on tenants and the facility ---------------------------------------------------------------

    def add_project(self, id_: str, sector: str, org: str, weight: int = 1, cap: int = -1) -> None:
        self._require("officers")
        tenants.add_project(self.journal, self.actor, id_, sector, org, weight, cap)

    def add_members(self, project: str, people: Sequence[str]) -> None:
        """Make these OS users members of a project; those who are stay it."""
        self._require("officers")
        tenants.add_members(self.journal, self.actor, project, people)

    def remove_members(self, project: str, people: Sequence[str]) -> None:
        """These are members of a project no more."""
        self._require("officers")
        tenants.remove_members(self.journal, self.actor, project, people)

    def add_grant(
        self, project: str, amount: int, unit: str, start: int = 0, until: int = 0, programme: str = ""
    ) -> int:
        self._require("officers")
        return tenants.add_grant(self.journal, self.actor, project, amount, unit, self.units(), start, until, programme)

    def pull_grant(self, number: int, amount: int | None = None) -> int:
        self._require("officers")
        return tenants.pull_grant(self.journal, self.actor, number, amount)

    def bring_work(self, source: str, works: Sequence[PastWork], charge: bool = False, look: bool = False) -> Brought:
        """Record work that ran outside of Shanyrak and has ended, or only `look`; what is known is left as it is."""
        self._require("officers")
        return bring(self.journal, self.actor, source, works, charge, look)

    def brought_until(self, source: str) -> int:
        """When the newest work that was brought in from a source ended; 0 when none was."""
        with self.journal.read() as rows:
            found = rows.one("SELECT COALESCE(MAX(ended), 0) FROM imported WHERE source = ?", (source,))
        return int(found[0]) if found else 0

    def units(self) -> dict[str, tuple[str, int]]:
        """What grants may be written in: the core's units and those of plugins."""
        return {**{name: (o.record.base, o.record.factor) for name, o in self.manager.units().items()}, **UNITS}

    def pause(self, project: str = "", paused: bool = True) -> None:
        """Keep a project's work, or all work, from starting; `paused` False lets it start again."""
        self._require("operators")
        if project:
            tenants.pause_project(self.journal, self.actor, project, paused)
        else:
            tenants.pause_site(self.journal, self.actor, paused)

    def drain(self, nodes: Sequence[str], reason: str = "") -> None:
        self._require("operators")
        facility.drain(self.journal, self.actor, nodes, reason)

    def undrain(self, nodes: Sequence[str]) -> None:
        self._require("operators")
        facility.undrain(self.journal, self.actor, nodes)

    def add_window(self, nodes: Sequence[str], start: int, until: int, reason: str = "") -> int:
        self._require("operators")
        return facility.add_window(self.journal, self.actor, nodes, start, until, reason)

    def remove_window(self, number: int) -> None:
        self._require("operators")
        facility.remove_window(self.journal, self.actor, number)

    def activate_policy(self, name: str, report: Path | None = None) -> str:
        """Make another policy decide: `active`, or `proposed` when it takes a second operator's same command."""
        self._require("operators")
        return policies.activate(self, name, report)

    # ---- questions ------------------------------------------------------------------------------------------

    def active_policy(self) -> str:
        """The policy that was activated last, else the one that commons.toml names."""
        with self.journal.read() as rows:
            found = rows.one("SELECT value FROM setting WHERE name = 'policy'")
        return str(found[0]) if found else self.commons.policy.active

    def params(self) -> dict[str, int | str]:
        """What policies are told beside the view: the site's settings of its active policy, and the core's own."""
        from shanyrak.config.params import params

        return params(self.commons)

    def sectors(self, units: int) -> dict[str, tuple[int, int, int]]:
        """(weight, floor, cap) of each sector on a machine of so many units; a cap of -1 is none."""
        from shanyrak.config.fields import units_of

        return {
            name: (one.weight, units_of(one.floor, units), -1 if one.cap is None else units_of(one.cap, units))
            for name, one in self.commons.sectors.items()
        }

    def project_rules(self) -> dict[str, tuple[int, int]]:
        """(weight, cap) of each project; a cap of -1 is none."""
        with self.journal.read() as rows:
            return {
                project: (weight, cap)
                for project, weight, cap in rows.all(
                    "SELECT p.id, a.weight, a.cap FROM project p JOIN account a ON a.id = p.account ORDER BY p.id"
                )
            }

    def past(self) -> list[Ran]:
        """Every task that has ended, for a rehearsal of what was."""
        from shanyrak.control.past import ran

        with self.journal.read() as rows:
            return ran(rows)

    def live(self) -> Live:
        """This moment as a policy sees it, for a rehearsal of what comes."""
        from shanyrak.control.past import live

        return live(self)

    def ps(self, everything: bool = False, project: str = "", reasons: bool = True) -> list[dict[str, Any]]:
        """Workloads by id: those that have not ended, or all. With `reasons` waiting work carries this moment's."""
        return reports.ps(self, everything, project, reasons)

    def workload(self, id_: int) -> dict[str, Any]:
        """One workload, with its attempts. Raises UsageProblem for an unknown id."""
        return reports.workload(self, id_)

    def why(self, id_: int) -> dict[str, Any]:
        """Every reason that holds for where a workload is, by rule, with the number that would change it."""
        from shanyrak.control.why import why

        return why(self, id_)

    def eta(self, id_: int) -> dict[str, Any]:
        """When it starts: the promise, or an estimate with its basis."""
        from shanyrak.control.eta import eta

        return eta(self, id_)

    def account(self) -> dict[str, Any]:
        """The account: by unit, by grant, and whether it balances. What every read proves is proved."""
        with self.journal.read() as rows:
            return reports.account(rows)

    def check_account(self) -> dict[str, Any]:
        """The same with every proof of `accounts.faults`."""
        with self.journal.read() as rows:
            return reports.account(rows, thorough=True)

    def usage(self, project: str = "") -> list[dict[str, Any]]:
        """What was used, by project: what is charged, and what each meter says, never without method and coverage."""
        with self.journal.read() as rows:
            return usage(rows, project)

    def projects(self) -> list[dict[str, Any]]:
        with self.journal.read() as rows:
            return reports.projects(rows)

    def members(self) -> dict[str, dict[str, bool]]:
        """By project everybody who is a member or was one, and whether they are."""
        with self.journal.read() as rows:
            return reports.members(rows)

    def grants(self, project: str = "") -> list[dict[str, Any]]:
        with self.journal.read() as rows:
            return reports.grants(rows, project)

    def nodes(self) -> list[dict[str, Any]]:
        with self.journal.read() as rows:
            return reports.nodes(rows)

    def windows(self) -> list[dict[str, Any]]:
        with self.journal.read() as rows:
            return reports.windows(rows)

    def events(self, after: int = 0, limit: int = ALL) -> list[Event]:
        with self.journal.read() as rows:
            return events(rows, after, limit)

    def log(self, id_: int, stream: str = "stdout", task: int | None = None) -> tuple[str, Callable[[int, int], bytes]]:
        """The newest attempt of a workload (of one task of it), and what reads what it printed: (offset, limit) -> bytes.

        An offset below 0 is from the end. Raises UsageProblem when it has not run.
        """
        with self.journal.read() as rows:
            token, pool = reports.attempt_of(rows, id_, task)
        if pool not in self._engines:
            self._engines[pool] = self.engine(pool)
        engine = self._engines[pool]
        return token, lambda offset, limit: bytes(engine.logs(token, stream, offset, limit))

    @cached_property
    def _engines(self) -> dict[int, Engine]:
        return {}

    def policies(self) -> list[dict[str, Any]]:
        """Every policy there is, the core's kernel included, with the active one marked."""
        return policies.policies(self)

    def policy(self, name: str = "") -> dict[str, Any]:
        """One policy, by default the active one: who made it decide, what it is told, the service classes."""
        return policies.show(self, name)

    def policy_trouble(self) -> str:
        """Why the core decides in place of the policy, when it did so three times in a row; else nothing."""
        with self.journal.read() as rows:
            last = rows.all("SELECT payload FROM event WHERE type = 'decision.made' ORDER BY seq DESC LIMIT 3")
        decisions = [parsed(payload) for (payload,) in last]
        if len(decisions) == 3 and all(one["outcome"] == "fallback" for one in decisions):
            return f"the core's kernel decides in place of {decisions[0]['policy']}: {decisions[0]['cause']}"
        return ""

    def store_info(self) -> dict[str, Any]:
        """Where the journal is and how large."""
        store = self.journal.store
        with self.journal.read() as rows:
            newest = rows.one("SELECT COALESCE(MAX(seq), 0) FROM event") or (0,)
        return {
            "url": store.url,
            "events": newest[0],
            "bytes": store.size(),
            "schema": schema_version(store),
            "stores": ["sqlite", *sorted(self.manager.stores())],
        }

    # ---- engines and the controller -------------------------------------------------------------------------

    def engine(self, pool: int) -> Engine:
        """The engine of a pool. Raises PluginProblem when its plugin is not there or cannot make it."""
        from shanyrak.plugins.loading import load

        with self.journal.read() as rows:
            row = rows.one("SELECT name, engine, unit, cpus, memory FROM pool WHERE id = ?", (pool,))
            assert row is not None
            nodes = rows.all("SELECT name, units FROM node WHERE pool = ? AND present = 1 ORDER BY id", (pool,))
        name, engine, unit, cpus, memory = row
        offer = self.manager.engine(engine)
        folder = self.folder / "engines" / name
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        context = EngineContext(
            name,
            str(folder),
            self.manager.settings(offer.plugin),
            tuple(Node(node, units, cpus, memory) for node, units in nodes),
            unit,
        )
        try:
            made: Engine = load(offer.record.target, offer.plugin)(context)
        except (PluginProblem, UnfitProblem, UsageProblem):
            raise
        except Exception as error:
            raise PluginProblem(
                f"plugin {offer.plugin}",
                f"its engine {engine} could not be made ({error!r})",
                f"shanyrak plugin check {offer.plugin}",
            ) from error
        return made

    def engines(self) -> dict[int, Engine]:
        """An engine for each pool that is declared, or on which work still lives."""
        with self.journal.read() as rows:
            pools = rows.all(
                "SELECT id FROM pool WHERE present = 1 OR id IN (SELECT w.pool FROM attempt a JOIN workload w"
                " ON w.id = a.workload WHERE a.open = 1) ORDER BY id"
            )
        return {int(pool): self.engine(int(pool)) for (pool,) in pools}

    def decider(self) -> Decider:
        """The active policy, cold."""
        record, plugin = find_policy(self.manager, self.active_policy())
        return Decider(record, plugin, self.params(), self.commons.policy.deadline / 1000)

    def controller(self, tell: Callable[[str], None] = lambda line: None) -> Controller:
        """Become the controller: take the lease, make the engines, warm the policy. Raises UnfitProblem (exit 6)."""
        from shanyrak.control.controller import Controller
        from shanyrak.control.lease import take

        self._require("operators")
        self.manager.require()
        decider, engines = self.decider(), self.engines()
        lease = take(self.journal, "controller")
        try:
            if cold := decider.warm(WARM_S):
                tell(f"the policy {decider.name} is not active yet ({cold}); the core's own kernel decides until it is")
            return Controller(self, lease, engines, decider)
        except BaseException:
            decider.close()
            lease.leave("controller")
            raise
