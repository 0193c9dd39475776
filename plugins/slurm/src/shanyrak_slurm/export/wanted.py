"""What Slurm is to hold, from the site's sectors, projects, members, grants and windows."""

from __future__ import annotations

import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shanyrak.api import Node, Site

from shanyrak_slurm.cli import Cli
from shanyrak_slurm.export.nouns import MARK, Account, Drift, Limits, Qos, Reservation, State
from shanyrak_slurm.machine import Machine
from shanyrak_slurm.settings import Settings

TRES = {"gpu-second": "gres/gpu", "cpu-second": "cpu"}


@dataclass(frozen=True, slots=True)
class Facility:
    """The pools that Slurm runs: what is counted there, which host plays which node."""

    tres: tuple[str, ...]
    units: int
    """Of a node, of the first of these."""
    total: int
    hosts: Mapping[str, str]


def facility(site: Site, settings: Settings) -> Facility:
    """Raises EngineProblem when Slurm does not tell its nodes."""
    cli, hosts, total = Cli(settings), dict[str, str](), 0
    sizes: dict[str, int] = {}
    for pool in site.commons.pools:
        if pool.engine != "slurm":
            continue
        own = settings.of_pool(pool.name)
        names = cli.slurm.run("scontrol", "show", "hostnames", own.nodes).split() if own.nodes else []
        declared = [Node(f"{pool.name}-{number}", pool.units, pool.cpus, pool.memory) for number in range(pool.nodes)]
        hosts |= Machine.of(declared, cli.hosts(own.partition), names, pool.unit).names
        tres = TRES[f"{pool.unit}-second"]
        sizes[tres] = max(sizes.get(tres, 1), pool.units)
        total += pool.nodes * pool.units
    kinds = tuple(sorted(sizes, reverse=True))  # GPUs come first
    return Facility(kinds, sizes[kinds[0]] if kinds else 1, total, hosts)


def wanted(site: Site, there: Facility, before: Mapping[str, Limits], now_ms: int) -> State:
    """`before`: what the grants of a project had paid when its QOS was made; now, for those that have none yet."""
    state = State()
    main = there.tres[0] if there.tres else "gres/gpu"
    sectors = site.sectors(there.total)
    for name, (weight, _, cap) in sectors.items():
        caps = {} if cap < 0 else {main: cap}
        state.accounts[_sector(name)] = Account(_sector(name), "root", weight, caps, False, "")
    rules = site.project_rules()
    for project in site.projects():
        name = project["project"]
        weight, cap = rules[name]
        qos = f"{MARK}_{name}"
        caps = {} if cap < 0 else {main: cap}
        state.accounts[name] = Account(name, _sector(project["sector"]), weight, caps, project["paused"], qos)
        state.qos[qos] = _qos(site, name, qos, there, before.get(qos))
    _people(state, site)
    _floors(state, site, there, sectors)
    _windows(state, site, there, now_ms)
    if len(there.tres) > 1:
        words = "hold for GPUs alone: Slurm counts GPUs and CPUs apart"
        state.drift.append(Drift("caps and floors", words, "nobody: a limit of Slurm"))
    return state


def _sector(name: str) -> str:
    return f"sector_{name}"


def _qos(site: Site, project: str, name: str, there: Facility, before: Limits | None) -> Qos:
    issued: dict[str, int] = {}
    used: dict[str, int] = {}
    for grant in site.grants(project):
        if grant["state"] != "future":
            issued[grant["unit"]] = issued.get(grant["unit"], 0) + grant["issued"]
            used[grant["unit"]] = used.get(grant["unit"], 0) + grant["used"]
    paid = used if before is None else before
    # A job with GPUs takes CPUs, too: they are limited only where nothing else is counted, or CPUs were granted.
    units = [unit for unit, tres in TRES.items() if tres in there.tres and (unit in issued or tres == there.tres[0])]
    minutes = {TRES[unit]: max(0, issued.get(unit, 0) - paid.get(unit, 0)) // 60 for unit in units}
    return Qos(name, minutes, {unit: amount for unit, amount in paid.items() if amount})


def _people(state: State, site: Site) -> None:
    for project, people in site.members().items():
        state.users[project] = {person.lower() for person, present in people.items() if present}
        state.left[project] = {person.lower() for person in people} - state.users[project]
        state.unknown |= {person.lower() for person, present in people.items() if present and not _known(person)}


def _known(person: str) -> bool:
    try:
        pwd.getpwnam(person)
    except KeyError:
        return False
    return True


def _floors(state: State, site: Site, there: Facility, sectors: Mapping[str, tuple[int, int, int]]) -> None:
    members: dict[str, list[str]] = {}
    for project in site.projects():
        members.setdefault(project["sector"], []).append(project["project"])
    for name, (_, floor, _) in sectors.items():
        nodes, rest = divmod(floor, there.units)
        if rest:
            state.drift.append(Drift(f"floor of {name}", f"{rest} of its {floor} units are less than a node, and not reserved",
                                     "the operator: floors in whole nodes"))  # fmt: skip
        if nodes and name in members:
            what = f"{MARK}_floor_{name}"
            state.reservations[what] = Reservation(what, frozenset(), nodes, frozenset(members[name]), 0, 0)


def _windows(state: State, site: Site, there: Facility, now_ms: int) -> None:
    for window in site.windows():
        nodes = frozenset(there.hosts[node] for node in window["nodes"] if node in there.hosts)
        until = window["until"] or 0
        if nodes and (not until or until > now_ms):
            what = f"{MARK}_window_{window['window']}"
            state.reservations[what] = Reservation(what, nodes, 0, frozenset(), window["start"], until)


def unknown_nodes(site: Site, there: Facility) -> Sequence[str]:
    """Nodes of windows that Slurm has not."""
    return sorted({node for window in site.windows() for node in window["nodes"]} - there.hosts.keys())
