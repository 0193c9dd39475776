"""The program for the nodes as one file in the spool: `shanyrak_ray.node` as an archive that Python runs."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

from shanyrak_ray import node

MAIN = "from shanyrak_ray.node.front import main\nimport sys\nsys.exit(main(sys.argv[1:]))\n"


def place(spool: Path) -> Path:
    """Put it there, if this very version is not there yet; its path. OSError when the spool cannot be written."""
    data = _archive()
    path = spool / f"program-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
    if not path.exists():
        part = path.with_name(f".program-{os.getpid()}-{os.urandom(4).hex()}")
        part.write_bytes(data)
        part.replace(path)
    return path


def _archive() -> bytes:
    """The same bytes for the same code."""
    folder = Path(node.__file__).parent
    files = {"__main__.py": MAIN.encode(), "shanyrak_ray/__init__.py": b""}
    for path in sorted(folder.glob("*.py")):
        files[f"shanyrak_ray/node/{path.name}"] = path.read_bytes()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return memory.getvalue()
