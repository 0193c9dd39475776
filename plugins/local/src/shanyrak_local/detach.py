"""The way from a controller's child to a keeper of its own: a new session, a second fork."""

from __future__ import annotations

import os


def main(folder: str) -> int:
    """Become a daemon, then the keeper of `folder`."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    from shanyrak_local.keeper import main as keep

    return keep(folder)
