"""What is not as it should be: a proxy in Ray's place, a Ray that is slow, a launch that is asked for twice."""

from __future__ import annotations

import json

import pydantic
import pytest
from shanyrak.api import EngineProblem
from shanyrak_ray import doctor
from shanyrak_ray.http import Dashboard
from shanyrak_ray.node.files import Home
from shanyrak_ray.settings import Settings

PAGE = "<!DOCTYPE html>\n<html><head><title>\n Please sign in </title></head><body>nginx</body></html>"


# ---- who answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text"),
    [(200, PAGE), (404, PAGE), (404, "404: Not Found"), (302, ""), (502, PAGE), (400, PAGE)],
    ids=["login", "no page", "no route", "elsewhere", "no Ray behind", "bad request"],
)
def test_another_that_answers_takes_no_work_and_loses_none(lab, player, status, text):
    """Nothing is fenced, nothing is concluded; when Ray is back, all goes on under the same tokens."""
    lab.engine.launch([lab.build("t1", "true"), lab.build("t2", "sh", "-c", "exit 3")])
    lab.front("t2").wait(300)
    for method, path in (("POST", "/api/jobs/"), ("GET", "/api/jobs/"), ("GET", f"/api/jobs/{lab.engine.id_of('t1')}"),
                         ("GET", f"/api/jobs/{lab.engine.id_of('t3')}")):  # fmt: skip
        player.say(method, path, status, text)
    waits, ended = lab.engine.observe(["t1", "t2"])
    assert (waits.state, ended.exit_code) == ("pending", 3) and "\n" not in waits.words
    with pytest.raises(EngineProblem) as caught:
        lab.engine.launch([lab.build("t3", "true")])
    assert "\n" not in str(caught.value)
    if text == PAGE:
        assert "a web page: Please sign in" in waits.words and "address" in str(caught.value)
    player.play("POST", "/api/jobs/", "submitted")
    (again,) = lab.engine.launch([lab.build("t3", "sh", "-c", "exit 4")])
    lab.front("t3").wait(300)
    assert again.handle and lab.see("t3").exit_code == 4


@pytest.mark.parametrize("text", ["[]", "null", '"x"', '{"detail": "not here"}', '{"status": ""}', "[1]"])
def test_json_that_tells_of_no_job_is_one_clear_line(lab, player, text):
    lab.engine.launch([lab.build("t1", "true"), lab.build("t2", "sh", "-c", "exit 3")])
    lab.front("t2").wait(300)
    player.say("GET", f"/api/jobs/{lab.engine.id_of('t1')}", 200, text)
    waits, ended = lab.engine.observe(["t1", "t2"])
    assert (waits.state, ended.exit_code) == ("pending", 3) and "tells of no job" in waits.words
    player.say("GET", "/api/version", 200, text)
    (only,) = doctor.examine(lab.settings, lab.folder)
    assert only.level == "bad" and "names no version" in only.words


def test_a_token_that_ray_does_not_take_is_not_called_missing(lab, player, tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    settings = lab.settings.model_copy(update={"token_file": str(token)})
    with pytest.raises(EngineProblem, match="it holds no token"):
        Dashboard(settings).nodes()
    token.write_text("two\nlines")
    with pytest.raises(EngineProblem, match="it holds no token"):
        Dashboard(settings).nodes()
    token.write_text("of-another-cluster\n")
    player.play("GET", "/api/v0/nodes", "no-token")
    with pytest.raises(EngineProblem, match=f"does not take the token in {token}.*Invalid authentication token"):
        Dashboard(settings).nodes()


@pytest.mark.parametrize("address", ["http://h:port", "http://h:99999", "http://[::1"])
def test_an_address_that_is_none_is_one_clear_line(address):
    (only,) = doctor.examine(Settings(address=address), None)
    assert only.level == "bad" and "http://HOST:8265" in only.fix


@pytest.mark.parametrize("key", ["spool", "token_file"])
def test_paths_mean_the_same_wherever_it_is_called(key):
    """The controller, `logs` and `stop` run in different folders."""
    with pytest.raises(pydantic.ValidationError, match=key):
        Settings.model_validate({key: "relative/to/what"})


# ---- a slow Ray -------------------------------------------------------------------------------------------


def test_a_slow_ray_is_asked_no_more_than_half_of_the_time(lab, player, monkeypatch):
    lab.engine.launch([lab.build("t1", "true")])
    clock, real = [1000.0], lab.engine.ray.job

    def slowly(id_: str):
        clock[0] += 10
        return real(id_)

    monkeypatch.setattr("shanyrak_ray.engine.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(lab.engine.ray, "job", slowly)
    lab.see("t1")
    asked = len(player.asked)
    clock[0] += 9
    assert lab.see("t1").state == "pending" and len(player.asked) == asked
    clock[0] += 2
    assert lab.see("t1").state == "pending" and len(player.asked) > asked


def test_what_a_head_has_forgotten_is_asked_for_in_parts(lab, player, monkeypatch):
    """A thousand that waited do not hold up what has ended meanwhile."""
    tokens = [f"w{number}" for number in range(30)]
    lab.engine.launch([lab.build(token, "true") for token in tokens])
    player.say("GET", "/api/jobs/", 200, "[]")
    monkeypatch.setattr("shanyrak_ray.engine.ASK_S", 0)
    before = len(player.posts())
    assert {seen.state for seen in lab.engine.observe(tokens)} == {"pending"}
    assert len(player.posts()) - before == lab.settings.parallel


def test_to_forget_needs_no_ray(lab, player):
    """What is on record goes from the spool; what Ray keeps of it goes when Ray is back."""
    lab.run("t1", "true")
    path = f"/api/jobs/{lab.engine.id_of('t1')}"
    player.say("DELETE", path, 403, "")
    lab.engine.forget(["t1"])
    assert not Home(str(lab.folder), "t1").there("launch.json")
    player.play("DELETE", path, "deleted")
    lab.engine.forget([])
    assert [method for method, asked, _ in player.asked if asked == path] == ["DELETE", "DELETE"]
    lab.engine.forget([])
    assert len([1 for _, asked, _ in player.asked if asked == path]) == 2


def test_two_sites_on_one_ray_do_not_meet(lab, player, tmp_path):
    """Under one token each has a job of its own; what the other has under its id is not taken for ours."""
    other = type(lab)(tmp_path / "other", player.url)
    try:
        assert other.engine.id_of("t1") != lab.engine.id_of("t1")
        lab.engine.launch([lab.build("t1", "true")])
        (mine, _) = player.posts()[-1], other.engine.launch([other.build("t1", "true")])
        assert [body["metadata"]["shanyrak"] for body in player.posts()] == [str(lab.folder), str(other.folder)]
        player.say("POST", "/api/jobs/", 500, "already exists")
        player.say("GET", f"/api/jobs/{other.engine.id_of('t2')}", 200, json.dumps({**mine, "status": "RUNNING"}))
        (reply,) = other.engine.launch([other.build("t2", "true")])
        assert "not ours" in reply.refused
    finally:
        other.close()


# ---- asked for again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"nodes": (("gpu-7", 1),)}, {"cpus": 17}, {"user": "another"}])
def test_what_ray_has_already_is_fenced_before_it_is_refused(lab, change):
    """Ray took it and its answer was lost; meanwhile its node is gone, or is smaller. It must not start after the refusal."""
    lab.engine.launch([lab.build("t1", "touch", str(lab.folder / "began"))])
    (again,) = lab.engine.launch([lab.build("t1", "touch", str(lab.folder / "began"), **change)])
    assert again.refused
    lab.front("t1").wait(300)
    assert not (lab.folder / "began").exists() and lab.see("t1").fenced


def test_what_runs_already_is_not_refused(lab, wait_for):
    lab.engine.launch([lab.build("t1", "sleep", "60")])
    lab.front("t1")
    wait_for(lambda: lab.see("t1").state == "running", "it runs")
    (again,) = lab.engine.launch([lab.build("t1", "sleep", "60", nodes=(("gpu-7", 1),))])
    assert again.handle and not again.refused
