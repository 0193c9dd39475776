"""One throw-away Slurm: started, hurt and mended as a test wants it, and gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from shanyrak.api import EngineProblem, UnfitProblem

from shanyrak_slurm.trial import config, groups, warden
from shanyrak_slurm.trial.daemons import Daemon
from shanyrak_slurm.trial.database import Database
from shanyrak_slurm.trial.ports import Ports, listens
from shanyrak_slurm.trial.remains import Remains
from shanyrak_slurm.version import version

ADMIN = "/usr/sbin:/sbin"
"""Where daemons are that an ordinary user's PATH may lack."""
LONGEST = 55
"""Characters of a folder's path that leave room for the sockets in it: the system allows 107 for each."""
PATIENCE = 60.0
ANSWERING = ("idle", "mixed", "allocated", "completing")
ALWAYS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo", "scancel", "squeue")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb", "mariadb-install-db", "sacctmgr", "sacct")

DEBIAN = "slurmctld slurmd slurm-client munge slurmdbd mariadb-server slurmrestd"


def lacking(accounting: bool = False, rest: bool = False) -> str:
    """The first program that a trial needs and this machine lacks; empty when all are there."""
    path = f"{os.environ.get('PATH', os.defpath)}:{ADMIN}"
    needed = (*ALWAYS, *(ACCOUNTING if accounting else ()), *(("slurmrestd",) if rest else ()))
    return next((name for name in needed if shutil.which(name, path=path) is None), "")


def own_user() -> str:
    """Who this process is, whatever its environment says."""
    return pwd.getpwuid(os.geteuid()).pw_name


class Cluster:
    """A whole Slurm in one folder, on ports of loopback that are chosen at each start; empty when it starts.

    Nodes have names of their own on this machine, in `nodes`; their daemons are called `slurmd.n1`, `slurmd.n2` and so
    on, the others `munged`, `slurmctld`, `slurmdbd`, `mariadbd`, `slurmrestd`. `memory` is MiB of a node. `settings`
    take the place of lines of slurm.conf, `lines` are added at its end (partitions). As root it runs jobs of any
    user that can reach the folder, else those of its own user. With `accounting`, that user and `users` have the account
    `default`. `cgroups` None: used where they can be.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 2,
        units: int = 8,
        gpu: str = "h200",
        cpus: int = 64,
        memory: int = 1_000_000,
        accounting: bool = False,
        rest: bool = False,
        users: Sequence[str] = (),
        cgroups: bool | None = None,
        settings: Mapping[str, str] | None = None,
        lines: Sequence[str] = (),
    ) -> None:
        self.folder, self.units, self.gpu, self.cpus, self.memory = folder, units, gpu, cpus, memory
        self.accounting, self.rest, self.users = accounting, rest, tuple(users)
        self.nodes: tuple[str, ...] = ()
        self.rest_url = ""
        self._count, self._settings, self._lines = nodes, dict(settings or {}), tuple(lines)
        allowed = os.geteuid() == 0 if cgroups is None else cgroups
        self.tracks = allowed and groups.usable("freezer")
        """Whether processes that leave their session are found and ended with their job."""
        self.limits = self.tracks and groups.usable("memory")
        """Whether a job that takes more memory than it asked for is ended."""
        self._home = folder
        self._ports = Ports()
        self._daemons: dict[str, Daemon] = {}
        self._database: Database | None = None
        self._warden: subprocess.Popen[bytes] | None = None

    # ---- all of it ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Everything, answering, with all nodes idle. Raises UnfitProblem or EngineProblem, and then nothing is left running."""
        if missing := lacking(self.accounting, self.rest):
            raise UnfitProblem(
                "A trial Slurm", f"{missing} is not installed here", f"on Debian: apt-get install {DEBIAN}"
            )
        self.stop()
        try:
            self._write()
            self._warden = warden.watch(self._remains())
            self._begin_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing of it runs afterwards, whatever happened before; logs stay in `folder`/log.

        What it kept is thrown away, so that nobody needs to be asked. When this process is killed, its warden does the same.
        """
        self._remains().end()
        for daemon in self._daemons.values():
            daemon.kill(signal.SIGKILL)  # gone already: this takes away what remains of a child
        if self._warden is not None:
            warden.dismiss(self._warden)
        self._daemons, self._database, self._warden, self._home = {}, None, None, self.folder
        self._ports.release()

    def _remains(self) -> Remains:
        away = [str(self._home)] if self._home != self.folder.absolute() and self._home.is_symlink() else []
        if self._database is not None:
            away.append(str(self._database.folder))
        return Remains(str(self.folder.absolute()), self.nodes, away)

    # ---- one of it ------------------------------------------------------------------------------------------

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """A signal for one daemon; after SIGKILL and SIGTERM it is gone when this returns. SIGSTOP makes it hang."""
        self._daemons[name].kill(number)

    def begin(self, name: str) -> None:
        """Start a daemon again and wait until it answers."""
        self._daemons[name].begin()
        self._wait(name)

    def pid(self, name: str) -> int:
        """The process of a daemon, 0 when it does not live."""
        return self._daemons[name].pid()

    # ---- how to use it --------------------------------------------------------------------------------------

    @property
    def conf(self) -> Path:
        """slurm.conf, for SLURM_CONF."""
        return self._home / "etc" / "slurm.conf"

    @property
    def shared(self) -> Path:
        """A folder that all users and nodes see."""
        return self._home / "shared"

    @property
    def log(self) -> Path:
        """The folder of all logs."""
        return self._home / "log"

    @property
    def env(self) -> dict[str, str]:
        """An environment for Slurm's programs that holds nothing else."""
        path = f"{os.environ.get('PATH', os.defpath)}:{ADMIN}"
        return {"PATH": path, "LANG": "C.UTF-8", "TZ": "UTC", "SLURM_CONF": str(self.conf), "HOME": str(Path.home())}

    def run(self, program: str, *arguments: str, user: str | None = None, stdin: str = "") -> str:
        """What one of Slurm's programs prints. Raises EngineProblem with its words when it fails."""
        done = self._call(program, *arguments, user=user, stdin=stdin)
        if done.returncode:
            raise EngineProblem(f"{program} of the trial Slurm", (done.stderr or done.stdout).strip())
        return done.stdout

    def token(self, user: str = "", lifespan: int = 3600) -> str:
        """A JWT of a user, for slurmrestd; it is valid for `lifespan` seconds."""
        said = self.run("scontrol", "token", f"username={user or own_user()}", f"lifespan={lifespan}")
        return said.strip().removeprefix("SLURM_JWT=")

    def sql(self, statements: str) -> str:
        """What statements on slurmdbd's tables (`slurm.trial_job_table`) print: a test's way to a past of months."""
        assert self._database is not None, "the cluster has no accounting"
        done = self._database.call(statements, self.env)
        if done.returncode:
            raise EngineProblem("MariaDB of the trial Slurm", done.stderr.strip())
        return done.stdout

    # ---- inside ---------------------------------------------------------------------------------------------

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        if len(str(self.folder.absolute())) > LONGEST:
            self._home = Path(tempfile.mkdtemp(prefix="slurm-"))
            self._home.rmdir()
            self._home.symlink_to(self.folder.absolute())
        home = self._home = self._home.absolute()
        for name in ("state", "spool", "sql", "dev"):
            shutil.rmtree(home / name, ignore_errors=True)
        for name in ("etc", "run", "log", "state", "spool", "dev", "shared"):
            (home / name).mkdir(exist_ok=True)
            (home / name).chmod(0o755)
        self.shared.chmod(0o1777)
        port = self._ports.take()
        self.nodes = tuple(f"t{port}n{index}" for index in range(1, self._count + 1))
        plan = config.Plan(
            home=home, user=own_user(), host=socket.gethostname().split(".")[0], nodes=self.nodes, units=self.units,
            gpu=self.gpu, cpus=self.cpus, memory=self.memory, ctld=port, slurmd=tuple(self._ports.take() for _ in self.nodes),
            version=version(self.run("slurmctld", "-V")) or (0, 0),
            dbd=self._ports.take() if self.accounting else 0, sql=self._ports.take() if self.accounting else 0,
            track_groups=self.tracks, limit_memory=self.limits,
        )  # fmt: skip
        for index in range(self.units):
            (home / "dev" / f"nvidia{index}").symlink_to("/dev/null")
        swap = (groups.ROOT / "memory" / "memory.memsw.limit_in_bytes").exists()
        for name, text in {
            "slurm.conf": config.slurm_conf(plan, self._settings, self._lines),
            "gres.conf": config.gres_conf(plan),
            "cgroup.conf": config.cgroup_conf(plan, swap),
        }.items():
            (home / "etc" / name).write_text(text)
        _secret(home / "etc" / "munge.key", os.urandom(128))
        _secret(home / "etc" / "jwt.key", os.urandom(32))
        if self.accounting:
            password = os.urandom(16).hex()
            _secret(home / "etc" / "slurmdbd.conf", config.slurmdbd_conf(plan, password).encode())
            self._database = Database(home, plan.user, plan.sql, password)
        self._name(plan)

    def _name(self, plan: config.Plan) -> None:
        """What each daemon is called with."""
        home, user = plan.home, ["-u", "nobody"] if os.geteuid() == 0 else []
        self._plan = plan
        calls: dict[str, list[str]] = {
            "munged": ["munged", "--foreground", "--force", f"--key-file={home}/etc/munge.key", f"--socket={home}/run/munge.sock",
                       f"--pid-file={home}/run/munged.pid", f"--log-file={home}/log/munged.log",
                       f"--seed-file={home}/state/munge.seed"],
            "slurmctld": ["slurmctld", "-D"],
        }  # fmt: skip
        if self._database is not None:
            calls |= {"mariadbd": list(self._database.argv), "slurmdbd": ["slurmdbd", "-D"]}
        calls |= {f"slurmd.n{index}": ["slurmd", "-D", "-N", node] for index, node in enumerate(self.nodes, start=1)}
        # It neither runs as root nor, unless told so, as the user of slurmctld.
        rest_env = self.env | {"SLURM_JWT": "daemon", "SLURMRESTD_SECURITY": "disable_user_check"}
        if self.rest:
            port = self._ports.take()
            self.rest_url = f"http://127.0.0.1:{port}"
            calls["slurmrestd"] = [
                "slurmrestd",
                *user,
                "-a",
                "rest_auth/jwt",
                *self._openapi(user, rest_env),
                f"127.0.0.1:{port}",
            ]
        for name, argv in calls.items():
            env = rest_env if name == "slurmrestd" else self.env
            program = shutil.which(argv[0], path=env["PATH"]) or argv[0]
            self._daemons[name] = Daemon(name, [program, *argv[1:]], env, home / "run", home / "log")

    def _openapi(self, user: Sequence[str], env: Mapping[str, str]) -> list[str]:
        """The plugins of slurmrestd that can load: one for accounting fails without slurmdbd."""
        done = subprocess.run(["slurmrestd", *user, "-s", "list"], env=env, capture_output=True, text=True, check=False)
        found = [word for word in (done.stdout + done.stderr).split() if word.startswith("openapi/")]
        kept = [name for name in found if self.accounting or not name.startswith(("openapi/dbv", "openapi/slurmdbd"))]
        return ["-s", ",".join(kept)] if kept else []

    @staticmethod
    def _order(name: str) -> int:
        order = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "slurmrestd")
        return order.index(name.partition(".")[0])

    def _begin_all(self) -> None:
        for name in sorted(self._daemons, key=self._order):
            if name == "mariadbd" and self._database is not None:
                self._database.make(self.env)
            self._daemons[name].begin()
            if not name.startswith("slurmd."):
                self._wait(name)
            if name == "slurmdbd":
                self.run("sacctmgr", "-i", "add", "cluster", "trial")
        for index in range(1, len(self.nodes) + 1):
            self._wait(f"slurmd.n{index}")
        if self.accounting:
            self.run("sacctmgr", "-i", "add", "account", "default", "Description=default", "Organization=default")
            for user in dict.fromkeys((own_user(), *self.users)):
                self.run("sacctmgr", "-i", "add", "user", user, "Account=default", "DefaultAccount=default")

    def _wait(self, name: str) -> None:
        """Until a daemon answers."""
        self._daemons[name].wait(lambda: self._works(name), PATIENCE)

    def _works(self, name: str) -> bool:
        kind = name.partition(".")[0]
        if kind == "munged":
            return (self._home / "run" / "munge.sock").is_socket()
        if kind == "mariadbd":
            return self._database is not None and self._database.answers(self.env)
        if kind == "slurmdbd":
            return listens(self._plan.dbd) and self._call("sacctmgr", "-n", "show", "cluster").returncode == 0
        if kind == "slurmctld":
            return "is UP" in self._call("scontrol", "ping").stdout
        if kind == "slurmrestd":
            return listens(int(self.rest_url.rpartition(":")[2]))
        return self._state(self.nodes[int(name.removeprefix("slurmd.n")) - 1]) in ANSWERING

    def _state(self, node: str) -> str:
        return self._call("sinfo", "-h", "-n", node, "-o", "%T").stdout.strip()

    def _call(
        self, program: str, *arguments: str, user: str | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run([program, *arguments], input=stdin, env=self.env, cwd="/", user=user, timeout=60,
                                  capture_output=True, text=True, errors="replace", check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess([program], 1, "", "no answer in 60 s")


def _secret(path: Path, data: bytes) -> None:
    """A file that only its owner reads, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
