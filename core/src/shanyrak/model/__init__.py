"""The nouns: facility, project, grant, workload, usage, decision."""
