"""The facility: what commons.toml declares, what engines report, what operators say of nodes and windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shanyrak.control.admit import unknown
from shanyrak.errors import UsageProblem
from shanyrak.exchange import Node
from shanyrak.journal import points
from shanyrak.journal.events import canonical
from shanyrak.journal.journal import Journal
from shanyrak.journal.store import Rows
from shanyrak.model.facility import Pool

if TYPE_CHECKING:
    from shanyrak.config.commons import Commons


def declared_pools(commons: Commons) -> list[Pool]:
    """The pools of commons.toml as the house's own nouns."""
    return [Pool(p.name, p.engine, p.unit, p.nodes, p.units, p.cpus, p.memory) for p in commons.pools]


def declare(journal: Journal, actor: str, commons: Commons) -> bool:
    """Bring the journal up to what commons.toml declares; True when that changed anything.

    What policies are told is declared with it. Pools, nodes and sectors keep their numbers for ever; what is no longer
    declared is not used any more. Service classes are numbered by their place in the file, and work follows the name
    of its class.
    """
    with journal.read() as rows:
        if not _difference(rows, commons) and not _told(rows, commons):
            return False
    with journal.write(actor) as writer:
        data, told = _difference(writer.rows, commons), _told(writer.rows, commons)
        if told:
            writer.append("settings.changed", "policy", {"settings": {"params": told}})
        if data:
            writer.append("facility.declared", "facility", data)
    points.reached("facility.after")
    return True


def _told(rows: Rows, commons: Commons) -> str:
    """What policies are told from now on, where that differs from what they were told before."""
    from shanyrak.config.params import params

    wanted = canonical(params(commons))
    found = rows.one("SELECT value FROM setting WHERE name = 'params'")
    return "" if found and found[0] == wanted else wanted


def _difference(rows: Rows, commons: Commons) -> dict[str, Any]:
    from shanyrak.config.fields import units_of

    pools = declared_pools(commons)
    total = sum(pool.nodes * pool.units for pool in pools)
    numbers = _Numbers(rows)
    wanted: dict[str, Any] = {"pools": [], "nodes": [], "sectors": []}
    wanted["classes"] = [[number, name, c.promise] for number, (name, c) in enumerate(commons.classes.items())]
    for pool in pools:
        number = numbers.of("pool", pool.name)
        wanted["pools"].append(
            [number, pool.name, pool.engine, pool.unit, pool.nodes, pool.units, pool.cpus, pool.memory]
        )
        wanted["nodes"] += [[numbers.of("node", name), name, number, pool.units] for name in pool.node_names()]
    for name, sector in commons.sectors.items():
        cap = -1 if sector.cap is None else units_of(sector.cap, total)
        wanted["sectors"].append(
            [
                numbers.of("account", f"sector/{name}"),
                f"sector/{name}",
                sector.weight,
                units_of(sector.floor, total),
                cap,
            ]
        )
    for lines in wanted.values():
        lines.sort()  # by number: the order in the file is no difference
    wanted["half_life"] = commons.accounts.half_life
    return {} if wanted == _declared(rows, {line[0] for line in wanted["sectors"]}) else wanted


def _declared(rows: Rows, sectors: set[int]) -> dict[str, Any]:
    """What the journal holds of it, in the same form; of sectors those that are asked about, since they all stay."""
    return {
        "pools": [
            list(row)
            for row in rows.all(
                "SELECT id, name, engine, unit, nodes, units, cpus, memory FROM pool WHERE present = 1 ORDER BY id"
            )
        ],
        "nodes": [
            list(row) for row in rows.all("SELECT id, name, pool, units FROM node WHERE present = 1 ORDER BY id")
        ],
        "sectors": [
            list(row)
            for row in rows.all(
                "SELECT id, name, weight, floor, cap FROM account WHERE name LIKE 'sector/%' ORDER BY id"
            )
            if row[0] in sectors
        ],
        "half_life": half_life(rows),
        "classes": [list(row) for row in rows.all("SELECT number, name, promise FROM class ORDER BY number")],
    }


def half_life(rows: Rows) -> int:
    """After this time (ms) past use counts half; 0 in a journal that was never told."""
    found = rows.one("SELECT value FROM setting WHERE name = 'half_life'")
    return int(found[0]) if found else 0


class _Numbers:
    """Numbers by name: the known one, else the next free."""

    def __init__(self, rows: Rows) -> None:
        self._known = {
            table: {name: number for number, name in rows.all(f"SELECT id, name FROM {table}")}
            for table in ("pool", "node", "account")
        }

    def of(self, table: str, name: str) -> int:
        known = self._known[table]
        return int(known.setdefault(name, max(known.values(), default=-1) + 1))


def reported(rows: Rows, pool: int, nodes: Sequence[Node]) -> list[list[Any]]:
    """What an engine reports of its pool's nodes where that differs from the journal: [node, units, up, reason]."""
    now = {node.name: node for node in nodes}
    changed = []
    for number, name, units, old_units, up, drained, reason in rows.all(
        "SELECT n.id, n.name, n.units, n.reported, n.up, n.drained, n.reason FROM node n"
        " WHERE n.pool = ? AND n.present = 1 ORDER BY n.id",
        (pool,),
    ):
        node = now.get(name, Node(name, 0, 0, 0, up=False, reason="its engine does not know it"))
        fresh = [min(units, node.units), int(node.up), node.reason]
        if fresh[:2] != [old_units, up] or (not drained and fresh[2] != reason):
            changed.append([number, *fresh])
    return changed


def drain(journal: Journal, actor: str, names: Sequence[str], reason: str) -> None:
    """Nothing new starts on these nodes; what runs goes on."""
    _operate(journal, actor, names, "node.drained", {"reason": reason or f"drained by {actor}"}, drained=0)


def undrain(journal: Journal, actor: str, names: Sequence[str]) -> None:
    """Use these nodes again."""
    _operate(journal, actor, names, "node.resumed", {}, drained=1)


def _operate(
    journal: Journal, actor: str, names: Sequence[str], type_: str, data: dict[str, Any], drained: int
) -> None:
    with journal.write(actor) as writer:
        numbers = find_nodes(writer.rows, names)
        known: dict[int, int] = dict(writer.rows.all("SELECT id, drained FROM node"))
        changing = [number for number in numbers if known[number] == drained]
        if changing:
            writer.append(type_, ",".join(names), {"nodes": changing, **data})


def find_nodes(rows: Rows, names: Sequence[str]) -> list[int]:
    """Numbers of nodes by name; a pool's name means all its nodes. Raises UsageProblem for an unknown one."""
    nodes: dict[str, int] = dict(rows.all("SELECT name, id FROM node WHERE present = 1"))
    pools: dict[str, int] = dict(rows.all("SELECT name, id FROM pool WHERE present = 1"))
    found: set[int] = set()
    for name in names:
        if name in nodes:
            found.add(int(nodes[name]))
        elif name in pools:
            found.update(
                int(row[0]) for row in rows.all("SELECT id FROM node WHERE pool = ? AND present = 1", (pools[name],))
            )
        else:
            raise unknown("node", name, [*nodes, *pools], "see `shanyrak node list`")
    if not found:
        raise UsageProblem("nodes", "none is named", "name a node or a pool")
    return sorted(found)


def add_window(journal: Journal, actor: str, names: Sequence[str], start: int, until: int, reason: str) -> int:
    """Plan a time [start, until) in which no work may be on these nodes (until 0: without end); gives its number.

    What already runs is not stopped: work that would reach into the window no longer starts.
    """
    with journal.write(actor) as writer:
        if until and until <= max(start, writer.now):
            raise UsageProblem("the window", "it ends before it begins, or has ended", "give --until a later time")
        nodes = find_nodes(writer.rows, names)
        number = int((writer.rows.one('SELECT COALESCE(MAX(id), 0) + 1 FROM "window"') or (1,))[0])
        writer.append(
            "window.added",
            number,
            {"id": number, "nodes": nodes, "start": start or writer.now, "until": until, "reason": reason},
        )
    return number


def remove_window(journal: Journal, actor: str, number: int) -> None:
    """Take a window back, or end it now."""
    with journal.write(actor) as writer:
        found = writer.rows.one('SELECT present FROM "window" WHERE id = ?', (number,))
        if found is None or not found[0]:
            raise UsageProblem(f"window {number}", "it does not exist or is over", "see `shanyrak window list`")
        writer.append("window.removed", number, {"id": number})
