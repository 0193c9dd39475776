"""The script that a job runs: a lock that lets a token start once, the environment of the launch, notes of begin and end.

Each attempt has a folder, `spool/TOKEN`. To make it is to claim the token: whoever makes it first, the job or the engine that
gives the token up, wins, also against a job that Slurm has lost and one that it accepted twice. Its note of the beginning is made
once, too: an engine that makes it first keeps a script that claimed the token, and then hung, from going on. While the script lives
it holds a lock on `life` there, so that also of a job that Slurm has lost it can be told whether it still runs. Plain sh: nodes
need nothing more. Its own variables have long names, since the work's environment comes to stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote

from shanyrak.api import Launch

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

TURNED_AWAY = 75
"""Exit code of a script whose token was claimed before."""

HEAD = """\
#!/bin/sh
# Work of Shanyrak. The folder of an attempt is made once: what comes second under the same token does not start.
unset TZ SLURM_TIME_FORMAT SLURM_BITSTR_LEN  # they were sbatch's
umask 077
"""
CLAIM = """\
shanyrak_note={spool}/$shanyrak_token
mkdir "$shanyrak_note" 2>/dev/null || {{
    [ -d "$shanyrak_note" ] && exit 75
    echo {no_spool}" $(hostname)" >&2
    exit 1
}}
exec >"$shanyrak_note/stdout" 2>"$shanyrak_note/stderr" </dev/null
exec 9>"$shanyrak_note/life"
flock -n 9 2>/dev/null || {{ [ $? = 1 ] && sleep 1 && flock -n 9; }} || echo unlocked >&9  # who looks at it locks it, too
shanyrak_clock() {{  # no clock that is set moves it
    {{ read -r shanyrak_up shanyrak_idle </proc/uptime; }} 2>/dev/null || shanyrak_up=0
}}
printf '%-63s\\n' '' >"$shanyrak_note/end" || exit 1  # room for the note of the end, should the disk be full by then
shanyrak_clock
set -C
echo "$SLURM_JOB_ID ${{SLURMD_NODENAME:-$(hostname)}} $(date +%s%3N) $shanyrak_up ${{SLURM_JOB_START_TIME:-0}}" \\
    >"$shanyrak_note/began" || exit 1
set +C
never() {{
    printf '%s\\n' "$1" >"$shanyrak_note/launch"
    printf '%s\\n' "$1" >&2
    exit 127
}}
shanyrak_path=$PATH
"""
RUN = """\
cd {cwd} 2>/dev/null || never {no_folder}
command -v {command} >/dev/null 2>&1 || never {no_command}
for shanyrak_signal in TERM USR1 USR2; do
    trap "kill -s $shanyrak_signal \\$shanyrak_child 2>/dev/null" $shanyrak_signal  # Slurm signals the script alone
done
(exec {argv}) 9>&- &
shanyrak_child=$!
wait $shanyrak_child
shanyrak_code=$?
while kill -0 $shanyrak_child 2>/dev/null; do  # a signal ended the wait, not the work
    wait $shanyrak_child
    shanyrak_code=$?
done
PATH=$shanyrak_path
[ $shanyrak_code = 137 ] && sleep 1  # whoever kills all of a job kills this next
shanyrak_clock
[ "$shanyrak_up" = 0 ] && shanyrak_now=$(date +%s%3N)
# At once, by no other program and in one write: what is killed between the work's end and this runs again.
printf '%-62s.\\n' "$shanyrak_code ${{shanyrak_now:-0}} $shanyrak_up" 1<>"$shanyrak_note/end"
exit $shanyrak_code
"""


def script(launch: Launch, tasks: Sequence[tuple[str, int]], spool: str) -> str:
    """The script for one launch, or for an array of (token, task) whose places are Slurm's task ids."""
    own = [
        f"{place}) shanyrak_token={quote(token)} SHANYRAK_TASK={task};;" for place, (token, task) in enumerate(tasks)
    ]
    variables = {
        **launch.env,
        "SHANYRAK_JOB": str(launch.workload),
        "SHANYRAK_NODES": ",".join(name for name, _ in launch.nodes),
        "SHANYRAK_UNITS": ",".join(str(count) for _, count in launch.nodes),
    }
    exports = [f"export {name}={quote(value)}" for name, value in variables.items()]
    exports += [f'export {name}="${variable}"; unset {variable}' for name, variable in secret_names(launch).items()]
    command = launch.argv[0]
    return "\n".join(
        [
            HEAD + 'case "${SLURM_ARRAY_TASK_ID:-0}" in', *own, "esac",
            CLAIM.format(spool=quote(spool), no_spool=quote(f"the folder {spool} cannot be written on")),
            "export SHANYRAK_TASK", *exports,
            RUN.format(
                cwd=quote(launch.cwd), no_folder=quote(f"its working folder {launch.cwd} cannot be entered on its node"),
                command=quote(command), no_command=quote(f"its command {command} is not on its node"),
                argv=" ".join(quote(word) for word in launch.argv),
            ),
        ]
    )  # fmt: skip


def secret_names(launch: Launch) -> dict[str, str]:
    """By the name of each secret, the variable in which it reaches the job: sbatch must not see it under its own name."""
    return {name: f"SHANYRAK_SECRET_{number}" for number, name in enumerate(launch.secrets)}


def fault(launch: Launch) -> str:
    """Why a launch cannot be written as a script, in words; empty when it can."""
    wrong = next((name for name in (*launch.env, *launch.secrets) if not NAME.fullmatch(name)), None)
    if wrong is not None:
        return f"a variable cannot be called {wrong!r}"
    texts = (*launch.argv, *launch.env.values(), *launch.secrets.values(), launch.cwd)
    return "a zero byte in its command or environment" if any("\0" in text for text in texts) else ""
