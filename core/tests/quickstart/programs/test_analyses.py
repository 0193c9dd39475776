"""The analyses of open data find what is known of them; damaged data are named by file and line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from shanyrak.quickstart import plan
from shanyrak.quickstart.programs import files, leading_sectors, series


def test_carbon_dioxide_rises_faster_and_faster(start, tmp_path):
    done = start("co2-trend", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "co2-trend.json").read_text())
    growth = {year: rate["estimate"] for year, rate in found["growth_ppm_a_year"].items()}
    # Mauna Loa rose by 0.7 to 1.0 ppm a year about 1960, and by 2.3 to 2.7 about 2020.
    assert 0.6 < growth["1959"] < 1.1 < growth["1990"] < 2.2 < growth["2020"] < 2.8
    assert found["growth_rise"]["interval"][0] > 1
    assert 5.5 < found["seasonal_swing_ppm"] < 7.5
    assert 2030 < found["level_passed"]["interval"][0] < found["level_passed"]["interval"][1] < 2040
    assert (tmp_path / "co2-trend.svg").read_text().rstrip().endswith("</svg>")


def test_the_same_seed_gives_the_same_intervals(start, tmp_path):
    results = []
    for seed in ("1", "1", "2"):
        assert start("co2-trend", tmp_path, "--seed", seed).returncode == 0
        results.append((tmp_path / "co2-trend.json").read_bytes())
    assert results[0] == results[1] != results[2]


def test_a_level_out_of_reach_is_a_usage_error(start, tmp_path):
    done = start("co2-trend", tmp_path, "--level", "100000")
    assert done.returncode == 2
    assert "--level 100000" in done.stderr


def test_a_logistic_plan_beats_no_change(start, tmp_path):
    done = start("power-mix", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "power-mix.json").read_text())
    assert found["share"][0] == pytest.approx(0.035, abs=0.002)
    assert found["share"][-1] == pytest.approx(0.388, abs=0.002)
    assert found["plan_error"] < found["no_change_error"] / 2
    low, high = found["interval"]
    assert 2016 < low < found["half_renewable"] < high < 2022


def test_a_forecast_of_heat_beats_both_plain_rules(start, tmp_path):
    done = start("heating", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "heating-forecast.json").read_text())["mean_absolute_error"]
    assert all(row["model"] <= min(row["as_today"], row["as_usual"]) for row in rows)
    assert rows[0]["model"] < rows[0]["as_today"] * 0.95
    assert rows[0]["model"] < rows[-1]["model"]


def test_the_broken_delivery_fails_with_its_line(start, tmp_path):
    done = start("check-delivery", tmp_path)
    assert done.returncode == 3
    assert done.stderr == ("bad data: us-employment-cut.csv, line 90: 19 fields where the header has 24\n")
    assert not (tmp_path / "checked.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2006-03-01,", "2006-04-01,", "line 4: 2006-04-01 does not follow"),
        ("2006-03-01,", "spring,", "line 4: 'spring' is not a date"),
        (",113603,", ",,", "line 2: private is '', not a number"),
        (",113603,", ",inf,", "line 2: private is 'inf', not a finite number"),
        ("month,", "week,", "no column month"),
    ],
)
def test_the_check_names_what_is_wrong(tmp_path, old, new, says):
    text = (plan.DATA / "us-employment.csv").read_text()
    assert old in text
    table = tmp_path / "table.csv"
    table.write_text(text.replace(old, new, 1))
    command = [sys.executable, "-P", str(plan.PROGRAMS / "check_table.py"), str(table)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert says in done.stderr


def test_the_whole_delivery_passes_the_check(tmp_path):
    command = [
        sys.executable,
        "-P",
        str(plan.PROGRAMS / "check_table.py"),
        str(plan.DATA / "us-employment.csv"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "checked.json").read_text())["rows"] == 120


def test_a_killed_search_goes_on_from_its_last_second(start, tmp_path):
    work = next(work for work in plan.WORKLOADS if work.label == "leading-sectors")
    place = tmp_path / "leading-sectors.json"
    tried = [0]
    for _ in range(2):
        with subprocess.Popen(
            work.command(sys.executable), cwd=tmp_path, env=work.env, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert f"from number {tried[-1]:,}" in process.stdout.readline()
            assert "tried" in process.stdout.readline()
            process.kill()
        assert process.returncode == -signal.SIGKILL
        tried.append(json.loads(place.read_text())["tried"])
    assert 0 < tried[1] < tried[2]


def test_the_search_finds_the_best_of_all_small_sets(start, tmp_path):
    done = start("leading-sectors", tmp_path, "--most", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "leading-sectors.json").read_text())
    names, x, y = leading_sectors.signals(plan.DATA / "us-employment.csv")
    x, y = x[: -leading_sectors.UNSEEN], y[: -leading_sectors.UNSEEN]
    assert found["tried"] == 34 + 34 * 33 // 2
    # The closed form of the leave-one-out error against leaving each month out in turn.
    chosen = [names.index(name) for name in found["signals"]]
    design = np.column_stack([np.ones(len(x)), x[:, chosen]])
    rest = []
    for row in range(len(x)):
        others = np.arange(len(x)) != row
        weights = np.linalg.lstsq(design[others], y[others], rcond=None)[0]
        rest.append(y[row] - design[row] @ weights)
    assert found["error"] == pytest.approx(np.sqrt(np.mean(np.square(rest))))
    assert all(leading_sectors.error(x[:, [i]], y) >= found["error"] for i in range(len(names)))


def test_a_foreign_checkpoint_is_not_taken(start, tmp_path):
    (tmp_path / "leading-sectors.json").write_text("[]")
    done = start("leading-sectors", tmp_path)
    assert done.returncode == 3
    assert "not a checkpoint of this search" in done.stderr


def test_a_first_program_checks_its_own_products(start, tmp_path):
    done = start("first-program", tmp_path, "--sizes", "32", "128", "--seconds", "0.01")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "first-program.json").read_text())
    assert [row["size"] for row in found["rows"]] == [32, 32, 128, 128]
    assert all(row["gflop_a_second"] > 0 for row in found["rows"])


def test_a_block_resample_keeps_level_and_blocks():
    rest = np.sin(np.arange(120))
    drawn = series.block_resample(rest, 500, 12, np.random.default_rng(0))
    assert drawn.shape == (500, 120)
    steps = set(np.round(np.diff(rest), 9))
    kept = np.isin(np.round(np.diff(drawn[0]), 9), list(steps))
    assert kept.mean() > 0.9
    assert abs(drawn.mean()) < 0.05


def test_a_write_that_fails_leaves_the_file_before_it(tmp_path, monkeypatch):
    target = tmp_path / "result.json"
    files.write_json(target, {"run": 1})

    def full(self, content):
        with open(self, "wb") as half:
            half.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_json(target, {"run": 2})
    assert json.loads(target.read_text()) == {"run": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_written_is_one_line(start, tmp_path):
    (tmp_path / "out").write_text("a file where a folder should be")
    done = start("power-mix", tmp_path, "--out", "out/result.json")
    assert done.returncode == 1
    assert done.stderr.startswith("cannot go on: ")
    assert done.stderr.count("\n") == 1
