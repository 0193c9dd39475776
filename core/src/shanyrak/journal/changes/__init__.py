"""What each event changes in the tables, by subject."""
