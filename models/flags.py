"""The library names parameters, the command line flags: `out=` in a message of the library is --out here."""

from __future__ import annotations

import re

_SINGULAR = {"recognisers": "recogniser", "models": "model"}
"""Parameters that hold several values; their flags are repeated instead."""
_PARAMETER = re.compile(r"`([a-z][a-z0-9_]*?)_?=([^`\n]*)`")


def as_flags(text: str) -> str:
    """`text` with each parameter in it, such as `refine=0` or `resume=True`, as a flag: --refine 0, --resume."""

    def flag(match: re.Match[str]) -> str:
        name, value = match.groups()
        value = "" if value == "True" else value
        return f"--{_SINGULAR.get(name, name).replace('_', '-')} {value}".rstrip()

    return _PARAMETER.sub(flag, text)
