"""Double entry: every amount moves from one pot to another, in the transaction of the event that moved it.

Pots: `pool` (what was never issued; goes below zero by what is out), and for each grant `left`, `held`, `used`.
For each grant issued = left + held + used; `left` alone may go below zero, by what ran over its hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shanyrak.journal.store import Rows

POOL, LEFT, HELD, USED = "pool", "left", "held", "used"


class Move(NamedTuple):
    """`amount` (above zero) of `unit` goes from `source` to `target` of grant `credit`."""

    source: str
    target: str
    credit: int
    unit: str
    amount: int


def post(rows: Rows, seq: int, moves: Iterable[Move]) -> None:
    """Write the entries of one event and bring the balances up to date."""
    lines: list[tuple[int, int, str, str, int, str, int]] = []
    changes: dict[tuple[str, int, str], int] = {}
    for move in moves:
        if move.amount == 0:
            continue
        lines.append((seq, len(lines), *move))
        for pot, sign in ((move.source, -1), (move.target, 1)):
            where = (pot, 0 if pot == POOL else move.credit, move.unit)
            changes[where] = changes.get(where, 0) + sign * move.amount
    rows.many("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
    rows.many(
        "INSERT INTO balance VALUES (?, ?, ?, ?) ON CONFLICT (credit, pot, unit)"
        " DO UPDATE SET amount = balance.amount + excluded.amount",
        [(*where, amount) for where, amount in changes.items()],
    )


def balance(rows: Rows, credit: int, pot: str) -> int:
    """What a grant has in one pot."""
    found = rows.one("SELECT amount FROM balance WHERE credit = ? AND pot = ?", (credit, pot))
    return int(found[0]) if found else 0


class Totals(NamedTuple):
    """The account of one unit, or of one grant: issued = used + held + left."""

    issued: int
    held: int
    used: int
    left: int


def totals(rows: Rows) -> dict[str, Totals]:
    """The account of each unit, from the balances."""
    sums: dict[str, dict[str, int]] = {}
    for unit, pot, amount in rows.all("SELECT unit, pot, SUM(amount) FROM balance GROUP BY unit, pot"):
        sums.setdefault(unit, {})[pot] = int(amount)
    return {
        unit: Totals(-pots.get(POOL, 0), pots.get(HELD, 0), pots.get(USED, 0), pots.get(LEFT, 0))
        for unit, pots in sorted(sums.items())
    }


def quick_faults(rows: Rows) -> list[str]:
    """What every read proves: for each unit, and so for the sum, issued = used + held + left."""
    return [
        f"{unit}: issued {t.issued} is not used {t.used} + held {t.held} + left {t.left}"
        for unit, t in totals(rows).items()
        if t.issued != t.used + t.held + t.left
    ]


def faults(rows: Rows) -> list[str]:
    """Every way in which the account does not hold, in words; empty when it balances.

    Proves: each unit and each grant sums to zero over its entries; balances are what the entries say; what is held
    is what lives; every part was charged once, and by its own formula; only `left` is below zero.
    """
    found = quick_faults(rows)
    entries: dict[tuple[str, int, str], int] = {}
    for side, sign in (("source", -1), ("target", 1)):
        grouped = rows.all(
            f"SELECT {side}, CASE WHEN {side} = 'pool' THEN 0 ELSE credit END, unit, SUM(amount)"
            " FROM entry GROUP BY 1, 2, 3"
        )
        for pot, credit, unit, amount in grouped:
            entries[pot, credit, unit] = entries.get((pot, credit, unit), 0) + sign * int(amount)
    balances = {(pot, credit, unit): int(amount) for pot, credit, unit, amount in rows.all("SELECT * FROM balance")}
    for where in sorted(entries.keys() | balances.keys()):
        if entries.get(where, 0) != balances.get(where, 0):
            found.append(
                f"{where[0]} of grant {where[1]}: entries say {entries.get(where, 0)}, balance {balances.get(where, 0)}"
            )
        if balances.get(where, 0) < 0 and where[0] in (HELD, USED):
            found.append(f"{where[0]} of grant {where[1]} is below zero")
    for credit, held, living in rows.all(
        "SELECT c.id, COALESCE((SELECT amount FROM balance b WHERE b.credit = c.id AND b.pot = 'held'), 0),"
        " COALESCE((SELECT SUM(h.amount) FROM hold h WHERE h.credit = c.id), 0) FROM credit c"
    ):
        if held != living:
            found.append(f"grant {credit}: held {held} is not what lives ({living})")
    for token, amount, units, ms in rows.all("SELECT token, amount, units, ms FROM charge"):
        if amount != -(-units * ms // 1000):
            found.append(f"attempt {token}: charged {amount}, not {units} units x {ms} ms")
    for token, ms, ran in rows.all(
        "SELECT i.token, SUM(c.ms), MAX(i.ran) FROM imported i JOIN charge c ON c.token = i.token"
        " GROUP BY i.token HAVING SUM(c.ms) > MAX(i.ran)"
    ):
        found.append(f"imported work {token}: {ms} ms are charged, and it ran for {ran}")
    charged = rows.one("SELECT COALESCE(SUM(amount), 0) FROM charge")
    used = rows.one("SELECT COALESCE(SUM(amount), 0) FROM balance WHERE pot = 'used'")
    if charged and used and charged[0] != used[0]:
        found.append(f"charged {charged[0]} is not used {used[0]}")
    for (token,) in rows.all(
        "SELECT h.token FROM hold h LEFT JOIN attempt a ON a.token = h.token AND a.open = 1 WHERE a.id IS NULL"
    ):
        found.append(f"a hold is kept for attempt {token}, which does not live")
    return found
