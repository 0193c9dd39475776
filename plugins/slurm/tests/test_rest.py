"""Submissions for slurmrestd of old and new versions, its tokens, and what it says when it does not want to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import EngineProblem
from shanyrak_slurm import orders, tokens
from shanyrak_slurm.calls import Declined, Slurm, Unreachable
from shanyrak_slurm.cli import Cli
from shanyrak_slurm.jobs import Order
from shanyrak_slurm.rest import KNOWN, WHOLE, Rest, complaint, job_of
from shanyrak_slurm.settings import PoolSettings, Settings
from shanyrak_slurm.tokens import Tokens, key, signed
from shanyrak_slurm.trial import Cluster
from slurmlab.launches import launch

POOL = PoolSettings(gres="gpu:h200", partition="p", qos="q", account="a", reservation="r", licenses="l:1")
GANG = launch("g", nodes=(("n-0", 8), ("n-1", 8)), unit="gpu", cpus=4, memory=100 << 20, secrets={"KEY": "s"})
ORDER = orders.order(orders.Batch((GANG,)), POOL, {"n-0": "h1", "n-1": "h2"}, "/s", "")
COMMON = {
    "name": "g", "current_working_directory": "/", "standard_output": "/dev/null", "standard_error": "/dev/null", "requeue": False,
    "tasks": 2,
    "tasks_per_node": 1, "cpus_per_task": 4, "partition": "p", "qos": "q", "account": "a", "reservation": "r", "licenses": "l:1",
    "required_nodes": ["h1", "h2"],
}  # fmt: skip
SECRET = next(iter(ORDER.secrets))


def test_a_job_for_an_old_version() -> None:
    assert job_of(ORDER, 38) == COMMON | {
        "nodes": [2, 2], "memory_per_node": 100, "time_limit": 2, "gres": "gpu:h200:8",
        "environment": {"PATH": "/usr/local/bin:/usr/bin:/bin", SECRET: "s"},
    }  # fmt: skip


@pytest.mark.parametrize("version", [39, 40, 43])
def test_a_job_for_a_new_version(version: int) -> None:
    def number(value: int) -> dict[str, Any]:
        return {"set": True, "infinite": False, "number": value}

    assert job_of(ORDER, version) == COMMON | {
        "nodes": "2", "memory_per_node": number(100), "time_limit": number(2), "tres_per_node": "gres:gpu:h200:8",
        "environment": ["PATH=/usr/local/bin:/usr/bin:/bin", f"{SECRET}=s"],
    }  # fmt: skip


def test_an_array_names_its_tasks() -> None:
    batch = orders.Batch((launch("a", bundle="b"), launch("b", bundle="b", task=1)))
    job = job_of(orders.order(batch, PoolSettings(), {}, "/s", ""), 38)
    assert job["array"] == "0-1" and not job.keys() & {"gres", "required_nodes", "partition", "account"}


@pytest.mark.parametrize(
    ("said", "words"),
    [({}, ""), ({"errors": []}, ""), ({"errors": [{"error": "a."}, {"error": "a."}, {"description": "b"}]}, "a.; b"),
     ({"errors": [{"error_number": 7}]}, "7"), ({"errors": ["text"]}, "text")],
)  # fmt: skip
def test_complaints_in_one_line(said: dict[str, Any], words: str) -> None:
    assert complaint(said) == words


def test_a_token_is_signed_as_the_standard_says() -> None:
    head, claims, mark = signed("ada", b"secret", 1_700_000_000).split(".")

    def text(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    assert json.loads(text(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(text(claims)) == {"iat": 1_700_000_000, "exp": 1_700_000_000 + tokens.LIFE_S, "sun": "ada"}
    assert text(mark) == hmac.digest(b"secret", f"{head}.{claims}".encode(), hashlib.sha256)
    assert "=" not in mark


def test_the_example_of_rfc_7515() -> None:
    # Appendix A.1: the signature over its header and payload with its key.
    secret = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    text = (
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        b".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    assert (
        tokens._part(hmac.new(secret, text, hashlib.sha256).digest()) == b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"k")
    path.chmod(0o640)
    with pytest.raises(EngineProblem, match=f"others may read it. Chmod 600 {path}"):
        key(path)
    path.chmod(0o600)
    assert key(path) == b"k"
    (tmp_path / "link").symlink_to(path)
    for wrong in (tmp_path / "link", tmp_path / "none", tmp_path):
        with pytest.raises(EngineProblem, match="the key"):
            key(wrong)


def test_tokens_are_made_anew_before_they_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"k")
    path.chmod(0o600)
    settings = Settings(rest_key=str(path))
    made = Tokens(settings, Slurm(settings))
    now = 1_700_000_000.0
    monkeypatch.setattr(tokens.time, "time", lambda: now)
    first = made.headers("ada")
    assert first["X-SLURM-USER-NAME"] == "ada" and made.headers("ada") == first != made.headers("bob")
    now += tokens.LIFE_S - tokens.MARGIN_S + 1
    assert made.headers("ada") != first
    second = made.headers("ada")
    now += 1
    assert made.headers("ada") == second != made.headers("ada", fresh=True)


class Server(ThreadingHTTPServer):
    """Answers as it is told: (status, body), one after another; the last one again and again."""

    answers: list[tuple[int, Any]]
    asked: list[tuple[str, Any]]
    offered: list[str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._reply(200, {"paths": {f"/slurm/{version}/job/submit": {} for version in self.server.offered}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        answers = self.server.answers
        status, said = answers.pop(0) if len(answers) > 1 else answers[0]
        if status:
            self._reply(status, said)
        else:
            self.close_connection = True

    def _reply(self, status: int, said: Any) -> None:
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.answers, made.asked, made.daemon_threads = [(200, {"job_id": 7})], [], True
        made.offered = ["v0.0.38", "v0.0.40", "v0.0.99"]
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def rest(server: Server, tmp_path: Path) -> Rest:
    path = tmp_path / "key"
    path.write_bytes(b"k")
    path.chmod(0o600)
    return Rest(
        Settings(transport="rest", rest_url=f"http://127.0.0.1:{server.server_port}", rest_key=str(path), timeout=20)
    )


PLAIN = Order("t", {**{k: v for k, v in ORDER.options.items() if k != "nodelist"}}, "#!/bin/sh\n", {})


def test_the_newest_version_that_both_know_is_used(server: Server, rest: Rest) -> None:
    assert rest.submit(PLAIN) == "7"
    assert [path for path, _ in server.asked] == ["/slurm/v0.0.40/job/submit"]


def test_a_server_of_which_no_version_is_known_is_one_line(server: Server, rest: Rest) -> None:
    server.offered = ["v0.0.98", "v0.0.99"]
    with pytest.raises(
        EngineProblem, match=r"it offers the versions v0.0.98, v0.0.99 .* none is known here. Set transport = 'cli'"
    ):
        rest.submit(PLAIN)


@pytest.mark.parametrize(("requeue", "id_"), [("1", "11"), ("0", "7")])
def test_where_old_versions_would_requeue_jobs_sbatch_is_used(
    server: Server, rest: Rest, tmp_path: Path, requeue: str, id_: str
) -> None:
    for name, said in (("sbatch", "11"), ("scontrol", f"JobRequeue = {requeue}")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    server.offered = ["v0.0.37", "v0.0.38"]
    settings = rest.settings.model_copy(update={"programs": str(tmp_path)})
    assert Rest(settings).submit(PLAIN) == id_


AS_ASKED = {
    "JobName", "Requeue", "TimeLimit", "Partition", "ReqNodeList", "NumTasks", "CPUs/Task", "MinMemoryNode",
    "TresPerNode", "NtasksPerN:B:S:C", "Licenses", "StdErr", "StdOut", "WorkDir", "ArrayTaskThrottle", "Account", "QOS",
}  # fmt: skip


def test_each_version_that_a_real_one_offers_asks_for_what_sbatch_does(cluster: Cluster) -> None:
    if not cluster.rest_url:
        pytest.skip("slurmrestd is not installed here")
    rest = Rest(Settings(conf=str(cluster.conf), transport="rest", rest_url=cluster.rest_url))
    hosts = dict(zip(("n-0", "n-1"), cluster.nodes, strict=True))
    gang = launch("g", nodes=(("n-0", 2), ("n-1", 2)), unit="gpu", cpus=3, memory=200 << 20)
    made = orders.order(orders.Batch((gang,)), PoolSettings(partition="main"), hosts, "/s", "")
    ids = []

    def shown(id_: str) -> dict[str, str]:
        ids.append(id_)
        facts = (word.partition("=") for word in cluster.run("scontrol", "-o", "show", "job", id_).split())
        return {name: value for name, _, value in facts if name in AS_ASKED}

    script = "#!/bin/sh\nsleep 60\n"
    try:
        for version in (offered := [one for one in rest.offered() if one in KNOWN]):
            options = made.options if version >= WHOLE else {k: v for k, v in made.options.items() if k != "nodelist"}
            order = Order("g", options, script, {"SECRET": "s"})
            body = json.dumps({"job": job_of(order, version), "script": script}).encode()
            said = rest.ask("POST", f"/slurm/v0.0.{version}/job/submit", "", body)
            by_rest, by_sbatch = shown(str(said["job_id"])), shown(Cli.submit(rest, order))
            if version < WHOLE:
                assert (by_rest.pop("Requeue"), by_sbatch.pop("Requeue")) == ("1", "0")
            assert by_rest == by_sbatch and len(by_rest) > 10, version
        assert offered
    finally:
        cluster.run("scancel", *ids)


def test_a_token_that_is_not_accepted_is_made_anew_once(server: Server, rest: Rest) -> None:
    server.answers = [(401, {}), (200, {"job_id": 8})]
    assert rest.submit(PLAIN) == "8"
    server.answers = [(401, {})]
    with pytest.raises(Unreachable, match="does not accept the token .* See that it has run with the same jwt_key"):
        rest.submit(PLAIN)


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [(500, {"errors": [{"error": "Invalid qos specification"}]}, Declined, "Invalid qos"),
     (500, {"errors": [{"error": "Unable to contact slurm controller (connect failure)"}]}, Unreachable, "scontrol ping"),
     (500, {"errors": [{"error": "Protocol authentication error"}]}, Unreachable, "jwt_key"),
     (500, {"errors": [{"error": "Zero Bytes were transmitted or received"}]}, Unreachable, "jwt_key"),
     (200, {"errors": [{"error": "no"}]}, Declined, "no"), (200, {}, Declined, "no job id"), (404, {}, Declined, "404"),
     (200, b"<html>", Declined, "<html>"), (200, [], Declined, "no job id")],
)  # fmt: skip
def test_what_it_says_no_with(server: Server, rest: Rest, status: int, said: Any, kind: type, words: str) -> None:
    server.answers = [(status, said)]
    with pytest.raises(kind, match=words):
        rest.submit(PLAIN)


def test_a_kept_connection_that_was_closed_is_made_anew(server: Server, rest: Rest) -> None:
    assert rest.submit(PLAIN) == "7"
    server.answers = [(0, {}), (200, {"job_id": 9})]
    assert rest.submit(PLAIN) == "9"


def test_one_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"k")
    path.chmod(0o600)
    with pytest.raises(Unreachable, match="slurmrestd: connect failure: Connection refused"):
        Rest(Settings(transport="rest", rest_url="http://127.0.0.1:9", rest_key=str(path))).submit(PLAIN)


@pytest.mark.parametrize("address", ["", "127.0.0.1:6820", "ftp://x", "http://"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(EngineProblem, match="Set it to an address such as"):
        Rest(Settings(transport="rest", rest_url=address))


def test_many_threads_have_connections_of_their_own(server: Server, rest: Rest) -> None:
    from shanyrak_slurm.asking import ask

    assert ask(rest, [(PLAIN, 0)] * 50) == ["7"] * 50 and len(server.asked) == 50
