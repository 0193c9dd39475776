"""How a person can call this program again from where they are."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def called(program: str = "") -> str:
    """`shanyrak` where a shell finds it, else its path: in a virtual environment below the working folder, `.venv/bin/shanyrak`.

    `uv run` puts the environment's folder into PATH for the program alone, so what lies below the working folder is
    told by its path.
    """
    path = Path(program or sys.argv[0]).absolute()
    if path.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m shanyrak"
    here = Path.cwd()
    if path.is_relative_to(here):
        return shlex.quote(str(path.relative_to(here)))
    found = shutil.which(path.name)
    return path.name if found and Path(found).absolute() == path else shlex.quote(str(path))
