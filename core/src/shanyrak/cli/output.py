"""What commands print: tables, JSON, and numbers as people read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click


def emit_json(data: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def table(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str] | Sequence[str],
    empty: str = "Nothing to show.",
) -> None:
    """Rows as a table: by rich on a terminal, aligned plain text (one line a row) elsewhere.

    `columns`: key -> heading, or only the keys. A missing or None value shows as `-`, under no heading as nothing.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}
    cells = [[_cell(row.get(key), "-" if heading else "") for key, heading in headings.items()] for row in rows]
    if not cells:
        click.echo(empty)
    elif sys.stdout.isatty():
        _rich(list(headings.values()), cells)
    else:
        _plain(list(headings.values()), cells)


def _cell(value: Any, empty: str) -> str:
    if value is None or value == "":
        return empty
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value) or empty
    return "".join(c if c.isprintable() else " " for c in str(value))


def _rich(headings: list[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        shown.add_column(Text(heading), overflow="fold")
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    Console().print(shown)


def _plain(headings: list[str], cells: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [headings, *cells]) for i in range(len(headings))]
    for row in [headings, *cells]:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def duration(ms: int | None) -> str:
    """A length of time in two parts at most: `850ms`, `12.3s`, `4m 05s`, `2h 10m`, `3d 04h`."""
    if ms is None:
        return "-"
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    if ms < 1000:
        return f"{sign}{ms}ms"
    if ms < 60_000:
        return f"{sign}{ms // 100 / 10:.1f}s"
    seconds = ms // 1000
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            return f"{sign}{seconds // size}{unit} {seconds % size // below:02}{small}"
    raise AssertionError("a minute or more")


def moment(ms: int | None) -> str:
    """A time in the zone of the reader, to the second; `-` for none."""
    if not ms:
        return "-"
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def memory(size: int | None) -> str:
    """Bytes to three digits: `64 GiB`, `1.5 GiB`, `512 MiB`."""
    if size is None:
        return "-"
    value, unit = float(size), "B"
    for bigger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, bigger
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"


_PER_HOUR = {"gpu-second": "gpu-hour", "cpu-second": "cpu-hour"}


def amount(count: int, unit: str) -> str:
    """An amount of a unit; device seconds as hours from one hour up: `1,234.5 gpu-hour`, `90 cpu-second`."""
    if unit in _PER_HOUR and abs(count) >= 3600:
        hours = f"{count / 3600:,.2f}".rstrip("0").rstrip(".")
        return f"{hours} {_PER_HOUR[unit]}"
    return f"{count:,} {unit}"
