"""The reports of `protect` and `verify` as pages for people."""
