"""The site's file, commons.toml: finding it, reading it, writing it, and errors that a person can act on."""
