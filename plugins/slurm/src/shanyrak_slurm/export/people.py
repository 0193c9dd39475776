"""Who may work on a project's account: its members. Who left submits nothing more, and is taken out when their jobs have ended.

Somebody who was never a member was put in by others, and stays. Names are in small letters, as Slurm has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shanyrak_slurm.export.nouns import Drift, State, Step

SHOWN = 5
"""People who are named in one line."""


def steps(wanted: State, there: State, accounts: Sequence[str], cluster: str) -> Iterator[Step]:
    """For these accounts, which are ours. Everybody comes in before anybody goes: who goes needs another default account."""
    here = f"Cluster={cluster}"
    for account in accounts:
        users = there.users.get(account, set())
        members = wanted.users.get(account, set())
        if new := sorted(members - users - wanted.unknown):
            yield Step("sacctmgr", ("-i", "add", "user", ",".join(new), f"Account={account}", here))
        for user in sorted(members & users):
            if (account, user) in there.barred:
                yield _modify(user, account, here, "MaxSubmitJobs=-1")
    for account, user in _leaving(wanted, there, accounts):
        if (account, user) not in there.barred:
            yield _modify(user, account, here, "MaxSubmitJobs=0")
        if there.defaults.get(user) == account and (other := _another(user, account, wanted, there, accounts)):
            yield Step("sacctmgr", ("-i", "modify", "user", user, "where", here, "set", f"DefaultAccount={other}"))
        yield Step("sacctmgr", ("-i", "remove", "user", user, "where", f"Account={account}", here))


def drift(wanted: State, there: State) -> Iterator[Drift]:
    """Projects on which nobody can work, members whom the system does not know, people whom somebody else put in."""
    for name, account in wanted.accounts.items():
        if f"account {name}" in there.strangers:
            continue
        members, users = wanted.users.get(name, set()), there.users.get(name, set())
        if account.qos and not (members - wanted.unknown) | users:
            yield Drift(f"account {name}", "has no user: nobody can work on it",
                        f"the programme officer: shanyrak project add-member {name} USER")  # fmt: skip
        for person in sorted((members & wanted.unknown) - users):
            yield Drift(f"member {person} of {name}", "is not put into its account: this machine knows no such user",
                        f"the programme officer: see `getent passwd {person}`, or"
                        f" shanyrak project remove-member {name} {person}")  # fmt: skip
        if others := sorted(users - members - wanted.left.get(name, set())):
            shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
            yield Drift(f"account {name}", f"has users who never were members of it: {shown}",
                        f"the programme officer: shanyrak project add-member {name} {others[0]}, or Slurm's administrator:"
                        f" sacctmgr remove user {others[0]} where account={name}")  # fmt: skip


def _leaving(wanted: State, there: State, accounts: Sequence[str]) -> list[tuple[str, str]]:
    """(account, user) of those who left; of one's accounts the default one last."""
    found = [
        (account, user)
        for account in accounts
        for user in sorted(wanted.left.get(account, set()) & there.users.get(account, set()))
    ]
    return sorted(found, key=lambda one: there.defaults.get(one[1]) == one[0])


def _another(user: str, account: str, wanted: State, there: State, accounts: Sequence[str]) -> str:
    """The account that becomes a user's default when they leave this one: one in which they stay, or now come into."""
    coming = {name for name in accounts if user in wanted.users.get(name, set()) - wanted.unknown}
    staying = {
        name for name, users in there.users.items() if user in users and user not in wanted.left.get(name, set())
    }
    return min((coming | staying) - {account}, default="")


def _modify(user: str, account: str, here: str, value: str) -> Step:
    return Step("sacctmgr", ("-i", "modify", "user", user, "where", f"Account={account}", here, "set", value))
