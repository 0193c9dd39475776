"""Tokens (JWT) for slurmrestd: for this user, or for each user whose work root submits."""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import json
import os
import stat
import time
from pathlib import Path

from shanyrak.api import EngineProblem

from shanyrak_slurm.calls import Declined, Slurm
from shanyrak_slurm.settings import Settings

LIFE_S = 1800
MARGIN_S = 60
"""A token is not used in its last minute."""


class Tokens:
    """Tokens by user, each made anew before it runs out."""

    def __init__(self, settings: Settings, slurm: Slurm) -> None:
        self._settings, self._slurm = settings, slurm
        self._known: dict[str, tuple[float, str]] = {}

    def headers(self, user: str, *, fresh: bool = False) -> dict[str, str]:
        """What a call as `user` (empty: this process's) carries. `fresh`: the last one was not accepted."""
        name = user or getpass.getuser()
        until, token = self._known.get(name, (0.0, ""))
        if fresh or time.time() > until - MARGIN_S:
            token = self._make(name)
            self._known[name] = (time.time() + LIFE_S, token)
        return {"X-SLURM-USER-NAME": name, "X-SLURM-USER-TOKEN": token}

    def drop(self, user: str) -> None:
        """The token of a user may not have been accepted: the next call has a new one."""
        self._known.pop(user or getpass.getuser(), None)

    def _make(self, user: str) -> str:
        if self._settings.rest_key:
            return signed(user, key(Path(self._settings.rest_key)), int(time.time()))
        try:
            said = self._slurm.run("scontrol", "token", f"username={user}", f"lifespan={LIFE_S}")
        except Declined as problem:
            raise EngineProblem(
                "slurmrestd",
                f"no token can be made: {problem.said}",
                "set AuthAltTypes=auth/jwt and AuthAltParameters=jwt_key=... in slurm.conf",
            ) from None
        return said.strip().removeprefix("SLURM_JWT=")


def key(path: Path) -> bytes:
    """The key in a file that nobody else may read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        raise EngineProblem(f"the key {path}", str(problem.strerror), "set [plugins.slurm] rest_key") from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise EngineProblem(f"the key {path}", "it is not a file", "set [plugins.slurm] rest_key")
        if stat.S_IMODE(mode) & 0o077:
            raise EngineProblem(f"the key {path}", "others may read it", f"chmod 600 {path}")
        return os.read(handle, 1 << 16)
    finally:
        os.close(handle)


def signed(user: str, secret: bytes, now: int) -> str:
    """A token of HS256 (RFC 7519) with the claims that Slurm reads: `iat`, `exp` and `sun`, the user."""
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"iat": now, "exp": now + LIFE_S, "sun": user}
    text = b".".join(_part(json.dumps(one, separators=(",", ":")).encode()) for one in (head, claims))
    return (text + b"." + _part(hmac.new(secret, text, hashlib.sha256).digest())).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
