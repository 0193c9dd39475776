"""What Slurm does not want, on a real one: each in one line that names the limit, nothing lost, nothing run twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import EngineProblem, Launched
from shanyrak_slurm.trial import Cluster
from slurmlab.engines import ended, engine
from slurmlab.launches import ME, launch
from slurmlab.office import until

GPU = {"unit": "gpu", "nodes": (("n-0", 1),)}


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"account": "{project}"}, ["Invalid account", "account ada", "partition by default", f"add user {ME} account=ada"]),
     ({"qos": "gold"}, ["Invalid qos", "qos gold"]), ({"reservation": "never"}, ["reservation is invalid", "reservation never"]),
     ({"licenses": "matlab:1"}, ["Invalid license", "licenses matlab:1"]),
     ({"gres": "tape"}, ["Invalid generic resource", "gres tape"])],
)  # fmt: skip
def test_what_the_settings_name_must_be_there(accounting: Cluster, settings: dict[str, Any], words: list[str]) -> None:
    with engine(accounting, **settings) as made:
        (answer,) = made.launch([launch("wrong", **GPU)])
        assert all(one in answer.refused for one in [*words, f"user {ME}", "see `shanyrak slurm doctor`"]), (
            answer.refused
        )
        assert not answer.user_fault and "\n" not in answer.refused
        assert made.book.entries(["wrong"]) == {}, "it may be asked for again"


def test_a_partition_that_is_not_there_is_not_the_users_fault(accounting: Cluster) -> None:
    with engine(accounting, partition="gold") as made:
        for call in (made.nodes, lambda: made.launch([launch("lost", **GPU)])):
            with pytest.raises(EngineProblem, match="the partition gold: Slurm has no nodes there. Set"):
                call()


def limited(cluster: Cluster, name: str, *limits: str) -> None:
    cluster.run("sacctmgr", "-i", "add", "qos", name, *limits)
    cluster.run("sacctmgr", "-i", "modify", "user", ME, "set", f"qos+={name}")


def test_work_that_waits_for_a_limit_says_which(accounting: Cluster) -> None:
    limited(accounting, "narrow", "MaxTRESPerUser=gres/gpu=1")
    with engine(accounting, qos="narrow") as made:
        made.launch([launch("narrow-a", "sleep", "30", **GPU)])
        made.launch([launch("narrow-b", "true", **GPU)])
        assert until(lambda: "QOSMaxGRESPerUser" in made.observe(["narrow-b"])[0].words)
        (seen,) = made.observe(["narrow-b"])
        assert (seen.state, seen.words) == ("pending", "Slurm: QOSMaxGRESPerUser")
        made.stop(["narrow-a"])
        first, second = ended(made, "narrow-a", "narrow-b")
        assert (first.cause, second.exit_code) == ("stopped", 0)


def test_work_that_a_limit_forbids_names_it_and_takes_no_other_with_it(accounting: Cluster) -> None:
    limited(accounting, "short", "MaxSubmitJobsPerUser=1")
    with engine(accounting, qos="short") as made:
        answers = made.launch(
            [launch("short-a", "sleep", "30", **GPU), launch("short-b", "sleep", "30", workload=2, **GPU)]
        )
        refused = [one for one in answers if one.refused]
        assert len(answers) == 2 and len(refused) == 1 and "QOSMaxSubmitJobPerUserLimit" in refused[0].refused
        assert f"(user {ME}, qos short); see the limits: `sacctmgr show qos`" in refused[0].refused
        (taken,) = [one.token for one in answers if one.handle]
        assert until(lambda: made.observe([taken])[0].state == "running")
        made.stop([taken])
        ended(made, taken)
        (again,) = made.launch([launch(refused[0].token, "true", workload=2, **GPU)])
        assert again.handle and ended(made, again.token)[0].exit_code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root submits as others")
def test_a_user_without_an_account_is_told_so(accounting: Cluster) -> None:
    with engine(accounting, act_as="owner") as made:
        answers = made.launch([launch("games", user="games", **GPU), launch("nobody", user="nobody", **GPU)])
        assert "Invalid account" in answers[0].refused and answers[1].handle
        assert (
            "user games, account by default" in answers[0].refused and "sacctmgr add user games" in answers[0].refused
        )
        assert ended(made, "nobody")[0].exit_code == 0
        (nobody_here,) = made.launch([launch("c", user="no-such-user", **GPU)])
        assert nobody_here == Launched("c", refused="there is no user no-such-user on this machine", user_fault=True)


@pytest.mark.engines
def test_a_token_for_slurmrestd_that_is_wrong_or_old_loses_nothing(accounting: Cluster, tmp_path: Path) -> None:
    if not accounting.rest_url:
        pytest.skip("slurmrestd is not installed here")
    wrong = tmp_path / "key"
    wrong.write_bytes(os.urandom(32))
    wrong.chmod(0o600)
    rest = {"transport": "rest", "rest_url": accounting.rest_url, "placement": "slurm"}
    with engine(accounting, rest_key=str(wrong), **rest) as made:
        with pytest.raises(EngineProblem, match="jwt_key, that clocks agree"):
            made.launch([launch("doubt", "sleep", "1", **GPU)])
        try:
            assert made.launch([launch("doubt", "sleep", "1", **GPU)]) == []
            taken = "nobody can say"  # slurmctld 22.05 hangs up on such a token, and nothing else is to be seen; 24.11 tells
        except EngineProblem as problem:
            taken = "no"
            assert "authentication" in str(problem)
        wrong.write_bytes((accounting.conf.parent / "jwt.key").read_bytes())
        (answer,) = made.launch([launch("sure", "true", workload=2, **GPU)])
        assert answer.handle and ended(made, "sure")[0].exit_code == 0
        assert until(lambda: bool(made.launch([launch("doubt", "sleep", "1", **GPU)])))
        (answer,) = made.launch([launch("doubt", "sleep", "1", **GPU)])
        if taken == "no":
            assert answer.handle and ended(made, "doubt")[0].exit_code == 0
        else:
            assert "given up" in answer.refused
