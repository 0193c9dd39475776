"""Gangs and GPUs on a real Slurm: as many nodes as were asked for, and no GPU twice."""

from __future__ import annotations

from shanyrak_slurm.trial import Cluster
from slurmlab.engines import ended, engine, text
from slurmlab.launches import launch
from slurmlab.office import until

SHOW = "echo $SLURM_JOB_NODELIST $SLURM_JOB_NUM_NODES $CUDA_VISIBLE_DEVICES; env | grep -c '^TZ='; sleep 2"


def test_a_gang_has_its_nodes_and_all_their_gpus(cluster: Cluster) -> None:
    gang = launch("g", "sh", "-c", SHOW, unit="gpu", nodes=(("n-0", 8), ("n-1", 8)))
    with engine(cluster) as made:
        assert made.launch([gang])[0].handle
        assert until(lambda: made.observe(["g"])[0].state == "running")
        (where,) = cluster.run("squeue", "-h", "-o", "%N").split()
        assert sorted(cluster.run("scontrol", "show", "hostnames", where).split()) == sorted(cluster.nodes)
        assert ended(made, "g")[0].exit_code == 0
        _, count, gpus = text(made, "g").splitlines()[0].split()
        assert count == "2" and sorted(gpus.split(",")) == [str(n) for n in range(8)]
        assert text(made, "g").splitlines()[1] == "0", "the zone of sbatch's clock is not the work's"


def test_work_side_by_side_has_gpus_of_its_own(cluster: Cluster) -> None:
    works = [launch(f"w{n}", "sh", "-c", SHOW, workload=n, unit="gpu", nodes=(("n-0", 2),)) for n in range(3)]
    tasks = [
        launch(f"a.{n}", "sh", "-c", SHOW, workload=9, bundle="a", task=n, unit="gpu", nodes=(("n-0", 1),))
        for n in range(2)
    ]
    tokens = [one.token for one in (*works, *tasks)]
    with engine(cluster) as made:
        assert all(one.handle for one in made.launch([*works, *tasks]))
        assert until(lambda: all(seen.state == "running" for seen in made.observe(tokens)))
        ended(made, *tokens)
        said = [text(made, token).split()[:3] for token in tokens]
        assert len({node for node, _, _ in said}) == 1, "the policy chose the node"
        gpus = [gpu for _, _, mine in said for gpu in mine.split(",")]
        assert sorted(gpus) == [str(n) for n in range(8)]
