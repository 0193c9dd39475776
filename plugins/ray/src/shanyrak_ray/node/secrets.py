"""How secrets come to work without being written: asked from the engine over a socket, encrypted by a key of their own.

The key is in `ask.json`, mode 0600; the secrets are in the memory of the engine's process only, and on the wire as a
stream of SHAKE-256 over the key and two random numbers, with an HMAC. Who has the key and hears the wire can read them.

asked: {"token", "nonce", "proof"}; answered: {"nonce", "sealed", "proof"}, one line of JSON each, or nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

LONGEST = 1 << 24


def prove(key: bytes, *parts: str) -> str:
    """An HMAC over these parts."""
    return hmac.new(key, json.dumps(parts).encode(), "sha256").hexdigest()


def seal(key: bytes, asked: str, answered: str, data: bytes) -> bytes:
    """Encrypt, or decrypt what was encrypted."""
    stream = hashlib.shake_256(key + asked.encode() + b"/" + answered.encode()).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream))  # noqa: B905  (strict= is not in Python 3.9)


def ask(where: Mapping[str, Any], token: str, timeout: float) -> dict[str, str] | None:
    """The secrets of a token; None when the engine does not know them (any more).

    OSError when it cannot be reached, ValueError when what answers is not the engine.
    """
    key, nonce = bytes.fromhex(where["key"]), os.urandom(16).hex()
    question = {"token": token, "nonce": nonce, "proof": prove(key, "ask", token, nonce)}
    with socket.create_connection((where["host"], where["port"]), timeout) as sock:
        sock.sendall(json.dumps(question).encode() + b"\n")
        line = sock.makefile("rb").readline(LONGEST)
    if not line:
        return None
    try:
        answer = json.loads(line)
        said = [str(answer[part]) for part in ("nonce", "sealed", "proof")]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("another answers in its place") from None
    own, sealed, proof = said
    if not hmac.compare_digest(proof.encode(), prove(key, "answer", nonce, own, sealed).encode()):
        raise ValueError("another answers in its place")
    found: dict[str, str] = json.loads(seal(key, nonce, own, bytes.fromhex(sealed)))
    return found


def answer(key: bytes, question: Mapping[str, str], secrets: Mapping[str, str]) -> bytes:
    """The engine's answer to a question that proves that it knows the key; nothing to any other."""
    token, nonce = question["token"], question["nonce"]
    if not hmac.compare_digest(question["proof"], prove(key, "ask", token, nonce)):
        return b""
    own = os.urandom(16).hex()
    sealed = seal(key, nonce, own, json.dumps(dict(secrets)).encode()).hex()
    reply = {"nonce": own, "sealed": sealed, "proof": prove(key, "answer", nonce, own, sealed)}
    return json.dumps(reply).encode() + b"\n"
