"""`shanyrak project` and `shanyrak grant`: who may work here, and with how much."""

from __future__ import annotations

import click

from shanyrak.cli.frame import Frame, pass_frame
from shanyrak.cli.opened import as_json, opened, parsed
from shanyrak.cli.output import emit_json, table
from shanyrak.model.quantities import amount_words, instant_words


@click.group()
def project() -> None:
    """Add and list projects, and say who works on them."""


@project.command("add")
@click.argument("id_", metavar="ID")
@click.option(
    "--sector", required=True, help="startup, university, business, public, learner, or as commons.toml says."
)
@click.option("--org", required=True, help="The organisation that works.")
@click.option("--weight", default=1, show_default=True, help="Its part beside the other projects of its sector.")
@click.option("--cap", default=-1, help="Units it may use at once; default: no cap.")
@pass_frame
def add_project(frame: Frame, id_: str, sector: str, org: str, weight: int, cap: int) -> None:
    """Add project ID."""
    with opened(frame) as site:
        site.add_project(id_, sector, org, weight, cap)
    click.echo(f"Project {id_} is added. Next: shanyrak grant add {id_} 100 cpu-hour")


@project.command("add-member")
@click.argument("id_", metavar="ID")
@click.argument("people", metavar="USER...", nargs=-1, required=True)
@pass_frame
def add_member(frame: Frame, id_: str, people: tuple[str, ...]) -> None:
    """Make USERs members of project ID, by the names that the system knows them by."""
    with opened(frame) as site:
        site.add_members(id_, people)
    click.echo(f"Members of {id_}: {', '.join(people)}.")


@project.command("remove-member")
@click.argument("id_", metavar="ID")
@click.argument("people", metavar="USER...", nargs=-1, required=True)
@pass_frame
def remove_member(frame: Frame, id_: str, people: tuple[str, ...]) -> None:
    """Let USERs leave project ID. Work that they asked for goes on."""
    with opened(frame) as site:
        site.remove_members(id_, people)
    click.echo(f"No members of {id_} any more: {', '.join(people)}.")


@project.command("list")
@as_json
@pass_frame
def list_projects(frame: Frame, as_json: bool) -> None:
    """List projects with their members and what their work is doing."""
    with opened(frame) as site:
        rows = site.projects()
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        row["work"] = ", ".join(f"{number} {state}" for state, number in sorted(row["work"].items()))
        row["members"] = ", ".join(row["members"])
        row["paused"] = "paused" if row["paused"] else ""
    table(
        rows,
        {
            "project": "PROJECT",
            "sector": "SECTOR",
            "org": "ORGANISATION",
            "members": "MEMBERS",
            "work": "WORK",
            "paused": "",
        },
        empty="No project yet. Add one: shanyrak project add ID --sector S --org NAME",
    )


@click.group()
def grant() -> None:
    """Grant amounts of a unit to projects, list grants, pull them back."""


@grant.command("add")
@click.argument("project_", metavar="PROJECT")
@click.argument("amount_", metavar="AMOUNT", type=int)
@click.argument("unit")
@click.option("--from", "start", help="First moment of the term (2026-12-31 or with a time, UTC); default: now.")
@click.option("--until", help="End of the term; default: none.")
@click.option("--programme", default="", help="The programme that grants.")
@pass_frame
def add_grant(
    frame: Frame, project_: str, amount_: int, unit: str, start: str | None, until: str | None, programme: str
) -> None:
    """Grant AMOUNT of UNIT to PROJECT, for example: 100 gpu-hour, 1000 cpu-hour."""
    from shanyrak.model.quantities import instant_ms

    begin = parsed("--from", instant_ms, start) if start else 0
    end = parsed("--until", instant_ms, until) if until else 0
    with opened(frame) as site:
        number = site.add_grant(project_, amount_, unit, begin, end, programme)
    click.echo(f"Grant {number}: {amount_:,} {unit} for {project_}.")


@grant.command("pull")
@click.argument("number", metavar="GRANT", type=int)
@click.option(
    "--amount", "amount_", type=int, help="In its base unit (cpu-second, gpu-second); default: all that is left."
)
@pass_frame
def pull_grant(frame: Frame, number: int, amount_: int | None) -> None:
    """Take back what is left of GRANT. What running work holds stays held until it ends."""
    with opened(frame) as site:
        taken = site.pull_grant(number, amount_)
        unit = next(row["unit"] for row in site.grants() if row["grant"] == number)
    click.echo(f"{amount_words(taken, unit)} of grant {number} went back to the pool.")


@grant.command("list")
@click.option("--project", "project_", default="", help="Only of this project.")
@as_json
@pass_frame
def list_grants(frame: Frame, project_: str, as_json: bool) -> None:
    """List grants with their accounts: issued = used + held + left."""
    with opened(frame) as site:
        rows = site.grants(project_)
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        for pot in ("issued", "used", "held", "left"):
            row[pot] = amount_words(row[pot], row["unit"]) if row[pot] else "0"
        row["until"] = instant_words(row["until"])
    table(
        rows,
        {
            "grant": "GRANT",
            "project": "PROJECT",
            "issued": "ISSUED",
            "used": "USED",
            "held": "HELD",
            "left": "LEFT",
            "until": "UNTIL",
            "state": "STATE",
        },
        empty="No grant yet.",
    )
