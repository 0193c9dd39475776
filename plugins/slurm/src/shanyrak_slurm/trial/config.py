"""The files that Slurm's daemons read, for one trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What the files say: folders, names and ports of one trial."""

    home: Path
    user: str
    host: str
    nodes: tuple[str, ...]
    units: int
    gpu: str
    cpus: int
    memory: int
    ctld: int
    slurmd: tuple[int, ...]
    version: tuple[int, int]
    dbd: int = 0
    sql: int = 0
    track_groups: bool = False
    limit_memory: bool = False


def slurm_conf(plan: Plan, settings: Mapping[str, str], lines: Sequence[str]) -> str:
    """slurm.conf. A key of `settings` takes the place of the one here, with an empty value none does; `lines` end it."""
    home = plan.home
    values = {
        "ClusterName": "trial",
        "SlurmctldHost": f"{plan.host}(127.0.0.1)",
        "SlurmctldPort": str(plan.ctld),
        "CommunicationParameters": "NoInAddrAny,NoCtldInAddrAny",
        "SlurmUser": plan.user,
        "SlurmdUser": plan.user,
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={home}/run/munge.sock",
        "AuthAltTypes": "auth/jwt",
        "AuthAltParameters": f"jwt_key={home}/etc/jwt.key",
        "CredType": "cred/munge",
        "StateSaveLocation": f"{home}/state",
        "SlurmdSpoolDir": f"{home}/spool/%n",
        "SlurmctldPidFile": f"{home}/run/slurmctld.pid",
        "SlurmdPidFile": f"{home}/run/slurmd.%n.pid",
        "SlurmctldLogFile": f"{home}/log/slurmctld.log",
        "SlurmdLogFile": f"{home}/log/slurmd.%n.log",
        "ProctrackType": "proctrack/cgroup" if plan.track_groups else "proctrack/linuxproc",
        "TaskPlugin": "task/cgroup" if plan.limit_memory else "task/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "MailProg": "/bin/true",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "DefMemPerCPU": "100",
        # It decides at once, not at the pace of a big machine.
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_min_interval=0,sched_interval=1,batch_sched_delay=0,bf_interval=1,bf_continue",
        "MaxJobCount": "20000",
        "MaxArraySize": "10001",
        "MinJobAge": "300",
        "KillWait": "2",
        "CompleteWait": "0",
        "InactiveLimit": "0",
        "ReturnToService": "2",
        "SlurmctldTimeout": "30",
        "SlurmdTimeout": "30",
        "SlurmdParameters": "config_overrides",  # the nodes claim more than this machine has
        "AccountingStorageType": "accounting_storage/none",
    }
    if plan.units:
        values["GresTypes"] = "gpu"
    if plan.dbd:
        values |= {
            "AccountingStorageType": "accounting_storage/slurmdbd",
            "AccountingStorageHost": "127.0.0.1",
            "AccountingStoragePort": str(plan.dbd),
            # With munge this is the socket that is used towards slurmdbd; AuthInfo does not reach that far.
            "AccountingStoragePass": f"{home}/run/munge.sock",
            "AccountingStorageEnforce": "associations,limits,qos,safe",
            "PriorityType": "priority/multifactor",
            "PriorityDecayHalfLife": "7-0",
            "PriorityWeightFairshare": "100000",
            "PriorityWeightQOS": "10000",
            "PriorityWeightAge": "1000",
        }
        if plan.units:
            values["AccountingStorageTRES"] = f"gres/gpu,gres/gpu:{plan.gpu}"
    values = {key: value for key, value in (values | dict(settings)).items() if value}
    gres = f" Gres=gpu:{plan.gpu}:{plan.units}" if plan.units else ""
    text = [f"{key}={value}" for key, value in values.items()]
    text += [
        f"NodeName={node} NodeHostname={plan.host} NodeAddr=127.0.0.1 Port={port} CPUs={plan.cpus} "
        f"RealMemory={plan.memory}{gres} State=UNKNOWN"
        for node, port in zip(plan.nodes, plan.slurmd, strict=True)
    ]
    text.append("PartitionName=main Nodes=ALL Default=YES MaxTime=7-0 DefaultTime=60 State=UP")
    return "\n".join([*text, *lines]) + "\n"


def gres_conf(plan: Plan) -> str:
    """gres.conf: GPUs that are names of /dev/null."""
    if not plan.units:
        return ""
    return f"AutoDetect=off\nName=gpu Type={plan.gpu} File={plan.home}/dev/nvidia[0-{plan.units - 1}]\n"


def cgroup_conf(plan: Plan, swap: bool) -> str:
    """cgroup.conf: memory is held to what was asked for, where that is possible."""
    lines = []
    if plan.version >= (21, 8):  # before it there was no other, and no such key
        lines.append("CgroupPlugin=cgroup/v1")
    if plan.limit_memory:
        lines.append("ConstrainRAMSpace=yes")
        if swap:
            lines += ["ConstrainSwapSpace=yes", "AllowedSwapSpace=0"]
    return "\n".join(lines) + "\n"


def slurmdbd_conf(plan: Plan, password: str) -> str:
    """slurmdbd.conf, which holds a password: for its owner's eyes."""
    home = plan.home
    values = {
        "DbdHost": "localhost",
        "DbdAddr": "127.0.0.1",
        "DbdPort": str(plan.dbd),
        "SlurmUser": plan.user,
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={home}/run/munge.sock",
        "AuthAltTypes": "auth/jwt",
        "AuthAltParameters": f"jwt_key={home}/etc/jwt.key",
        "PidFile": f"{home}/run/slurmdbd.pid",
        "LogFile": f"{home}/log/slurmdbd.log",
        "CommitDelay": "1",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": "127.0.0.1",
        "StoragePort": str(plan.sql),
        "StorageUser": "slurm",
        "StoragePass": password,
        "StorageLoc": "slurm",
    }
    return "\n".join(f"{key}={value}" for key, value in values.items()) + "\n"
