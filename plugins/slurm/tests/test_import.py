"""Past work from a real sacct: once, whose it was, of the months it ran in, and nobody forges any."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from shanyrak.api import EngineProblem, UsageProblem
from shanyrak_slurm.bring import sacct
from shanyrak_slurm.calls import Slurm
from shanyrak_slurm.settings import Settings
from shanyrak_slurm.trial import Cluster
from slurmlab.office import Office, until

Make = Callable[..., Office]
HOUR = 3600


def stamp(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Jobs:
    """Jobs of one account of a cluster that other tests use, too."""

    def __init__(self, cluster: Cluster, account: str) -> None:
        self.cluster, self.account = cluster, account
        cluster.run("sacctmgr", "-i", "add", "account", account, f"Description={account}", "Organization=test")
        cluster.run("sacctmgr", "-i", "add", "user", "root", f"Account={account}")

    def submit(self, *arguments: str, script: str = "true") -> str:
        return self.cluster.run(
            "sbatch", "--parsable", "-o", "/dev/null", "-A", self.account, *arguments, "--wrap", script
        ).strip()

    def states(self) -> list[str]:
        text = self.cluster.run(
            "sacct", "-n", "-P", "-X", "-D", "-S", "now-1days", "-A", self.account, "-o", "State,End"
        )
        return text.splitlines()

    def ended(self, number: int) -> bool:
        return until(lambda: sum("Unknown" not in line and "PENDING" not in line for line in self.states()) >= number)

    def move(self, job: str, start: str, seconds: int) -> None:
        """As if it had run then."""
        began = stamp(start)
        self.cluster.sql(
            f"UPDATE slurm.trial_job_table SET time_submit = {began - 60}, time_eligible = {began - 60}, time_start = {began},"
            f" time_end = {began + seconds} WHERE id_job = {job}"
        )


@pytest.fixture(scope="module")
def gone(accounting: Cluster) -> Jobs:
    """Jobs of every kind that have ended, and one that runs."""
    jobs = Jobs(accounting, "phys")
    jobs.submit("--gres=gpu:2")
    jobs.submit("--gres=gpu:h200:4", "-N2", script="exit 3")
    jobs.submit("--array=0-3", "--gres=gpu:1")
    jobs.submit("-c3", "-J", "two\nlines|and\x1fends")
    cancelled = jobs.submit(script="sleep 300")
    jobs.submit("-J", "lasts", "--gres=gpu:1", script="sleep 3000")
    never = jobs.submit("--gres=gpu:8", "-N2")
    assert until(lambda: any("RUNNING" in line for line in jobs.states()))
    time.sleep(1)
    accounting.run("scancel", never)
    accounting.run("scancel", cancelled)
    assert jobs.ended(9)
    return jobs


def test_all_that_ended_is_in_once_and_agrees_with_sacct(gone: Jobs, office: Make) -> None:
    here = office(gone.cluster)
    here.site.add_project("phys", "university", "Physics")
    looked = here.data("import", "--since", "2020-01-01", "--dry-run")
    assert looked["new"] >= 8 and here.site.past() == []
    told = here.data("import", "--since", "2020-01-01")
    assert told["source"] == "slurm/trial"
    assert told["projects"]["phys"]["jobs"] == 8 == told["new"], "two, four tasks, the one with CPUs, the cancelled one"
    assert told["running"] >= 1 and told["never_started"] >= 1
    rows = here.site.past()
    assert len(rows) == 8
    text = gone.cluster.run("sacct", "-n", "-P", "-X", "-S", "now-1days", "-A", "phys", "-o", "JobID,ElapsedRaw,State")
    expected = {
        job: int(elapsed)
        for job, elapsed, state in (line.split("|") for line in text.splitlines())
        if not state.startswith(("RUNNING", "PENDING")) and job in {row.label for row in rows}
    }
    assert {row.label: row.ran // 1000 for row in rows} == expected
    assert sorted((row.width, row.units) for row in rows) == [(1, 1)] * 6 + [(1, 2), (2, 4)]
    again = here.data("import")
    assert (again["new"], again["known"]) == (0, 8)


@pytest.mark.engines
def test_what_ends_later_comes_with_the_next_import(accounting: Cluster, office: Make) -> None:
    jobs, here = Jobs(accounting, "later"), office(accounting)
    here.site.add_project("later", "university", "Later")
    job = jobs.submit("--gres=gpu:1", script="sleep 300")
    jobs.submit("--gres=gpu:1")
    assert until(
        lambda: any("RUNNING" in line for line in jobs.states()) and any("COMPLETED" in line for line in jobs.states())
    )
    assert here.data("import", "--since", "2020-01-01")["new"] == 1
    accounting.run("scancel", job)
    assert jobs.ended(2)
    assert here.data("import")["new"] == 1


def test_a_job_over_the_end_of_a_month_is_charged_to_both_and_counted_once(accounting: Cluster, office: Make) -> None:
    jobs, here = Jobs(accounting, "border"), office(accounting)
    here.site.add_project("border", "university", "Border")
    here.site.add_grant("border", 10_000, "gpu-hour", start=stamp("2026-04-01") * 1000)
    with here.site.journal.write(
        "test"
    ) as writer:  # terms that are over can no longer be issued; these two meet in May
        writer.rows.run("SELECT 1")
    ids = [jobs.submit("--gres=gpu:4") for _ in range(3)]
    assert jobs.ended(3)
    jobs.move(ids[0], "2026-04-30T22:00:00", 4 * HOUR)
    jobs.move(ids[1], "2026-03-31T23:00:00", 2 * HOUR)  # an hour before the grant
    jobs.move(ids[2], "2026-04-20T00:00:00", 30 * 86400)  # several calls of sacct show it
    told = here.data("import", "--since", "2026-03-01", "--until", "2026-06-01", "--charge")
    assert told["projects"]["border"] == {"jobs": 3, "gpu-second": 4 * (6 * HOUR + 30 * 86400)}
    assert told["charged"] == {"gpu-second": 4 * (5 * HOUR + 30 * 86400)}
    march = here.data("import", "--since", "2026-03-01", "--until", "2026-04-01", "--charge")
    assert (march["new"], march["known"], march["running"]) == (0, 0, 1), "it had not ended by then"
    april_ = here.data("import", "--since", "2026-04-01", "--until", "2026-05-01", "--charge")
    assert (april_["new"], april_["known"]) == (0, 1)
    used = sum(row["used"] for row in here.site.grants("border"))
    assert used == 4 * (5 * HOUR + 30 * 86400)


@pytest.mark.engines
def test_a_requeued_job_is_each_of_its_runs(accounting: Cluster, office: Make) -> None:
    jobs, here = Jobs(accounting, "again"), office(accounting)
    here.site.add_project("again", "university", "Again")
    job = jobs.submit("--requeue", "--gres=gpu:1", script='[ -n "$SLURM_RESTART_COUNT" ] || sleep 300')
    assert until(lambda: any("RUNNING" in line for line in jobs.states()))
    accounting.run("scontrol", "requeue", job)
    assert until(lambda: "PENDING" in accounting.run("squeue", "-h", "-j", job, "-o", "%T"))
    accounting.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    assert jobs.ended(2)
    assert here.data("import", "--since", "2020-01-01")["projects"]["again"]["jobs"] == 2
    assert here.data("import")["new"] == 0


def test_accounts_that_are_no_project_are_named_and_may_be_mapped(gone: Jobs, office: Make) -> None:
    here = office(gone.cluster)
    told = here.data("import", "--since", "2020-01-01")
    assert told["new"] == 0 and told["not_mapped"]["phys"]["jobs"] == 8
    words = here.call("import", "--since", "2020-01-01").output
    assert "8 jobs of account phys" in words and "--map" in words
    here.site.add_project("lab", "university", "Lab")
    path = here.folder / "map.toml"
    path.write_text('[accounts]\nphys = "labb"\n')
    with pytest.raises(UsageProblem, match="labb"):
        here.call("import", "--since", "2020-01-01", "--map", path)
    path.write_text("[tables]\n")
    with pytest.raises(UsageProblem, match="tables"):
        here.call("import", "--since", "2020-01-01", "--map", path)
    path.write_text('[accounts]\nphys = "lab"\n')
    assert here.data("import", "--since", "2020-01-01", "--map", path)["projects"]["lab"]["jobs"] == 8


def test_names_of_jobs_forge_nothing(accounting: Cluster, office: Make) -> None:
    jobs, here = Jobs(accounting, "forge"), office(accounting)
    here.site.add_project("forge", "university", "Forge")
    token = f"{here.site.token}.1.0.1"
    line = "trial|999|999|phys|root|main|COMPLETED|2026-01-01T00:00:00|2026-01-01T00:00:00|2026-01-02T00:00:00|86400|60|1|1|"
    victim = jobs.submit("--gres=gpu:1")
    jobs.submit("-J", f"x\n{line}")
    jobs.submit("-J", token)  # as if this site had started it, and charged it already
    jobs.submit("-J", f"x\n{victim}|{token}")
    assert jobs.ended(4)
    told = here.data("import", "--since", "2020-01-01")
    assert told["projects"]["forge"]["jobs"] == 4 and told["own"] == 0
    assert "999" not in {row.label for row in here.site.past()}


def test_slurm_that_keeps_no_accounts_is_one_clear_line(cluster: Cluster, office: Make) -> None:
    here = office(cluster)
    with pytest.raises(EngineProblem, match="accounting storage is disabled"):
        here.call("import", "--since", "2026-01-01")
    with pytest.raises(UsageProblem, match="--since"):
        here.call("import")
    with pytest.raises(UsageProblem, match="2026-13-01"):
        here.call("import", "--since", "2026-13-01")
    with pytest.raises(UsageProblem, match="before --until"):
        here.call("import", "--since", "2026-02-01", "--until", "2026-01-01")


@pytest.mark.parametrize(
    ("tres", "count"),
    [("billing=8,cpu=8,gres/gpu:h200=4,gres/gpu=4,mem=1G,node=1", 4), ("cpu=1,gres/gpu:a100=2,gres/gpu:h200=1", 3),
     ("cpu=4,gres/gpu=2", 2), ("", 0), ("cpu=3,node=1", 0)],
)  # fmt: skip
def test_gpus_of_an_allocation(tres: str, count: int) -> None:
    assert sacct.gpus(tres) == count


def test_a_line_that_is_no_job_stops_it(accounting: Cluster) -> None:
    with pytest.raises(EngineProblem, match="fields"):
        list(sacct.read("a|b\n"))
    slurm = Slurm(Settings(conf=str(accounting.conf)))
    assert list(sacct.jobs(slurm, 5, 5)) == []
