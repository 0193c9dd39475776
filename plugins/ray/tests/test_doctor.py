"""What the doctor makes of a cluster, and what a node says when it is asked."""

from __future__ import annotations

import json
import time

from shanyrak_ray import doctor
from shanyrak_ray.cluster import Host
from shanyrak_ray.node import probe
from shanyrak_ray.node.files import Home
from shanyrak_ray.settings import Settings
from shanyrak_ray.vault import Vault


def host() -> Host:
    return Host("10.0.0.2/id", "node:10.0.0.2", 8, 64, 1 << 40)


def test_a_node_says_what_it_sees(tmp_path):
    vault = Vault("127.0.0.1", 1)
    home = Home(str(tmp_path), "doctor-1")
    home.make()
    try:
        home.write("ask.json", vault.put("doctor-1", {"a": "b"}))
        assert probe.main(str(tmp_path), "doctor-1") == 0
    finally:
        vault.close()
    facts = home.read("probe.json")
    assert facts is not None and [facts[what] for what in ("links", "locks", "secrets")] == ["", "", ""]
    begun = time.time_ns() // 1_000_000
    (fine,) = doctor._seen(Settings(), host(), home, "", begun - 60_000)
    assert fine.level == "ok"
    bad = {**facts, "links": "EPERM", "locks": "ENOLCK", "secrets": "refused", "free": 1 << 20, "python": [3, 6, 8]}
    home.write("probe.json", {**bad, "at": begun + 90_000})
    found = {(one.subject, one.level) for one in doctor._seen(Settings(), host(), home, "", begun)}
    place = "node:10.0.0.2"
    assert found == {
        (f"python on {place}", "bad"), (f"spool on {place}", "bad"), (f"spool on {place}", "warn"),
        (f"secrets on {place}", "warn"), (f"clock of {place}", "warn"),
    }  # fmt: skip


def test_the_doctor_tells_of_a_slow_head_of_nodes_with_one_name_and_of_an_open_spool(
    lab, player, tmp_path, monkeypatch
):
    spool = tmp_path / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    told = json.loads(player.recorded("nodes")[1])
    (node, *_) = told["data"]["result"]["result"]
    node["resources_total"]["shanyrak:gpu-0"] = 1
    told["data"]["result"]["result"] = [node, {**node, "node_id": "other"}]
    player.say("GET", "/api/v0/nodes", 200, json.dumps(told))
    player.say("POST", "/api/jobs/", 500, "no agent")
    monkeypatch.setattr(doctor, "SLOW_S", -1)
    found = {
        one.subject: one for one in doctor.examine(lab.settings.model_copy(update={"spool": str(spool)}), tmp_path)
    }
    assert found["answer"].level == "warn" and "overloaded" in found["answer"].fix
    assert found["node gpu-0"].level == "bad" and "2 nodes" in found["node gpu-0"].words
    assert found[f"spool {spool}"].level == "bad" and "everybody" in found[f"spool {spool}"].words
    assert "no agent" in found["node shanyrak:gpu-0"].words
    assert list(spool.glob("jobs/*/*")) == []


def test_the_doctor_names_what_is_there_and_what_lacks(lab, player):
    found = {one.subject: one for one in doctor.examine(lab.settings, lab.folder)}
    assert found["version"].level == "ok" and "2.60.0" in found["version"].words
    assert found["door"].level == "warn" and "RAY_AUTH_MODE" in found["door"].fix
    player.say("GET", "/api/version", 200, '{"ray_version": "2.9.3"}')
    found = {one.subject: one for one in doctor.examine(lab.settings, lab.folder)}
    assert found["version"].level == "bad"
    player.close()
    (only,) = doctor.examine(lab.settings, lab.folder)
    assert only.level == "bad" and only.fix
