"""The entry point of `shanyrak-policies`: data only."""
