"""`shanyrak slurm`: what an operator does with the site's Slurm beside running work on it."""

from __future__ import annotations

from pathlib import Path

import click
from shanyrak.api import Frame, pass_frame


@click.group()
def slurm() -> None:
    """Look at the site's Slurm, let it schedule by Shanyrak's rules, bring in past work."""


@slurm.command("import")
@click.option("--since", metavar="DATE", help="From then on; default: a week before what was brought in last.")
@click.option("--until", metavar="DATE", help="What ended until then; default: now.")
@click.option("--map", "map_", type=click.Path(path_type=Path), metavar="FILE",
              help="TOML: tables [accounts] and [users], of Slurm's names to projects.")  # fmt: skip
@click.option("--charge", is_flag=True, help="Let the grants of its time pay for what is new.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be brought in.")
@click.option("--json", "as_json", is_flag=True, help="Print data.")
@pass_frame
def import_(
    frame: Frame, since: str | None, until: str | None, map_: Path | None, charge: bool, dry_run: bool, as_json: bool
) -> None:
    """Bring past work from sacct into the journal, for accounts, reports and rehearsals. Work that is known stays as it is.

    An account of Slurm that has the name of a project belongs to it; for others say it with --map.
    """
    from shanyrak.api import emit_json

    from shanyrak_slurm.bring.bring import as_data
    from shanyrak_slurm.bring.request import brought
    from shanyrak_slurm.bring.show import show

    told = brought(frame, since, until, map_, charge, dry_run)
    if as_json:
        emit_json(as_data(told))
    else:
        show(told, charge, dry_run)


@slurm.command()
@click.option("--job", is_flag=True, help="Also run a job of a second that writes into the spool.")
@click.option("--json", "as_json", is_flag=True, help="Print data.")
@pass_frame
def doctor(frame: Frame, job: bool, as_json: bool) -> int:
    """Look at what this site needs of Slurm, and say what it lacks and how to mend it; exit code 6 when it cannot work so."""
    from shanyrak.api import emit_json, opened, tell

    from shanyrak_slurm.doctor.run import examined

    with opened(frame) as site:
        findings = examined(frame, site, job)
    if as_json:
        emit_json([finding._asdict() for finding in findings])
    else:
        for level, subject, words, fix in findings:
            tell(f"{level:<5} {subject}: {words}" + (f" -> {fix}" if fix else ""))
    return 6 if any(finding.level == "bad" for finding in findings) else 0


@slurm.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be called.")
@click.option("--json", "as_json", is_flag=True, help="Print data.")
@pass_frame
def sync(frame: Frame, dry_run: bool, as_json: bool) -> int:
    """Let Slurm schedule by this site's rules: bring its accounts with their users, its shares, limits, QOS and
    reservations to what members, grants, floors, caps and windows say. What Shanyrak did not make there is never
    changed. Exit code 5 when Slurm declined some of it."""
    import shlex

    from shanyrak.api import emit_json, opened, tell

    from shanyrak_slurm.export.run import synced

    with opened(frame) as site:
        done = synced(frame, site, dry_run)
    if as_json:
        emit_json({
            "calls": [[step.program, *step.arguments] for step in done.steps],
            "declined": [{"call": [step.program, *step.arguments], "said": said} for step, said in done.declined],
            "drift": [{"what": one.what, "words": one.words, "who": one.who} for one in done.drift],
        })  # fmt: skip
        return 5 if done.declined else 0
    for step in done.steps:
        tell(shlex.join([step.program, *step.arguments]))
    for step, said in done.declined:
        tell(f"declined: {shlex.join([step.program, *step.arguments])}: {said}")
    for one in done.drift:
        tell(f"differs: {one.what} {one.words} -> {one.who}")
    if not done.steps and not done.declined:
        tell("Slurm holds what this site's rules say." if not done.drift else "Nothing else differs.")
    return 5 if done.declined else 0
