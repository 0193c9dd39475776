"""A process that writes to a store until it is done or dies.

`python -m shanyrak.testing.storework SCHEME FOLDER NAME COUNT` appends COUNT events. Each is a transaction of its own;
after it is acknowledged its number is printed. With SHANYRAK_CRASH_BYTES no file may grow beyond so many bytes, as on a full
disk: the process then says in one line what went wrong and ends with that exit code.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shanyrak.errors import Problem

if TYPE_CHECKING:
    from shanyrak.testing.harness import StoreHarness


def harness_of(scheme: str, folder: Path) -> StoreHarness:
    """How the kit works with the store of that scheme, of a plugin that is installed, over an existing folder."""
    from shanyrak.plugins.loading import load
    from shanyrak.plugins.manager import PluginManager
    from shanyrak.plugins.switches import Switches
    from shanyrak.testing.harness import StoreHarness

    manager = PluginManager(Switches(), warn=lambda line: None)
    plugin, record = manager.store(scheme)
    kind: Callable[..., StoreHarness] = load(record.harness, plugin) if record.harness else StoreHarness
    return kind(record, plugin, folder, manager.settings(plugin))


def main(scheme: str, folder: str, name: str, count: str) -> None:
    """Append so many events."""
    from shanyrak.journal.journal import Journal

    harness = harness_of(scheme, Path(folder))
    store = harness.open(wait_s=60.0)
    journal = Journal(store)
    most = int(os.environ.get("SHANYRAK_CRASH_BYTES", "0"))
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    for number in range(int(count)):
        with journal.write("kit") as writer:
            writer.append("settings.changed", name, {"settings": {f"{name}.{number}": "x" * 200}})
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
