"""The child process that runs a policy: `python -m shanyrak.control.policy_child PLUGIN STAGES DECIDE`.

Reads (view, params, carry) on stdin and answers ("plan", plan, carry) or ("error", words) on what was stdout, each as
a length and a pickle. What the policy itself prints goes to stderr. Ends when its parent does.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def main() -> None:
    _end_with_parent()
    plugin, stages, decide = sys.argv[1:4]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        from shanyrak.control.decider import resolve
        from shanyrak.records import Policy

        function = resolve(Policy("", "", "", stages=stages, decide=decide), plugin)
        _rehearse(function)
    except BaseException as error:  # a plugin's import may raise anything
        _answer(answers, ("error", _words(error)))
        raise SystemExit(3) from None
    _answer(answers, ("warm",))
    while head := questions.read(_LENGTH.size):
        view, params, carry = pickle.loads(questions.read(_LENGTH.unpack(head)[0]))
        try:
            plan, carry = function(view, params, carry)
            answer: tuple[Any, ...] = ("plan", plan, carry)
            body = pickle.dumps(answer, protocol=5)
        except BaseException as error:
            body = pickle.dumps(("error", _words(error)))
        answers.write(_LENGTH.pack(len(body)) + body)
        answers.flush()


def _end_with_parent() -> None:
    """Be killed when the controller dies, also in the middle of a plan that would never end."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _rehearse(function: Any) -> None:
    """Plan a small view: two nodes, one job that fits and one that must wait."""
    from shanyrak.policy.arrays import MANY, ints
    from shanyrak.policy.mirror import Mirror

    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.node(0, 0, 2, True)
    mirror.node(1, 0, 2, True)
    mirror.account(0)
    mirror.account(1, 0)
    mirror.left(1, 0, 1_000_000)
    for job, width in ((1, 1), (2, 2)):
        mirror.submit(job, 1, 0, width, 2, 1, MANY, 60_000, 0)
    function(mirror.view(0, 1), {"margin": 0, "depth": 1}, ints([]))


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _answer(answers: BinaryIO, answer: tuple[Any, ...]) -> None:
    body = pickle.dumps(answer, protocol=5)
    answers.write(_LENGTH.pack(len(body)) + body)
    answers.flush()


if __name__ == "__main__":
    main()
