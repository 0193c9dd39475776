"""What an import did, for people."""

from __future__ import annotations

from shanyrak.api import amount_words, table, tell

from shanyrak_slurm.bring.bring import Told


def show(told: Told, charge: bool, dry_run: bool) -> None:
    """A line of what is new, a table of projects, and what stays out with its reason."""
    verb = "would be brought in" if dry_run else "brought in"
    tell(f"{told.source}: {told.new:,} jobs {verb}, {told.known:,} known before.")
    if told.projects:
        rows = [
            {"project": name, "jobs": f"{line['jobs']:,}",
             "used": ", ".join(amount_words(line[unit], unit) for unit in ("gpu-second", "cpu-second") if line.get(unit))}
            for name, line in sorted(told.projects.items())
        ]  # fmt: skip
        table(rows, {"project": "PROJECT", "jobs": "JOBS SEEN", "used": "USED"})
    if charge:
        paid = ", ".join(amount_words(amount, unit) for unit, amount in sorted(told.charged.items()) if amount)
        tell(f"{'Grants would pay' if dry_run else 'Grants paid'}: {paid or 'nothing'}.")
    for count, words in (
        (told.own, "this site started itself: its own attempts tell of them"),
        (told.running, "have not ended: a later import brings them"),
        (told.never, "were never given nodes"),
        (told.nowhere, "had GPUs, and no pool of this site has"),
    ):
        if count:
            tell(f"Left out: {count:,} jobs that {words}.")
    for account, line in sorted(told.strangers.items()):
        tell(
            f"Left out: {line['jobs']:,} jobs of account {account} ({amount_words(line['gpu-second'], 'gpu-second')},"
            f" {amount_words(line['cpu-second'], 'cpu-second')}): no project has its name. Say whose it is with --map."
        )
