"""Reading tables and writing results: whole files or none, and errors that a person can act on."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent.parent / "data"
"""The open data that come with the package."""

BAD_DATA = 3
"""Exit code of a program whose input is not what it should be."""


class BadData(Exception):
    """An input file is missing, damaged or not what the program expects: one line that says where and why."""


def run(main: Callable[[], None]) -> None:
    """Run a program: bad data ends it with exit code 3, trouble with a file or disk with 1; one line each."""
    try:
        main()
    except BadData as error:
        print(f"bad data: {error}", file=sys.stderr)
        sys.exit(BAD_DATA)
    except OSError as error:
        where = error.filename or "a file"
        print(f"cannot go on: {where}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


def columns(path: Path) -> dict[str, list[str]]:
    """Each column of a comma-separated table with a header line, as text.

    `BadData` names the first line that has more or fewer fields than the header.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise BadData(f"{path}: {error.__class__.__name__}, expected a table in UTF-8") from error
    if len(lines) < 2:
        raise BadData(f"{path}: no rows")
    header = lines[0]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise BadData(f"{path.name}, line {number}: {len(line)} fields where the header has {len(header)}")
    return dict(zip(header, map(list, zip(*lines[1:], strict=True)), strict=True))


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none: a program that is killed leaves the file before it, never half of one."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`, for bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result as JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")
