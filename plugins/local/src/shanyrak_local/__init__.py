"""The entry point of `shanyrak-local`: data only."""
