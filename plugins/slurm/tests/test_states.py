"""What Slurm's states, reasons and wait statuses mean; what is unknown stays as it was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.api import Seen
from shanyrak_slurm.jobs import CAUSES, PENDING, RUNNING, Host, Job, exit_of, seen


def of(state: str, reason: str = "None", status: int = 0, walltime_ms: int = 0) -> Seen:
    return seen("t", Job("7", -1, "t", state, reason, status, 1000, 2000, 5000, 3000, "n1", "7"), walltime_ms)


@pytest.mark.parametrize("state", sorted(PENDING))
def test_what_waits_says_why(state: str) -> None:
    assert of(state, "QOSMaxGRESPerUser") == Seen("t", "pending", words="Slurm: QOSMaxGRESPerUser")


@pytest.mark.parametrize("state", sorted(RUNNING))
def test_what_has_not_ended_runs(state: str) -> None:
    assert of(state) == Seen("t", "running", started_ms=2000)


@pytest.mark.parametrize(
    ("state", "cause"),
    [("TIMEOUT", "walltime"), ("DEADLINE", "walltime"), ("OUT_OF_MEMORY", "memory"), ("CANCELLED", "stopped"),
     ("NODE_FAIL", "node"), ("BOOT_FAIL", "node"), ("PREEMPTED", "node"), ("REVOKED", "node")],
)  # fmt: skip
def test_ends_with_a_cause_of_their_own(state: str, cause: str) -> None:
    end = of(state, status=15)
    assert (end.state, end.cause, end.exit_code, end.signal, end.ran_ms, end.fenced) == (
        "ended", cause, None, 0, 3000, True,
    )  # fmt: skip
    assert state in end.words


@pytest.mark.parametrize(
    ("status", "code", "signal"),
    [(0, 0, 0), (1 << 8, 1, 0), (255 << 8, 255, 0), (9, None, 9), (137 << 8, None, 9), (143 << 8, None, 15),
     (128 << 8, 128, 0), (192 << 8, None, 64), (193 << 8, 193, 0), (139, None, 11)],
)  # fmt: skip
def test_exit_codes_and_signals(status: int, code: int | None, signal: int) -> None:
    assert exit_of(status) == (code, signal)
    end = of("FAILED" if status else "COMPLETED", status=status)
    assert (end.cause, end.exit_code, end.signal) == ("", code, signal)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("JobLaunchFailure", "node"), ("SystemFailure", "node"), ("Prolog", "node"), ("RaisedSignal:9(Killed)", "node"),
     ("BadConstraints", "launch"),
     ("NonZeroExitCode", ""), ("SomethingNew", "")],
)  # fmt: skip
def test_who_is_at_fault_when_a_job_failed(reason: str, cause: str) -> None:
    assert of("FAILED", reason, 1 << 8).cause == cause


def test_what_we_ended_at_its_walltime_ran_that_long() -> None:
    end = of("CANCELLED", status=15, walltime_ms=60_000)
    assert (end.cause, end.ran_ms) == ("walltime", 60_000)


def test_what_never_started_ran_for_no_time() -> None:
    end = seen("t", Job("7", -1, "t", "CANCELLED", ended_ms=5000))
    assert (end.state, end.cause, end.ran_ms, end.started_ms) == ("ended", "stopped", 0, 0)


@given(st.text().filter(lambda text: text not in PENDING | RUNNING | CAUSES.keys()), st.text())
def test_an_unknown_state_is_kept_as_it_was_said(state: str, reason: str) -> None:
    known = of(state, reason)
    assert known.state == "unknown" and state in known.words and reason in known.words


@pytest.mark.parametrize("state", ["idle", "mixed", "allocated", "mixed+planned", "MIXED-", "planned", "allocated+",
                                   "completing", "reserved", "idle~", "mixed#", "IDLE+PLANNED"])  # fmt: skip
def test_nodes_that_take_work(state: str) -> None:
    assert Host("n", state, 1, 1, 0).up


@pytest.mark.parametrize("state", ["idle*", "down", "down*", "drained", "draining", "idle+drain", "maint", "mixed$",
                                   "reboot^", "fail", "unknown", "allocated*", "", "new_state", "inval"])  # fmt: skip
def test_nodes_that_do_not_or_of_which_that_is_unknown(state: str) -> None:
    assert not Host("n", state, 1, 1, 0).up
