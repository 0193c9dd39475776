"""What is kept here is run in environments of its own, by `tests/packages/test_oldest.py`."""

collect_ignore = ["kept"]
