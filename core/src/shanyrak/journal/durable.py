"""Files that are durable and whole: synced, and under their name only when complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(target: str | Path) -> Iterator[Path]:
    """A new, private file to write into, which takes the name `target` at the end of the block; nothing is left when it raises."""
    part = Path(f"{target}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield part
        sync(part)
        part.replace(target)
        sync(Path(target).resolve().parent)
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """What the file or folder holds is durable on return."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
