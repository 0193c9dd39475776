"""Policies and service classes on the command line."""

from __future__ import annotations

import json


def test_a_class_is_asked_for_and_shown(site):
    id_ = site.run("--class", "service", "--min-runtime", "5m", "--checkpoint-every", "1m", "--", "true")
    assert site.row(id_)["class"] == "service"
    assert site("why", id_, "--json").json["class"] == "service"
    assert "Of class service: each of its work that is first in line is promised a start." in site("why", id_).out
    wrong = site("run", "--project", "ada", "--class", "servise", "--", "true", code=2)
    assert wrong.line == "shanyrak: class 'servise': it does not exist. Did you mean 'service'?"
    refused = site("run", "--project", "ada", "--min-runtime", "2h", "--", "true", code=4)
    assert (
        "refused by rule undisturbed" in refused.line
        and "What would pass: the same with --min-runtime 1h" in refused.line
    )


def test_a_policy_is_shown_and_activated_on_a_rehearsal(site, tmp_path):
    assert site("policy", "show", "--json").json["activated"] is None
    report = tmp_path / "report.json"
    wrong = site("policy", "activate", "fifo", "--rehearsal", report, code=2)
    assert "it cannot be read" in wrong.line
    report.write_text(json.dumps({"trace": {"sha256": "0"}, "semantics": {}, "policies": [{"name": "fifo"}]}))
    assert site("policy", "activate", "fifo", "--rehearsal", report).out == "Policy fifo is active.\n"
    shown = site("policy", "show").out
    assert "on a rehearsal (sha256 " in shown and "promise_classes = 2" in shown and "batch" in shown
    assert [row["name"] for row in site("policy", "list", "--json").json if row["active"]] == ["fifo"]
    file = site.folder / "commons.toml"
    file.write_text(file.read_text().replace("second_actor = false", "second_actor = true"))
    said = site("policy", "activate", "easy").out
    assert said == "Policy easy is proposed. It becomes active when a second operator gives the same command.\n"
    again = site("policy", "activate", "easy", code=4)
    assert again.line.startswith("shanyrak: policy easy: you have proposed it, and it takes a second person.")
    assert "proposed by" in site("policy", "list").out
    assert "waits for a second operator" in site("policy", "show", "easy").out
    assert site("policy", "show", "--json").json["name"] == "fifo"
