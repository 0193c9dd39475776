"""Every verb of the core as a record: `shanyrak --help` reads this table and imports no verb."""

from __future__ import annotations

from shanyrak.records import Command


def _verb(name: str, summary: str, module: str = "") -> Command:
    return Command(name, summary, f"shanyrak.cli.{module or name}:{name}")


SECTIONS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (
        "Begin",
        (
            _verb("quickstart", "Make a small site, run real work on it, and show the account."),
            _verb("init", "Make a workspace: a folder with commons.toml and a journal."),
            _verb("up", "Run the controller: decide, launch, observe, settle."),
            _verb("doctor", "Say whether this site is fit to run, and what to repair."),
        ),
    ),
    (
        "Work",
        (
            _verb("run", "Submit work for a project."),
            _verb("ps", "List work with its state and reason."),
            _verb("why", "Say why work waits, by rule, and what would change it.", "ask"),
            _verb("eta", "Say when work will start: a promise or an estimate.", "ask"),
            _verb("logs", "Show what work printed."),
            _verb("wait", "Wait for work to end, and answer with its exit code."),
            _verb("stop", "Stop work.", "steer"),
            _verb("hold", "Keep queued work from starting.", "steer"),
            _verb("release", "Let held work start again.", "steer"),
        ),
    ),
    (
        "Tenants",
        (
            _verb("project", "Add and list projects and their members.", "tenants"),
            _verb("grant", "Grant an amount of a unit to a project; pull grants back.", "tenants"),
            _verb("account", "Show the account, or check that it balances."),
            _verb("usage", "Show what was used, with how that is known."),
        ),
    ),
    (
        "Operate",
        (
            _verb("pause", "Stop starting work; what runs goes on.", "operate"),
            _verb("resume", "Start work again after a pause.", "operate"),
            _verb("node", "List, drain and bring back nodes.", "operate"),
            _verb("window", "Plan a time in which nodes are not used.", "operate"),
            _verb("policy", "Show or change the policy that decides what runs next."),
            _verb("events", "Show the journal.", "journal"),
            _verb("verify", "Prove the journal: its chain, its tables, its account.", "journal"),
            _verb("backup", "Copy the journal while everything goes on.", "journal"),
            _verb("restore", "Bring a workspace back from a backup.", "journal"),
            _verb("store", "Show where the journal is kept, or copy it elsewhere.", "journal"),
            _verb("plugin", "List, inspect, check, enable and disable plugins.", "plugin_verbs"),
        ),
    ),
)
"""The verbs as `--help` groups them."""

VERBS: dict[str, Command] = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}
