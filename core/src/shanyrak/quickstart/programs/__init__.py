"""The programs of the first run. Each is a plain script: read it, copy it, start it by hand."""
