"""The forms of past work that are known."""
