"""The table `[plugins.slurm]`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PoolSettings(BaseModel):
    """How the work of one pool is asked for. Closed: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str = Field(default="", description="partition that jobs go to; empty: the site's default one")
    account: str = Field(
        default="",
        description="account that jobs are charged to; {project} stands for the project; empty: the user's own",
    )
    qos: str = Field(default="", description="QOS of jobs; empty: the default one")
    reservation: str = Field(default="", description="reservation that jobs run in")
    licenses: str = Field(default="", description="licences that each job takes, such as matlab:1")
    gres: str = Field(
        default="gpu",
        pattern=r"^[A-Za-z0-9_:.-]+$",
        description="generic resource that a GPU is there, such as gpu:h200",
    )
    nodes: str = Field(
        default="",
        description="Slurm's nodes that play the nodes of the pool, such as n[1-8]; empty: all of the partition",
    )
    placement: Literal["policy", "slurm"] = Field(
        default="policy",
        description="policy: a job runs on the nodes that the policy chose. slurm: on any that Slurm chooses",
    )


class Settings(PoolSettings):
    """How this site's Slurm is reached and used."""

    conf: str = Field(default="", description="slurm.conf to use; empty: the one that Slurm's programs find")
    programs: str = Field(default="", description="folder of sbatch, squeue and the others; empty: those on the PATH")
    timeout: float = Field(default=20.0, gt=0, le=600, description="seconds that a call of Slurm may take")
    poll: float = Field(default=1.0, ge=0, le=60, description="seconds between two looks at Slurm's queue")
    spool: str = Field(
        default="",
        description="folder for logs and notes that the nodes see under the same name; empty: the engine's own in the workspace",
    )
    act_as: Literal["self", "owner"] = Field(
        default="self", description="self: jobs run as the user of the controller. owner: as who asked for the work"
    )
    transport: Literal["cli", "rest"] = Field(
        default="cli", description="cli: sbatch, squeue and scancel. rest: slurmrestd, which is faster"
    )
    rest_url: str = Field(default="", description="address of slurmrestd, such as http://127.0.0.1:6820")
    rest_key: str = Field(
        default="", description="file (mode 0600) of the key that signs tokens; empty: scontrol token makes them"
    )
    pools: dict[str, PoolSettings] = Field(
        default_factory=dict, description="what is otherwise for single pools, as tables [plugins.slurm.pools.NAME]"
    )

    def of_pool(self, pool: str) -> PoolSettings:
        """What holds for one pool: what its own table says, and else what is said for all."""
        own = self.pools.get(pool)
        shared = {name: getattr(self, name) for name in PoolSettings.model_fields}
        return PoolSettings(**(shared | (own.model_dump(exclude_unset=True) if own else {})))
