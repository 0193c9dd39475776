"""The engine before what a real Ray answered, recording by recording: what is concluded, and what is not."""

from __future__ import annotations

import time

import pytest
from shanyrak.api import EngineProblem, Node
from shanyrak_ray.cluster import Host, Map
from shanyrak_ray.http import last_line


@pytest.fixture
def job(lab) -> str:
    """Where Ray tells of the job of token t1."""
    return path_of(lab, "t1")


def path_of(lab, token: str) -> str:
    return f"/api/jobs/{lab.engine.id_of(token)}"


def test_a_submission_says_how_much_and_nothing_of_what(lab, player):
    lab.engine.launch([lab.build("t1", "python3", "train.py", env={"PLACE": "hidden-from-ray"}, cpus=6)])
    (body,) = player.posts()
    assert body["submission_id"] == lab.engine.id_of("t1") and body["metadata"] == {"shanyrak": str(lab.folder)}
    assert (body["entrypoint_num_gpus"], body["entrypoint_num_cpus"], body["entrypoint_memory"]) == (2, 6, 1 << 30)
    assert list(body["entrypoint_resources"]) == ["node:192.0.2.2"], "it is bound to the node that was chosen"
    assert "train.py" not in str(body) and "hidden-from-ray" not in str(body)


def test_work_in_cpu_units_takes_cpus(lab, player):
    lab.engine.launch([lab.build("t1", "true", unit="cpu", nodes=(("gpu-0", 3),))])
    (body,) = player.posts()
    assert (body["entrypoint_num_gpus"], body["entrypoint_num_cpus"]) == (0, 3)


def test_what_already_exists_is_found_if_it_is_ours(lab, player, job):
    player.play("POST", "/api/jobs/", "exists")
    player.play("GET", job, "job-pending")
    (reply,) = lab.engine.launch([lab.build("t1", "true")])
    assert (reply.handle, reply.refused) == (lab.engine.id_of("t1"), "")
    assert lab.see("t1").state == "pending" and lab.see("t1").words


def test_an_id_that_is_taken_by_others_is_refused_and_fenced(lab, player, job):
    player.play("POST", "/api/jobs/", "exists")
    player.play("GET", job, "job-foreign")
    (reply,) = lab.engine.launch([lab.build("t1", "true")])
    assert "not ours" in reply.refused and not reply.user_fault
    lab.front("t1").wait(300)
    assert (lab.see("t1").state, lab.see("t1").fenced) == ("absent", True)


@pytest.mark.parametrize("name", ["job-pending", "job-running"])
def test_what_nobody_has_claimed_is_pending_whatever_ray_says(lab, player, name, job):
    player.play("GET", job, name)
    lab.engine.launch([lab.build("t1", "true")])
    assert lab.see("t1").state == "pending" and lab.see("t1").words


@pytest.mark.parametrize("name", ["job-failed", "job-succeeded"])
def test_what_ray_ended_without_a_claim_is_fenced(lab, player, name, job):
    player.play("GET", job, name)
    lab.engine.launch([lab.build("t1", "true")])
    seen = lab.see("t1")
    assert (seen.state, seen.fenced) == ("absent", True) and "Ray could not start it" in seen.words
    if name == "job-failed":
        assert "not found" in seen.words, "with the cause that Ray tells"
    assert lab.front("t1").wait(300) == 0
    assert lab.see("t1") == seen


def test_what_ray_forgot_is_asked_for_again_under_the_same_token(lab, player, job):
    """A head that restarts has lost every job that waited."""
    lab.engine.launch([lab.build("t1", "true")])
    player.play("GET", job, "unknown")
    assert lab.see("t1").state == "pending"
    first, again = player.posts()
    assert first == again


def test_what_ray_gave_up_is_asked_for_again(lab, player, job, monkeypatch, wait_for):
    """Ray lets a job wait for a quarter of an hour."""
    lab.engine.launch([lab.build("t1", "true")])
    player.play("GET", job, "job-gave-up")
    player.play("DELETE", job, "deleted")
    seen = lab.see("t1")
    assert seen.state == "pending" and "again" in seen.words
    assert [method for method, path, _ in player.asked if path == job] == ["GET", "DELETE"]
    player.play("GET", job, "unknown")
    monkeypatch.setattr("shanyrak_ray.engine.ASK_S", 0)
    wait_for(lambda: lab.see("t1").state == "pending" and len(player.posts()) == 2, "it is asked for again")


def test_what_ray_loses_time_and_again_is_given_up(lab, player, job, monkeypatch, wait_for):
    monkeypatch.setattr("shanyrak_ray.engine.ASK_S", 0)
    lab.engine.launch([lab.build("t1", "true")])
    status, text = player.recorded("job-gave-up")
    player.say("GET", job, status, text.replace("START_TIMEOUT", "DIED"))
    player.play("DELETE", job, "deleted")
    wait_for(lambda: lab.see("t1").state != "pending", "the engine gives it up")
    assert (lab.see("t1").state, lab.see("t1").fenced) == ("absent", True)
    assert len([path for method, path, _ in player.asked if (method, path) == ("GET", job)]) == 6


def test_a_request_that_ray_refuses_is_fenced(lab, player):
    player.play("POST", "/api/jobs/", "bad-request")
    (reply,) = lab.engine.launch([lab.build("t1", "true")])
    assert "entrypoint_num_gpus must be a number" in reply.refused and "\n" not in reply.refused
    assert lab.see("t1").fenced


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": (("gpu-0", 17),)}, "17 GPUs, and its node has 16"),
        ({"cpus": 17}, "17 CPUs, and its node has 16"),
        ({"memory": 17 << 30}, "bytes of memory"),
        ({"nodes": (("gpu-0", 1), ("gpu-1", 1))}, "shanyrak_ray.inside"),
        ({"user": "somebody-else"}, "Ray knows no users"),
        ({"argv": ()}, "no command"),
        ({"cwd": "relative"}, "not an absolute path"),
        ({"env": {"A=B": "c"}}, "not a name"),
        ({"env": {"A": "\0"}}, "zero byte"),
    ],
)
def test_what_can_never_start_is_refused_at_once(lab, player, changes, words):
    (reply,) = lab.engine.launch([lab.build("t1", "true", **changes)])
    assert words in reply.refused and reply.user_fault
    assert player.posts() == []


def test_a_node_that_ray_does_not_have_is_nobodys_fault(lab, player):
    (reply,) = lab.engine.launch([lab.build("t1", "true", nodes=(("gpu-7", 1),))])
    assert "gpu-7" in reply.refused and not reply.user_fault


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (403, "Forbidden", "token"),
        (200, "<html>", "no JSON"),
        (200, '{"data": 1}', "known form"),
        (500, "Traceback:\n  boom\n", "boom"),
    ],
)
def test_a_ray_that_answers_nonsense_is_one_clear_line(lab, player, status, text, words):
    player.say("GET", "/api/v0/nodes", status, text)
    with pytest.raises(EngineProblem, match=words) as caught:
        lab.engine.nodes()
    assert "\n" not in str(caught.value)


def test_without_its_token_ray_lets_nobody_in(lab, player):
    player.play("GET", "/api/v0/nodes", "no-token")
    with pytest.raises(EngineProblem, match="token_file"):
        lab.engine.nodes()


def test_nothing_is_concluded_while_ray_is_away(lab, player):
    lab.engine.launch([lab.build("t1", "true"), lab.build("t2", "sh", "-c", "exit 3")])
    lab.front("t2").wait(300)
    player.close()
    waiting, ended = lab.engine.observe(["t1", "t2"])
    assert waiting.state == "pending" and "Is its head running" in waiting.words
    assert ended.exit_code == 3, "results need no Ray"
    with pytest.raises(EngineProblem):
        lab.engine.nodes()
    with pytest.raises(EngineProblem):
        lab.engine.launch([lab.build("t3", "true")])
    lab.engine.stop(["t1"])
    assert lab.see("t1").state == "absent", "nor does a stop"


def test_a_launch_that_came_too_late_finds_only_what_ray_has(lab, player, job):
    late = max(1, round(time.monotonic() * 1000) - 10_000)
    player.play("GET", job, "unknown")
    (new,) = lab.engine.launch([lab.build("t1", "true", not_after_ms=late)])
    assert "too late" in new.refused and player.posts() == []
    player.play("GET", path_of(lab, "t2"), "job-pending")
    lab.engine.launch([lab.build("t2", "true")])
    (known,) = lab.engine.launch([lab.build("t2", "true", not_after_ms=late)])
    assert known.handle == lab.engine.id_of("t2")
    player.play("GET", path_of(lab, "t2"), "unknown")
    (gone,) = lab.engine.launch([lab.build("t2", "true", not_after_ms=late)])
    assert gone.refused and lab.see("t2").fenced


def test_many_waiting_jobs_are_one_question(lab, player):
    player.play("GET", "/api/jobs/", "jobs")
    tokens = [f"w{number}" for number in range(30)]
    lab.engine.launch([lab.build(token, "true") for token in tokens])
    player.asked.clear()
    lab.engine.observe(tokens)
    assert [path for method, path, _ in player.asked if method == "GET"] == ["/api/jobs/"]
    before = len(player.asked)
    lab.engine.observe(tokens)
    assert len(player.asked) == before, "and not asked again within a second"


def test_forgotten_work_is_deleted_in_ray_and_never_starts_again(lab, player, job):
    assert lab.run("t1", "sh", "-c", "exit 2").exit_code == 2
    player.play("DELETE", job, "delete-live", "deleted")
    lab.engine.forget(["t1"])
    player.play("DELETE", path_of(lab, "t2"), "unknown")
    lab.engine.forget(["t2"])
    deletes = [path for method, path, _ in player.asked if method == "DELETE"]
    assert sorted(deletes) == [job, job, path_of(lab, "t2")], "what was not over for Ray is asked for again"
    (reply,) = lab.engine.launch([lab.build("t1", "true")])
    assert reply.handle and len(player.posts()) == 1


def test_a_traceback_of_ray_comes_to_its_last_line(player):
    assert last_line(player.recorded("exists")[1]).startswith(
        "ValueError: Job with submission_id s1.1.0.1 already exists"
    )
    assert last_line("") == "nothing"


# ---- nodes ------------------------------------------------------------------------------------------------


def test_nodes_are_told_under_the_sites_names(lab):
    assert list(lab.engine.nodes()) == [Node("gpu-0", 16, 16, 16 << 30)]
    assert [node.name for node in lab.make(nodes=()).nodes()] == ["192.0.2.2"]
    assert [node.units for node in lab.make(nodes=(), unit="cpu").nodes()] == [16]


def host(ip: str, tag: str = "") -> Host:
    return Host(f"{ip}/id", f"shanyrak:{tag}" if tag else f"node:{ip}", 8, 64, 1 << 40, tag)


def test_a_name_keeps_its_node_while_that_lives(tmp_path):
    declared = tuple(Node(f"g-{number}", 8, 64, 1 << 40) for number in range(3))

    def named(*found: Host) -> dict[str, str]:
        return {name: one.address for name, one in Map(tmp_path, declared, "gpu").named(found).items()}

    assert named(host("10.0.0.2"), host("10.0.0.3")) == {"g-0": "10.0.0.2/id", "g-1": "10.0.0.3/id"}
    assert named(host("10.0.0.1"), host("10.0.0.2"), host("10.0.0.3"))["g-2"] == "10.0.0.1/id"
    assert named(host("10.0.0.1"), host("10.0.0.3")) == {"g-1": "10.0.0.3/id", "g-2": "10.0.0.1/id"}
    tagged = named(host("10.0.0.9", "g-2"), host("10.0.0.3"))
    assert tagged == {"g-1": "10.0.0.3/id", "g-2": "10.0.0.9/id"}, "a node that says its name has it"
    nodes = Map(tmp_path, declared, "gpu").nodes([host("10.0.0.3")])
    assert [(node.name, node.up, bool(node.reason)) for node in nodes] == [
        ("g-0", False, True),
        ("g-1", True, False),
        ("g-2", False, True),
    ]
