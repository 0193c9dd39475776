"""A slice of a file that may still grow: what engines answer when they are asked for logs.

Standard library only.
"""

from __future__ import annotations

import os


def read_slice(handle: int, offset: int, limit: int) -> bytes:
    """At most `limit` bytes of an open file from `offset` (negative: so far before its end, or from its start).

    Empty at its end, beyond it, and when `limit` is not above 0. Raises OSError when it cannot be read.
    """
    size = os.fstat(handle).st_size
    start = max(0, size + offset) if offset < 0 else min(offset, size)
    return os.pread(handle, max(0, min(limit, size - start)), start)
