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

WARM_UP_S = 60.0
"""A child that has not planned the small view by then is started anew."""
RESPAWN_S = 5.0
_LENGTH = struct.Struct("<Q")
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

    @property
    def name(self) -> str:
        """The policy's name and version, as decisions record them."""
        return f"{self.record.name} {self.record.version}" if self.record else "kernel 1"

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
            plan, carry = _kernel(view, self.params, carry)
            return Outcome(plan, carry, "policy")
        if not self._ready:
            self._revive()
            self._poll(0)
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
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            self._kill(f"its process cannot be started ({error.strerror})")

    def _revive(self) -> None:
        now = time.monotonic()
        if self._child is None and now - self._died >= RESPAWN_S:
            self._spawn()
        elif self._child is not None and now - self._born > WARM_UP_S:
            self._kill("it did not plan a small view in time")

    def _poll(self, timeout_s: float) -> None:
        """Take the child's word that it is warm, if it has come."""
        if self._child is None or self._ready:
            return
        try:
            answer = self._receive(timeout_s)
        except _Breach as breach:
            if self._child.poll() is not None or timeout_s == 0:
                self._trouble = str(breach) if self._child.poll() is not None else ""
            if self._child.poll() is not None:
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
            raise _Breach(f"it raised {answer[1]}")
        return answer[1], answer[2]

    def _send(self, body: bytes) -> None:
        assert self._child is not None and self._child.stdin is not None
        message = memoryview(_LENGTH.pack(len(body)) + body)
        handle, until = self._child.stdin.fileno(), time.monotonic() + self.deadline_s
        os.set_blocking(handle, False)
        while message:
            _, ready, _ = select.select([], [handle], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise _Breach(f"it did not take the view within {self.deadline_s:g} s")
            try:
                message = message[os.write(handle, message) :]
            except OSError as error:
                raise _Breach("its process ended") from error

    def _receive(self, timeout_s: float) -> tuple[Any, ...]:
        until = time.monotonic() + timeout_s
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, until, timeout_s))
        body = self._read(length, until, timeout_s)
        try:
            answer: tuple[Any, ...] = _Answer(io.BytesIO(body)).load()
        except Exception as error:
            raise _Breach(f"its answer cannot be read ({type(error).__name__}: {error})") from error
        return answer

    def _read(self, size: int, until: float, timeout_s: float) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        handle, parts = self._child.stdout.fileno(), bytearray()
        while len(parts) < size:
            ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise _Breach(f"it did not answer within {timeout_s:g} s")
            part = os.read(handle, min(1 << 20, size - len(parts)))
            if not part:
                self._child.wait()
                raise _Breach(f"its process ended ({self._child.returncode})")
            parts += part
        return bytes(parts)

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


def _kernel(view: View, params: Params, carry: Ints) -> tuple[Plan, Ints]:
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
