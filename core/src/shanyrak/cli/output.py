"""What commands print: tables, JSON, and numbers as people read them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any, Literal

import click

NARROW = 60
"""Columns below which a terminal is given plain lines: a table would fold each word."""


LONG = 500
"""Rows above which a table is plain lines also on a terminal: rich takes a millisecond a row."""


_FIGURE = re.compile(r"-|-?\d[\d,.]*(%|ms|[smhd]( \d\d[smh])?)?")


def emit_json(data: Any) -> None:
    """One JSON document on stdout. What could steer a terminal is written as escapes, which read as the same."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    click.echo("\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n")))


def _escaped(line: str) -> str:
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def tell(line: str) -> None:
    """One line on stdout, free of control characters: what is in it may have been written by anybody."""
    click.echo(clean(line))


def tell_short(line: str) -> None:
    """The same; on a terminal what would fold is cut, and ends with `…`."""
    room = get_terminal_size().columns if sys.stdout.isatty() else len(line)
    tell(line if len(line) <= room else line[: room - 1] + "…")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """While it lasts, the number it is told stands on a terminal's stderr, and is gone at the end; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda number: None
        return
    try:
        yield lambda number: click.echo(f"\r{number:,} {what}", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def shortened(names: Sequence[str]) -> list[str]:
    """`a-0, a-1, a-2, b-0` as `a-0..2, b-0`: names that only count up are told by the first and the last."""
    runs: list[tuple[str, int, int]] = []
    for name in names:
        stem, dash, number = name.rpartition("-")
        at = int(number) if dash and number.isascii() and number.isdigit() else -1
        if runs and at >= 0 and runs[-1][0] == stem and runs[-1][2] + 1 == at:
            runs[-1] = (stem, runs[-1][1], at)
        else:
            runs.append((stem if at >= 0 else name, at, at))
    return [
        stem if first < 0 else f"{stem}-{first}" + (f"..{last}" if last > first else "") for stem, first, last in runs
    ]


def clean(text: str) -> str:
    """`text` with a space for each character that is not printed."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def table(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str] | Sequence[str],
    empty: str = "Nothing to show.",
) -> None:
    """Rows as a table: by rich on a terminal, aligned plain text (one line a row) elsewhere, and when it is long.

    `columns`: key -> heading, or only the keys. A missing or None value shows as `-`, under no heading as nothing.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}
    cells = [[_cell(row.get(key), "-" if heading else "") for key, heading in headings.items()] for row in rows]
    if not cells:
        click.echo(empty)
    elif sys.stdout.isatty() and get_terminal_size().columns >= NARROW and len(cells) <= LONG:
        _rich(list(headings.values()), cells)
    else:
        _plain(list(headings.values()), cells)


def _cell(value: Any, empty: str) -> str:
    if value is None or value == "":
        return empty
    if isinstance(value, (list, tuple)):
        return clean(", ".join(str(one) for one in value)) or empty
    return clean(str(value))


def _rich(headings: list[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    room = console.width - 2 * len(headings)  # the gaps between columns, and one at each edge
    columns = [list(column) for column in zip(headings, *cells, strict=True)]
    for column, width in zip(columns, fitting(columns, room, cell_len), strict=True):
        shown.add_column(Text(column[0]), justify=_side(column[1:]), width=width, overflow="fold")
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)


def fitting(columns: Sequence[Sequence[str]], room: int, size: Callable[[str], int] = len) -> list[int]:
    """Widths of columns, each with its heading, that are no more than `room` together where that can be.

    The widest gives way first, and as long as others can no word is broken, unless it takes a third of the room for itself.
    """
    widths = [max(map(size, column)) for column in columns]
    words = [max((size(word) for cell in column for word in cell.split()), default=0) for column in columns]
    for least in ([min(word, room // 3) for word in words], [1] * len(words)):
        while sum(widths) > room and any(wide := [now * (now > low) for now, low in zip(widths, least, strict=True)]):
            widths[wide.index(max(wide))] -= 1
    return widths


def _side(cells: Sequence[str]) -> Literal["left", "right"]:
    """Figures stand to the right: numbers, shares and lengths of time."""
    return "right" if all(_FIGURE.fullmatch(cell) for cell in cells) and set(cells) != {"-"} else "left"


def _plain(headings: list[str], cells: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [headings, *cells]) for i in range(len(headings))]
    lines = []
    for row in [headings, *cells]:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    click.echo("\n".join(lines))  # at once: each echo is a write of its own
