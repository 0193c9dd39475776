"""The active policy in one warm child process with a deadline; the core's own kernel when it fails.

A policy counts as active once it has planned a small view (a first compile takes seconds). A round that takes longer
than the deadline is broken off: the child is killed, another warms up in the background, the fallback decides.
"""

from __future__ import annotations

import io
import os
import pickle
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shanyrak.errors import PluginProblem
from shanyrak.plugins.loading import load
from shanyrak.records import Policy

if TYPE_CHECKING:
    from shanyrak.policy.arrays import Ints
    from shanyrak.policy.plan import Plan
    from shanyrak.policy.stages import Decide, Params
    from shanyrak.policy.view import View

END_S = 1.0
"""A child that has closed its answers has this long to end by itself."""
WARM_UP_S = 600.0
"""A child that has not planned the small view by then is started anew. Long, as waiting costs nothing (the core decides
meanwhile), while a child that is broken off on a busy machine begins its import and its compiling from nothing again."""
RESPAWN_S = 5.0
KERNEL_VERSION = "1"
"""Of the kernel that makes the plans of nearly all policies, as every decision records it: another may give other plans."""
_LENGTH = struct.Struct("<Q")
_PARTS = {"warm": 1, "plan": 3, "error": 2}
"""What the child may answer, and of how many parts each is."""
_ARRAYS = frozenset({"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One round: the plan, what to carry on, and who made it (`policy` or `fallback`, with the cause)."""

    plan: Plan
    carry: Ints
    by: str
    cause: str = ""


def resolve(record: Policy, plugin: str = "") -> Decide:
    """The `decide` of a policy record."""
    from shanyrak.policy.stages import as_decide

    if record.decide:
        return load(record.decide, plugin)  # type: ignore[no-any-return]
    return as_decide(load(record.stages, plugin))


class Decider:
    """Decides rounds with one policy; `record` None is the core's kernel alone."""

    def __init__(self, record: Policy | None, plugin: str, params: Params, deadline_s: float) -> None:
        self.record, self.plugin, self.params, self.deadline_s = record, plugin, params, deadline_s
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._born = self._died = 0.0
        self._trouble = ""
        self._inbox = bytearray()
        self._missed = False

    @property
    def name(self) -> str:
        """The policy's name and version, as decisions record them."""
        return f"{self.record.name} {self.record.version}" if self.record else f"kernel {KERNEL_VERSION}"

    def warm(self, timeout_s: float) -> str:
        """Start the child and wait for it; gives why it is not active, or nothing."""
        if self.record is None:
            return ""
        self._spawn()
        self._poll(timeout_s)
        return "" if self._ready else self._trouble or "it is still warming up"

    def decide(self, view: View, carry: Ints) -> Outcome:
        """Plan one round. Never raises for what a policy does."""
        from shanyrak.policy.arrays import carry_fault
        from shanyrak.policy.fallback import fallback
        from shanyrak.policy.referee import check

        if self.record is None:
            plan, carry = kernel(view, self.params, carry)
            return Outcome(plan, carry, "policy")
        if not self._ready:
            self.tend()
        self._missed = not self._ready
        cause = "" if self._ready else f"the policy is not ready: {self._trouble or 'it is warming up'}"
        if not cause:
            try:
                plan, after = self._ask(view, carry)
                wrong = check(view, plan, self.params) or carry_fault(after)
                if wrong is None:
                    return Outcome(plan.plain(), after, "policy")
                cause = f"the referee refused its plan: {wrong}"
            except _Breach as breach:
                cause = str(breach)
        plan, carry = fallback(view, self.params, carry)
        wrong = check(view, plan, self.params)
        if wrong is not None:
            from shanyrak.policy.plan import Plan

            return Outcome(Plan(), carry, "fallback", f"{cause}; the fallback's plan was refused too: {wrong}")
        return Outcome(plan, carry, "fallback", cause)

    def tend(self) -> bool:
        """Between rounds: see whether the child has warmed up, and replace one that died or never does.

        True when the policy has just become active and the round before was decided without it. (One that it broke itself
        is no reason to ask it the same again.)
        """
        if self.record is None:
            return False
        if self._child is None:
            if time.monotonic() - self._died >= RESPAWN_S:
                self._spawn()
            return False
        if self._ready:
            if self._child.poll() is not None:
                self._kill(f"its process ended ({self._child.returncode})")
            return False
        self._poll(0)
        if self._child is not None and not self._ready and time.monotonic() - self._born > WARM_UP_S:
            self._kill("it did not plan a small view in time")
        return self._ready and self._missed

    def close(self) -> None:
        """End the child."""
        child, self._child, self._ready = self._child, None, False
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    try:
                        pipe.close()
                    except OSError:
                        pass

    # ---- the child ------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        self.close()
        assert self.record is not None
        command = [
            sys.executable,
            "-m",
            "shanyrak.control.policy_child",
            self.plugin,
            self.record.stages,
            self.record.decide,
        ]
        self._born, self._trouble = time.monotonic(), ""
        self._inbox.clear()
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            self._kill(f"its process cannot be started ({error.strerror})")

    def _poll(self, timeout_s: float) -> None:
        """Take the child's word that it is warm, if it has come."""
        if self._child is None or self._ready:
            return
        try:
            answer = self._receive(timeout_s)
        except _Late:
            return
        except _Breach as breach:
            self._kill(str(breach))
            return
        if answer[0] == "warm":
            self._ready = True
        else:
            self._kill(str(answer[1]))

    def _ask(self, view: View, carry: Ints) -> tuple[Plan, Ints]:
        body = pickle.dumps((view, dict(self.params), carry), protocol=5)
        try:
            self._send(body)
            answer = self._receive(self.deadline_s)
        except _Breach as breach:
            self._kill(str(breach))
            raise
        if answer[0] != "plan":
            raise _Breach(f"it raised {answer[-1]}")
        return answer[1], answer[2]

    def _send(self, body: bytes) -> None:
        assert self._child is not None and self._child.stdin is not None
        message = memoryview(_LENGTH.pack(len(body)) + body)
        handle, until = self._child.stdin.fileno(), time.monotonic() + self.deadline_s
        os.set_blocking(handle, False)
        while message:
            if not _usable(handle, select.POLLOUT, until):
                raise _Late(f"it did not take the view within {self.deadline_s:g} s")
            try:
                message = message[os.write(handle, message) :]
            except OSError as error:
                raise _Breach("its process ended") from error

    def _receive(self, timeout_s: float) -> tuple[Any, ...]:
        """The child's next answer. What has come of one stays in the inbox when the rest is late."""
        until = time.monotonic() + timeout_s
        while (body := self._take()) is None:
            self._read(until, timeout_s)
        try:
            answer: tuple[Any, ...] = _Answer(io.BytesIO(body)).load()
        except Exception as error:
            raise _Breach(f"its answer cannot be read ({type(error).__name__}: {error})") from error
        if not isinstance(answer, tuple) or not answer or len(answer) != _PARTS.get(str(answer[0])):
            raise _Breach("its answer cannot be read (it is no plan, and no word of what is wrong)")
        return answer

    def _take(self) -> bytes | None:
        """A whole answer out of the inbox, if it holds one."""
        if len(self._inbox) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._inbox)[0]
        if len(self._inbox) < end:
            return None
        body = bytes(self._inbox[_LENGTH.size : end])
        del self._inbox[:end]
        return body

    def _read(self, until: float, timeout_s: float) -> None:
        assert self._child is not None and self._child.stdout is not None
        handle = self._child.stdout.fileno()
        if not _usable(handle, select.POLLIN, until):
            raise _Late(f"it did not answer within {timeout_s:g} s")
        part = os.read(handle, 1 << 20)
        if part:
            self._inbox += part
            return
        try:
            raise _Breach(f"its process ended ({self._child.wait(END_S)})")
        except subprocess.TimeoutExpired:
            raise _Breach("it closed its answers") from None

    def _kill(self, cause: str) -> None:
        self.close()
        self._died, self._trouble = time.monotonic(), cause


class _Answer(pickle.Unpickler):
    """Reads a plan and arrays, and nothing else: what a policy answers must not run code in this process."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("shanyrak.policy.plan", "Plan") or (module.split(".")[0] == "numpy" and name in _ARRAYS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is neither a plan nor an array")


class _Breach(Exception):
    """The policy did not answer as it must; the words say how."""


class _Late(_Breach):
    """Nothing, or not all, came in time."""


def _usable(handle: int, events: int, until: float) -> bool:
    """Whether a pipe can be used before `until`. By poll: select has no place for a descriptor above 1,023."""
    poll = select.poll()
    poll.register(handle, events)
    return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))


def kernel(view: View, params: Params, carry: Ints) -> tuple[Plan, Ints]:
    """The core's own order as a policy: EASY in order of submission."""
    from shanyrak.policy.pack import pack
    from shanyrak.policy.stages import Stages

    return pack(view, Stages(), params, carry)


def find_policy(manager: Any, name: str) -> tuple[Policy | None, str]:
    """The policy of that name and its plugin; `kernel` is the core's own. Raises PluginProblem when there is none."""
    if name == "kernel":
        return None, ""
    try:
        offer = manager.policy(name)
    except PluginProblem as problem:
        raise PluginProblem(
            problem.what,
            problem.why,
            "install the plugin that does, or use the core's own order with `shanyrak policy activate kernel`",
        ) from None
    return offer.record, offer.plugin
