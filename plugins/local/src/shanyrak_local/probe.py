"""Which isolation works on this machine, found by trying it in the same steps the keeper takes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

from shanyrak_local import linux, worker
from shanyrak_local.sandbox import probe_argv
from shanyrak_local.wire import receive, send


def main() -> int:
    """Print what works: `namespace`, and the bubblewrap to use with its features."""
    found = {"namespace": False, "bwrap": "", "userns": False, "why_namespace": "", "why_bwrap": ""}
    linux.become_subreaper()
    try:
        worker.gain_rights()
        _in_namespace(lambda: None)
        found["namespace"] = True
    except OSError as problem:
        found["why_namespace"] = str(problem)
    path = shutil.which("bwrap")
    if path is None:
        found["why_bwrap"] = "bwrap is not installed"
    elif not found["namespace"]:
        found["why_bwrap"] = "it is used inside a pid namespace, and none can be made here"
    else:
        for userns in (True, False):
            try:
                _in_namespace(lambda userns=userns: _try_bwrap(path, userns))
                found["bwrap"], found["userns"] = path, userns
                break
            except OSError as problem:
                found["why_bwrap"] = str(problem)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _try_bwrap(path: str, userns: bool) -> None:
    done = subprocess.run(probe_argv(path, userns), capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"bwrap ended with status {done.returncode}")


def _in_namespace(check: object) -> None:
    """Run a check as process 1 of a new pid namespace, with a /proc of its own."""
    ours, theirs = socket.socketpair()
    between = os.fork()
    if between == 0:
        words = ""
        try:
            linux.unshare(linux.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                try:
                    worker.fresh_proc()
                    check()  # type: ignore[operator]
                except (OSError, subprocess.SubprocessError) as problem:
                    words = str(problem)
                send(theirs, {"words": words})
                os._exit(0)
            os.waitpid(pid, 0)
        except OSError as problem:
            send(theirs, {"words": str(problem)})
        os._exit(0)
    theirs.close()
    os.waitpid(between, 0)
    said = receive(ours)
    ours.close()
    if said is None or said["words"]:
        raise OSError(said["words"] if said else "the trial ended without a word")
