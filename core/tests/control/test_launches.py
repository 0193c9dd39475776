"""What an engine is told: the environment, the sizes, secrets that no journal sees."""

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import Launch
from shanyrak.control.launches import LARGEST_SECRET, base_environment, read_secrets
from shanyrak.errors import UsageProblem
from shanyrak.testing.fakes import CPU, Bench, settle

GPU = {"name": "gpu", "engine": "fake", "unit": "gpu", "nodes": 2, "units": 4, "cpus": 32, "memory": "64G"}


def launched(bench: Bench, pool: str = "cpu") -> Launch:
    with bench.controller() as controller:
        settle(controller)
    (run,) = bench.engine(pool).runs.values()
    return run.launch


def secret(folder: Path, name: str, text: bytes = b"s3cret\n", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_the_environment_is_path_home_lang_and_what_was_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "from the controller")
    bench.run(env={"A": "1", "LANG": "kk_KZ.UTF-8"})
    launch = launched(bench)
    home = pwd.getpwuid(os.geteuid()).pw_dir
    assert launch.env == {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "LANG": "kk_KZ.UTF-8", "A": "1"}
    assert launch.secrets == {}
    assert set(base_environment("nobody-by-this-name")) == {"PATH", "HOME", "LANG"}


def test_everything_that_was_asked_arrives(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    bench.fund("p", 10**6, "gpu-second")
    bench.run(
        command=["prog", "a b", "--x=1"], gpus=2, width=2, mem="8G", walltime="90s", cwd="/srv/x", outputs=["/srv/out"],
        network=True, array="7",
    )  # fmt: skip
    launch = launched(bench, "gpu")
    assert launch.argv == ("prog", "a b", "--x=1")
    assert sorted(launch.nodes) == [("gpu-0", 2), ("gpu-1", 2)]
    assert (launch.unit, launch.cpus, launch.memory, launch.walltime_ms) == ("gpu", 16, 8 << 30, 90_000)
    assert (launch.cwd, launch.outputs, launch.network, launch.task) == ("/srv/x", ("/srv/out",), True, 7)
    assert launch.user == bench.site.actor and launch.workload == 1
    assert launch.token.endswith(".1.0.1") and launch.bundle == launch.token


def test_without_a_size_the_share_of_the_units_comes(bench: Bench) -> None:
    bench.run(cpus=2)
    assert (launch := launched(bench)).memory == 4 << 30 and launch.cpus == 2


def test_a_secret_reaches_the_engine_and_nothing_else(bench: Bench) -> None:
    value = "kV9-never-written-down"
    secret(bench.site.secrets, "TOKEN_X", value.encode() + b"\n")
    bench.run(secrets=["TOKEN_X"])
    launch = launched(bench)
    assert launch.secrets == {"TOKEN_X": value} and "TOKEN_X" not in launch.env
    bench.site.journal.store.backup(str(bench.folder / "copy.db"))
    for path in bench.folder.rglob("*"):
        if path.is_file() and path.parent != bench.site.secrets:
            assert value.encode() not in path.read_bytes(), path
    assert value not in repr([bench.site.workload(1), bench.site.why(1), bench.site.events()])


def test_a_secret_that_is_gone_at_launch_fails_the_work_in_words(bench: Bench) -> None:
    path = secret(bench.site.secrets, "A")
    bench.run(secrets=["A"])
    bench.run()
    path.unlink()
    with bench.controller() as controller:
        settle(controller)
    assert bench.state(1) == "failed/launch" and bench.state(2) == "running/running"
    assert "secret 'A': it cannot be read (No such file or directory)" in bench.site.workload(1)["words"]


def make_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda path: None, "cannot be read (No such file"),
        (lambda path: secret(path.parent, path.name, mode=0o640), "others may read its file. Chmod 600"),
        (lambda path: secret(path.parent, path.name, mode=0o604), "others may read its file. Chmod 600"),
        (lambda path: path.symlink_to(secret(path.parent, "other")), "cannot be read"),
        (lambda path: path.mkdir(mode=0o700), "it is not a file"),
        (make_pipe, "it is not a file"),
        (lambda path: secret(path.parent, path.name, b"\xff\xfe"), "not UTF-8 text"),
        (lambda path: secret(path.parent, path.name, b"a\0b"), "zero byte"),
        (lambda path: secret(path.parent, path.name, b"x" * (LARGEST_SECRET + 1)), "larger than 100,000 bytes"),
    ],
)
def test_a_secret_that_is_not_fit_is_refused_at_submission(bench: Bench, make_it: Any, words: str) -> None:
    make_it(bench.site.secrets / "A")
    with pytest.raises(UsageProblem) as caught:
        bench.run(secrets=["A"])
    assert "secret 'A'" in str(caught.value) and words in str(caught.value)
    assert "workload.submitted" not in bench.types()


def test_only_the_last_line_end_is_taken_off(tmp_path: Path) -> None:
    secret(tmp_path, "A", b" a\nb\n\n")
    secret(tmp_path, "B", b"")
    assert read_secrets(tmp_path, ["A", "B"]) == {"A": " a\nb\n", "B": ""}
