"""Check a monthly table before it is used: equal fields, numbers, no month missing; else exit code 3."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from shanyrak.quickstart.programs import files
from shanyrak.quickstart.programs.series import numbers


def months(path: Path, dates: list[str]) -> None:
    """`BadData` names the first line whose month does not follow the month before."""
    before: int | None = None
    for number, text in enumerate(dates, start=2):
        try:
            day = datetime.date.fromisoformat(text)
        except ValueError as error:
            raise files.BadData(f"{path.name}, line {number}: {text!r} is not a date") from error
        month = day.year * 12 + day.month
        if before is not None and month != before + 1:
            raise files.BadData(f"{path.name}, line {number}: {text} does not follow the month before")
        before = month


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("table", type=Path)
    ask.add_argument("--out", type=Path, default=Path("checked.json"))
    args = ask.parse_args()

    table = files.columns(args.table)
    if "month" not in table:
        raise files.BadData(f"{args.table.name}: no column month")
    months(args.table, table["month"])
    for name, texts in table.items():
        if name != "month":
            numbers(args.table, name, texts)
    span = {"from": table["month"][0], "to": table["month"][-1]}
    files.write_json(args.out, {"table": args.table.name, "rows": len(table["month"]), "columns": len(table), **span})
    print(f"{args.table.name}: {len(table['month'])} months, {len(table)} columns, fit for use")


if __name__ == "__main__":
    files.run(main)
