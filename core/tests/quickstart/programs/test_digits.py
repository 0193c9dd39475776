"""Training, inference, assessment, search and components on the real digits."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from shanyrak.quickstart import plan
from shanyrak.quickstart.programs import digits
from shanyrak.quickstart.programs.files import BadData
from shanyrak.quickstart.programs.network import Network

BARE = {"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def test_training_reads_unseen_digits(trained):
    report = json.loads((trained / "training.json").read_text())
    assert report["accuracy"] > 0.95
    assert report["epochs"] == len(report["history"]) == 40
    assert report["history"][-1]["loss"] < report["history"][0]["loss"] / 5


def test_no_image_is_both_learned_from_and_judged():
    learn, judge = digits.split(digits.load(digits.PATH), 1)
    assert len(learn.y) + len(judge.y) == 1797
    assert not set(learn.row) & set(judge.row)


def test_a_killed_training_goes_on_and_ends_the_same(trained, tmp_path):
    train = next(work for work in plan.WORKLOADS if work.label == "train")
    with subprocess.Popen(
        train.command(sys.executable), cwd=tmp_path, env=BARE | train.env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("epoch   5"):
                process.kill()
                break
    assert not (tmp_path / "training.json").exists()
    stopped = Network.load(tmp_path / "digits-network.npz").epochs
    assert 5 <= stopped < 40
    again = subprocess.run(
        train.command(sys.executable), cwd=tmp_path, env=BARE | train.env, capture_output=True, text=True, check=True
    )
    assert f"after epoch {stopped}" in again.stdout
    whole, parts = (Network.load(at / "digits-network.npz") for at in (trained, tmp_path))
    assert all(np.allclose(a, b, atol=1e-9) for a, b in zip(whole.weights, parts.weights, strict=True))


def test_inference_uses_the_trained_network(predicted):
    rows = list(csv.DictReader((predicted / "predictions.csv").open()))
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    report = json.loads((predicted / "training.json").read_text())
    assert len(rows) == 500
    assert right == pytest.approx(report["accuracy"])


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_inference_without_a_sound_checkpoint_says_so(start, trained, tmp_path, damage):
    target = tmp_path / "digits-network.npz"
    if damage == "cut":
        target.write_bytes((trained / "digits-network.npz").read_bytes()[:5000])
    elif damage == "other":
        np.savez(target, unrelated=np.zeros(3))
    done = start("predict", tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("bad data: digits-network.npz: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "predictions.csv").exists()


def test_assessment_gives_an_interval_around_the_accuracy(start, predicted):
    done = start("assess", predicted)
    assert done.returncode == 0, done.stderr
    found = json.loads((predicted / "assessment.json").read_text())
    low, high = found["interval"]
    # The exact standard error of a share gives nearly the same interval.
    half = 1.96 * np.sqrt(found["accuracy"] * (1 - found["accuracy"]) / found["images"])
    assert low < found["accuracy"] < high
    assert high - low == pytest.approx(2 * half, rel=0.3)
    assert sum(map(sum, found["confusion"])) == sum(d["images"] for d in found["by_digit"].values()) == 500


def test_the_search_finds_a_better_point_than_its_worst(start, tmp_path):
    for task in range(16):
        done = start("sweep", tmp_path, SHANYRAK_TASK=str(task))
        assert done.returncode == 0, done.stderr
    done = start("sweep-best", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "sweep-best.json").read_text())
    scores = [point["accuracy"] for point in found["points"]]
    assert found["held_out_accuracy"] > 0.93
    assert found["best"]["accuracy"] == max(scores) > min(scores) + 0.04
    (tmp_path / "sweep" / "point-07.json").unlink()
    missing = start("sweep-best", tmp_path)
    assert missing.returncode == 3
    assert "point-07.json" in missing.stderr


def test_a_task_outside_the_grid_is_a_usage_error(start, tmp_path):
    done = start("sweep", tmp_path, SHANYRAK_TASK="16")
    assert done.returncode == 2
    assert "points 0 to 15" in done.stderr


def test_a_dozen_components_are_nearly_as_good_as_all(start, tmp_path):
    done = start("components", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "components.json").read_text())
    by_size = {row["components"]: row for row in found["rows"]}
    assert by_size[1]["accuracy"] < 0.5 < 0.97 < by_size[64]["accuracy"]
    assert 8 <= found["enough"] <= 24
    assert by_size[64]["variance"] == pytest.approx(1)
    assert "<polyline" in (tmp_path / "components.svg").read_text()


@pytest.mark.parametrize(
    "text", ["", "1,2,3\n", ",".join(["17"] * 64 + ["1"]), ",".join(["1"] * 65), ",".join(["x"] * 65)]
)
def test_a_file_that_is_not_digits_is_refused(tmp_path, text):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(BadData):
        digits.load(path)


def test_a_cut_file_of_digits_is_refused(tmp_path):
    path = tmp_path / "digits.csv.gz"
    shutil.copy(digits.PATH, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadData):
        digits.load(path)
