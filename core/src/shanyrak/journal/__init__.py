"""Events and tables in one transaction; accounts; the store. Never imports the policy."""
