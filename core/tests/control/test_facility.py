"""The facility: what is declared, what engines report, drains and windows."""

from typing import Any

import pytest
from shanyrak.config.commons import Commons
from shanyrak.config.write import replace, write_new
from shanyrak.control import facility
from shanyrak.control.feed import Feed
from shanyrak.errors import RefusedProblem, UsageProblem
from shanyrak.testing.fakes import CPU, Bench, settle

GPU = {"name": "gpu", "engine": "fake", "unit": "gpu", "nodes": 2, "units": 2, "cpus": 8, "memory": "16G"}


def declare(bench: Bench, pools: list[dict[str, Any]], **sectors: Any) -> bool:
    """As when a person has changed commons.toml and any command opens the site."""
    data: dict[str, Any] = {"pools": pools, "policy": {"active": "kernel", "margin": "0s"}}
    data["accounts"] = {"store": bench.site.commons.accounts.store}
    commons = Commons.model_validate(data | ({"sectors": sectors} if sectors else {}))
    (bench.folder / "commons.toml").unlink()
    write_new(bench.folder, commons)
    return facility.declare(bench.site.journal, "me", commons)


def test_what_policies_are_told_is_on_record_and_counts_at_once(bench: Bench) -> None:
    with bench.controller() as controller:
        settle(controller)
        file = bench.folder / "commons.toml"
        replace(file, file.read_text().replace("[policy.settings]", "[policy.settings]\nage = 7"))
        bench.open().close()
        assert bench.site.events()[-1].data()["settings"]["params"].startswith('{"age":7,"depth":1,')
        settle(controller)
        assert controller.decider.params["age"] == 7
        replace(file, "no TOML")
        with bench.site.journal.write("me") as writer:
            writer.append("settings.changed", "policy", {"settings": {}})
        settle(controller)
        assert controller.decider.params["age"] == 7, "a file that cannot be read changes nothing"


def numbers(bench: Bench) -> dict[str, int]:
    with bench.site.journal.read() as rows:
        return dict(rows.all("SELECT name, id FROM node"))


def nodes(bench: Bench) -> dict[str, tuple[str, int]]:
    return {row["node"]: (row["state"], row["usable"]) for row in bench.site.nodes()}


def test_declaring_the_same_again_changes_nothing(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    before = bench.types()
    assert declare(bench, [CPU, GPU]) is False
    assert declare(bench, [GPU, CPU]) is False, "the order of the file is no difference"
    bench.open().close()
    assert bench.types() == before


def test_sectors_that_are_gone_are_no_difference_for_ever(make: Any) -> None:
    bench = make()
    assert declare(bench, [CPU], startup={"weight": 2}, public={}) is True
    assert declare(bench, [CPU], public={}, startup={"weight": 2}) is False
    assert declare(bench, [CPU], startup={"weight": 3}, public={}) is True


def test_numbers_stay_for_ever(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    before = numbers(bench)
    assert declare(bench, [GPU])
    assert list(nodes(bench)) == ["gpu-0", "gpu-1"]
    assert declare(bench, [{**CPU, "nodes": 3}, GPU])
    after = numbers(bench)
    assert {name: after[name] for name in before} == before
    assert after["cpu-2"] == max(before.values()) + 1


def test_shares_of_sectors_are_units_of_all(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    declare(bench, [CPU, GPU], public={"floor": "25%", "cap": "50%"}, startup={"cap": 5})
    with bench.site.journal.read() as rows:
        found = rows.all(
            "SELECT name, floor, cap FROM account WHERE name IN ('sector/public', 'sector/startup') ORDER BY 1"
        )
    assert found == [("sector/public", 3, 6), ("sector/startup", 0, 5)]


def test_work_in_a_pool_that_is_removed_runs_to_its_end(make: Any) -> None:
    bench = make(pools=[CPU, GPU])
    bench.fund("p", 1000, "gpu-second")
    bench.run(gpus=1)
    waits = bench.run(gpus=2, width=2)
    engine = bench.engine("gpu")
    with bench.controller() as controller:
        settle(controller)
        declare(bench, [CPU])
        settle(controller)
        assert bench.state(1) == "running/running"
    with bench.controller() as controller:  # also after a restart
        settle(controller)
        engine.finish(engine.starts[0])
        settle(controller)
        assert bench.state(1) == "done/ok"
        assert bench.state(waits.id) == "queued/waiting"
    assert [reason["rule"] for reason in bench.site.why(waits.id)["reasons"]][0] == "nodes"


def test_a_pool_that_is_added_while_the_controller_runs_is_used(make: Any) -> None:
    bench = make()
    with bench.controller() as controller:
        settle(controller)
        declare(bench, [CPU, GPU])
        bench.fund("p", 1000, "gpu-second")
        bench.run(gpus=2)
        settle(controller)
        assert bench.state(1) == "running/running"


def test_engines_report_and_the_lesser_counts(bench: Bench) -> None:
    engine = bench.engine()
    from dataclasses import replace

    with bench.controller() as controller:
        settle(controller)
        assert nodes(bench) == {"cpu-0": ("up", 4), "cpu-1": ("up", 4)}
        engine.machines["cpu-0"] = replace(engine.machines["cpu-0"], units=2)
        engine.machines["cpu-1"] = replace(engine.machines["cpu-1"], units=99)
        settle(controller)
        assert nodes(bench) == {"cpu-0": ("up", 2), "cpu-1": ("up", 4)}
        engine.down("cpu-1")
        settle(controller)
        assert nodes(bench)["cpu-1"][0] == "down"
        del engine.machines["cpu-0"]
        settle(controller)
        row = bench.site.nodes()[0]
        assert (row["state"], row["usable"], row["reason"]) == ("down", 0, "its engine does not know it")
        count = len(bench.types())
        settle(controller)
        assert len(bench.types()) == count, "what is the same is not said again"


def test_a_drained_node_takes_nothing_new_and_keeps_its_reason(bench: Bench) -> None:
    bench.run(cpus=4)
    bench.site.drain(["cpu-0"], "new fans")
    with bench.controller() as controller:
        settle(controller)
        bench.run(cpus=4)
        settle(controller)
        assert [bench.state(1), bench.state(2)] == ["running/running", "queued/waiting"]
        bench.engine().down("cpu-0")
        settle(controller)
        bench.engine().up("cpu-0")
        settle(controller)
        row = bench.site.nodes()[0]
        assert (row["state"], row["reason"]) == ("drained", "new fans")
        bench.site.undrain(["cpu-0"])
        settle(controller)
        assert bench.state(2) == "running/running"
    before = bench.types()
    bench.site.undrain(["cpu"])
    assert bench.types() == before, "what is not drained needs no event"


def test_names_of_nodes_and_pools(bench: Bench) -> None:
    bench.site.drain(["cpu"])
    assert {state for state, _ in nodes(bench).values()} == {"drained"}
    with pytest.raises(UsageProblem, match="node 'cpu-9': it does not exist. Did you mean 'cpu-"):
        bench.site.drain(["cpu-9"])
    with pytest.raises(UsageProblem, match="none is named"):
        bench.site.drain([])
    bench.site.actor = "somebody"
    for request in (bench.site.drain, bench.site.undrain):
        with pytest.raises(RefusedProblem, match="operators"):
            request(["cpu-0"])


def test_windows_keep_work_off_that_would_reach_into_them(bench: Bench) -> None:
    now = bench.clock.wall
    number = bench.site.add_window(["cpu"], now + 30_000, now + 90_000, "power")
    bench.run(walltime=31, term="500s")
    bench.run(walltime=30)
    with bench.controller() as controller:
        settle(controller)
        assert [bench.state(1), bench.state(2)] == ["queued/waiting", "running/running"]
        bench.site.remove_window(number)
        settle(controller)
        assert bench.state(1) == "running/running"
    with pytest.raises(UsageProblem, match=f"window {number}: it does not exist or is over"):
        bench.site.remove_window(number)
    for start, until in ((now + 10, now + 10), (now + 10, now + 5), (0, now)):
        with pytest.raises(UsageProblem, match="ends before it begins"):
            bench.site.add_window(["cpu"], start, until)


def test_a_lesser_report_takes_nothing_from_what_runs(bench: Bench) -> None:
    bench.run(cpus=4)
    with bench.controller() as controller:
        settle(controller)
        declare(bench, [{**CPU, "units": 2}])
        settle(controller)
        assert bench.state(1) == "running/running"
        with bench.site.journal.read() as rows:
            view = Feed(rows).mirror.view(0, 0)
        assert sorted(view.node_free.tolist()) == [-2, 2]
