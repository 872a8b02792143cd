"""`python -m cli` is `guise`."""

from cli.main import main

main()
