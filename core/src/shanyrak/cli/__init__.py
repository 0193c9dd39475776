"""The command line, built from records: `verbs` names every verb, `main` finds and runs one."""
