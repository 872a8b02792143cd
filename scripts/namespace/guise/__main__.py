"""`python -m guise`, and `torchrun -m guise`: the same as the command `guise`."""

from guise.cli.main import main

if __name__ == "__main__":
    main()
