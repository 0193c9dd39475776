"""The journal's portable SQL as PostgreSQL takes it."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\?")
_TABLE = re.compile(r"\s*(CREATE\s+TABLE|ALTER\s+TABLE)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def translated(sql: str) -> bytes:
    """`?` as `$1`, `$2`, ...; columns with 64 bits, and texts that are ordered by code points."""
    if _TABLE.match(sql):
        sql = re.sub(r"\bINTEGER\b", "BIGINT", sql)
        sql = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', sql)
    numbers = count(1)
    return _TOKEN.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], sql).encode()
