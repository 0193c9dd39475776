"""What a person is told when something cannot go on: one line that says what, why, and what to do.

Every error that is meant for a person is a `Problem`; its class fixes the exit code of the command line.
Anything else that reaches the command line is a defect and keeps its traceback.
"""

from __future__ import annotations


class Problem(Exception):
    """One line for a person: `what: why. fix`.

    `what` names the thing that failed, `why` the cause, `fix` the next step (each without a final full stop;
    `why` and `fix` may be empty).
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        line = f"{what}: {why}" if why else what
        end = "" if fix.endswith("?") else "."
        super().__init__(f"{line}. {fix[:1].upper()}{fix[1:]}{end}" if fix else f"{line}.")


class UsageProblem(Problem):
    """The request itself is wrong: an unknown name, a bad value, a field that does not exist."""

    exit_code = 2


class PluginProblem(Problem):
    """A plugin failed, is missing, or does not fit this version of the core."""

    exit_code = 3


class RefusedProblem(Problem):
    """A well-formed request that the rules refuse."""

    exit_code = 4


class EngineProblem(Problem):
    """An engine cannot be reached or cannot do what it was asked."""

    exit_code = 5


class UnfitProblem(Problem):
    """Not fit to start: no workspace, a damaged one, another live controller, a full disk."""

    exit_code = 6
