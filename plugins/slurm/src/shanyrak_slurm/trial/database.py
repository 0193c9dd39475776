"""The MariaDB server under slurmdbd: made anew for one trial, in memory where there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shanyrak.api import EngineProblem

ROOM = 500 << 20
MEMORY = Path("/dev/shm")


class Database:
    """Its data folder and what its daemon is called with."""

    def __init__(self, home: Path, user: str, port: int, password: str) -> None:
        self.socket = home / "run" / "sql.sock"
        self._home, self._user, self._password = home, user, password
        self.folder = self._place()
        self.argv = (
            shutil.which("mariadbd") or "mariadbd", "--no-defaults", f"--user={user}", *self._folders(),
            f"--socket={self.socket}", "--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={home}/run/sql.pid",
            "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-lock-wait-timeout=900",
            "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--skip-name-resolve",
        )  # fmt: skip

    def _place(self) -> Path:
        """The data of a trial are thrown away: memory serves them faster than a disk."""
        try:
            if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
                return Path(tempfile.mkdtemp(prefix="shanyrak-sql-", dir=MEMORY))
        except OSError:
            pass
        return self._home / "sql"

    def _folders(self) -> tuple[str, str]:
        """One for temporary files, too: a server that starts takes away those of others, if it finds them."""
        return f"--datadir={self.folder}/data", f"--tmpdir={self.folder}/tmp"

    def make(self, env: Mapping[str, str]) -> None:
        """The tables of an empty server, once."""
        if (self.folder / "data" / "mysql").is_dir():
            return
        for folder in (self.folder, self.folder / "tmp"):
            folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--user={self._user}", *self._folders(),
             "--skip-test-db", "--auth-root-authentication-method=normal", "--innodb-log-file-size=16M"],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            raise EngineProblem("The trial's MariaDB", f"its tables could not be made: {done.stderr.strip()[-300:]}")

    def answers(self, env: Mapping[str, str]) -> bool:
        """Whether it accepts statements; the user and the database of slurmdbd are there then."""
        return (
            self.call(
                "CREATE DATABASE IF NOT EXISTS slurm; "
                f"CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY '{self._password}'; "
                "GRANT ALL ON slurm.* TO slurm@'127.0.0.1';",
                env,
            ).returncode
            == 0
        )

    def call(self, statements: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Statements of SQL, as the server's own administrator."""
        return subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-N", "-B"],
            input=statements, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
