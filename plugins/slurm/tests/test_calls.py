"""Slurm's programs as small scripts: what each failure becomes for a person, and what of this process reaches them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shanyrak.api import EngineContext, EngineProblem
from shanyrak_slurm.asking import AT_ONCE, Skipped, ask, untaken
from shanyrak_slurm.calls import Declined, Slurm, Unreachable, explain
from shanyrak_slurm.cli import Cli
from shanyrak_slurm.engine import make
from shanyrak_slurm.jobs import Order
from shanyrak_slurm.settings import Settings

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return put


def slurm(folder: Path, timeout: float = 30.0) -> Slurm:
    return Slurm(Settings(programs=str(folder), timeout=timeout))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineProblem, match=r"Slurm's sinfo: it is not installed here. Install Slurm's client, or set"):
        slurm(tmp_path).run("sinfo")


def test_a_program_that_may_not_be_run(tmp_path: Path, write: Write) -> None:
    write("sinfo", "exit 0")
    (tmp_path / "sinfo").chmod(0o644)
    with pytest.raises(EngineProblem, match="Permission denied"):
        slurm(tmp_path).run("sinfo")


def test_a_conf_that_is_not_there(tmp_path: Path, write: Write) -> None:
    """Slurm's programs look for another one for as long as they may; nothing was asked of anybody."""
    write("sinfo", "exec sleep 60")
    settings = Settings(programs=str(tmp_path), conf=str(tmp_path / "slurm.conf"))
    with pytest.raises(
        EngineProblem, match=r"slurm.conf: no such file can be read. Set \[plugins.slurm\] conf"
    ) as caught:
        Slurm(settings).run("sinfo")
    assert untaken(caught.value)


def test_a_program_that_hangs(tmp_path: Path, write: Write) -> None:
    write("sinfo", "exec sleep 60")
    with pytest.raises(Unreachable, match=r"no answer in 0.2 s. See `scontrol ping`"):
        slurm(tmp_path, 0.2).run("sinfo")


def test_a_program_that_was_killed_may_have_done_it(tmp_path: Path, write: Write) -> None:
    write("sbatch", "kill -INT $$")
    with pytest.raises(Unreachable, match="Slurm's sbatch: it was killed by signal 2. See") as caught:
        slurm(tmp_path).run("sbatch")
    assert not untaken(caught.value)


def test_ctrl_c_is_not_for_them(tmp_path: Path, write: Write) -> None:
    write("squeue", "ps -o sid= -p $$")
    assert slurm(tmp_path).run("squeue").strip() != str(os.getsid(0))


SAYS = [
    ("slurm_load_partitions: Unable to contact slurm controller (connect failure)", Unreachable, "scontrol ping"),
    ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", Unreachable, "scontrol ping"),
    ("sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received", Unreachable,
     "scontrol ping`), and that munged has the same key there: `munge -n | ssh"),
    ("squeue: error: If munged is up, restart with --num-threads=10\nslurm_load_jobs error: Protocol authentication error",
     Unreachable, "munge -n"),
    ("sbatch: error: Munge encode failed: Failed to access \"/run/munge.socket.2\"", Unreachable, "munge -n"),
    ("sbatch: fatal: Could not establish a configuration source", Unreachable, "conf"),
    ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified", Declined, ""),
    ("sbatch: unrecognized option '--parsable'\nTry \"sbatch --help\" for more information", EngineProblem, "slurm doctor"),
    ("squeue: error: Invalid job format specification: BatchHost", EngineProblem, "slurm doctor"),
    ("sbatch: error: slurm_msg_sendto: address:port=127.0.0.1:6817 msg_type=4003: Unexpected missing socket error\n"
     "sbatch: error: Batch job submission failed: Unexpected missing socket error", Unreachable, "scontrol ping"),
    ("", Unreachable, "scontrol ping"),
]  # fmt: skip


def test_of_what_a_program_printed_before_it_failed_the_last_line_says_why(tmp_path: Path, write: Write) -> None:
    """scontrol show config prints all of it, the names of munge too, and then that slurmctld is down."""
    write("scontrol", "echo 'AuthType = auth/munge'; echo; echo 'Slurmctld(primary) at head is DOWN'; exit 1")
    with pytest.raises(Unreachable, match=r"scontrol: Slurmctld\(primary\) at head is DOWN\. See that slurmctld runs"):
        slurm(tmp_path).run("scontrol", "show", "config")


@pytest.mark.parametrize(("text", "kind", "fix"), SAYS)
def test_what_each_failure_becomes(
    tmp_path: Path, write: Write, text: str, kind: type[EngineProblem], fix: str
) -> None:
    (tmp_path / "said").write_text(text)
    write("sbatch", f"cat {tmp_path}/said >&2; exit 1")
    with pytest.raises(EngineProblem) as caught:
        slurm(tmp_path).run("sbatch")
    line = str(caught.value)
    assert (
        type(caught.value) is kind and fix in line and "\n" not in line and "error:" not in line and "Try" not in line
    )


def test_the_limit_and_the_partition_are_in_the_line() -> None:
    failed = "sbatch: error: Batch job submission failed: "
    limit = f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{failed}Job violates accounting/QOS policy\n"
    said = "Slurm's sbatch: QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy."
    assert str(explain("sbatch", limit)) == said
    place = f"sbatch: error: invalid partition specified: gold\n{failed}Invalid partition name specified\n"
    assert "gold" in str(explain("sbatch", place))
    assert len(str(explain("sbatch", "x" * 10_000))) < 600


def test_nothing_of_this_process_reaches_them(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SBATCH_PARTITION", "SLURM_JOB_ID", "SQUEUE_FORMAT", "MINE", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "leak")
    monkeypatch.setenv("TZ", "Asia/Almaty")
    write("sbatch", f"exec {sys.executable} -c 'import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))'")
    env, folder = json.loads(slurm(tmp_path).run("sbatch", more={"SECRET": "x"}))
    assert set(env) - {"LC_CTYPE", "PWD", "SHLVL", "_", "SLURM_CONF"} == {
        "PATH", "LANG", "TZ", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN", "SECRET",
    }  # fmt: skip
    assert (env["TZ"], folder) == ("UTC", "/")


def test_output_that_is_no_utf8_is_no_crash(tmp_path: Path, write: Write) -> None:
    write("squeue", r"printf '\377\376'; printf 'sbatch: error: \377' >&2; exit 1")
    with pytest.raises(Declined):
        slurm(tmp_path).run("squeue")


def test_a_slurm_that_is_too_old_is_one_line(tmp_path: Path, write: Write) -> None:
    for name in ("sbatch", "squeue", "sinfo"):  # as 22.05 does with a field that it does not know
        write(name, f'echo "{name}: error: Invalid job format specification: UserID" >&2; echo x')
    home = tmp_path / "engine"
    home.mkdir()
    engine = make(EngineContext("p", str(home), Settings(programs=str(tmp_path))))
    with pytest.raises(
        EngineProblem,
        match="squeue: it prints what is not understood. See what `shanyrak slurm doctor` says of its version",
    ):
        engine.queue.look()
    write("sinfo", "echo \"sinfo: unrecognized option '--Format'\" >&2; exit 1")
    with pytest.raises(
        EngineProblem, match="sinfo: unrecognized option '--Format'. See what `shanyrak slurm doctor` says"
    ):
        engine.nodes()
    engine.close()


def order(name: str) -> Order:
    return Order(name, {"job-name": name}, "#!/bin/sh\n", {})


def test_answers_keep_their_order_and_one_refusal_takes_no_other(tmp_path: Path, write: Write) -> None:
    write("sbatch", """for word; do case $word in --job-name=*) name=${word#*=};; esac; done
[ "$name" = 3 ] && echo "sbatch: error: Batch job submission failed: no" >&2 && exit 1
sleep 0.0$(( (20 - name) / 5 )); echo "1$name;trial" """)  # fmt: skip
    said = ask(Cli(Settings(programs=str(tmp_path))), [(order(str(n)), 0) for n in range(20)])
    assert isinstance(said[3], Declined) and untaken(said[3])
    assert [one for n, one in enumerate(said) if n != 3] == [f"1{n}" for n in range(20) if n != 3]


def test_after_a_call_without_an_answer_no_other_begins(tmp_path: Path, write: Write) -> None:
    write("sbatch", f"echo x >>{tmp_path}/calls; exec sleep 60")
    said = ask(Cli(Settings(programs=str(tmp_path), timeout=1.0)), [(order(str(n)), 0) for n in range(40)])
    calls = len((tmp_path / "calls").read_text().splitlines())
    assert 1 <= calls <= AT_ONCE and all(isinstance(one, Unreachable) for one in said)
    assert sum(isinstance(one, Skipped) for one in said) == 40 - calls
    assert [untaken(one) for one in said] == [isinstance(one, Skipped) for one in said], (
        "a call that hung may have arrived"
    )


def test_what_is_asked_for_too_late_is_not_asked_for(tmp_path: Path, write: Write) -> None:
    write("sbatch", f"touch {tmp_path}/called; echo 1")
    (said,) = ask(Cli(Settings(programs=str(tmp_path))), [(order("a"), 1)])
    assert isinstance(said, Declined) and "too late" in said.said and not (tmp_path / "called").exists()
