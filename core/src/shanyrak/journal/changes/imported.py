"""What past work that is brought in changes: its row, what grants paid for it, the past use of its account."""

from __future__ import annotations

from shanyrak.journal.accounts import LEFT, USED, Move, post
from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.past_use import with_attempt
from shanyrak.journal.store import Rows


@change("work.imported")
def _imported(rows: Rows, at: At, data: Data) -> None:
    """`works` is (row of the table, unit, parts), a part (started, ended, ms, amount, payments), a payment (grant, amount).

    What no grant pays for has no parts. It holds nothing: it has ended.
    """
    moves: list[Move] = []
    used: dict[int, tuple[int, int]] = {}
    half_life = rows.one("SELECT value FROM setting WHERE name = 'half_life'")
    for row, unit, parts in data["works"]:
        rows.run(f"INSERT INTO imported VALUES ({', '.join('?' * 17)})", row)
        token, account, units, ended, ran = row[1], row[5], row[8], row[11], row[12]
        rows.many(
            "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (token, number, units, start, end, ms, amount, data["rate"])
                for number, (start, end, ms, amount, _) in enumerate(parts, start=1)
            ],
        )
        moves += [Move(LEFT, USED, credit, unit, paid) for *_, payments in parts for credit, paid in payments]
        if half_life:
            if account not in used:
                found = rows.one("SELECT settled, settled_at FROM account WHERE id = ?", (account,))
                used[account] = (found[0], found[1]) if found else (0, 0)
            lasted = {"units": units, "ran": ran, "ended": ended}
            used[account] = with_attempt(*used[account], lasted, int(half_life[0]))
    rows.many(
        "UPDATE account SET settled = ?, settled_at = ? WHERE id = ?",
        [(settled, until, account) for account, (settled, until) in used.items()],
    )
    post(rows, at.seq, moves)
