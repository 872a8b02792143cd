"""Commands run as a shell would run them, but in this process: torch is loaded once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from guise.cli.main import run


@dataclass(frozen=True)
class Outcome:
    """What a command left behind for its caller."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.stdout, parse_constant=_refuse)

    def photo(self, name: str) -> Any:
        """What the JSON report says of one photo."""
        (told,) = [photo for photo in self.report["photos"] if photo["photo"] == name]
        return told


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def call(command: click.Command, *arguments: str | Path) -> Outcome:
    """Run `command`; what it does not catch passes through and fails the test."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors, newline="") for errors in ("strict", "backslashreplace")
    )
    before, code = signal.getsignal(signal.SIGTERM), 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run(command, args=[str(argument) for argument in arguments], prog_name=command.name)
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        code = stop.code
    finally:
        signal.signal(signal.SIGTERM, before)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Outcome(code, *texts)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all regular files below `folder`, links to files followed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def unfinished(folder: Path) -> list[Path]:
    """Temporary files anywhere below `folder`."""
    return list(folder.rglob("*.guise-tmp"))


def check_refused(outcome: Outcome, code: int, *words: str) -> None:
    """One clear line on stderr, nothing on stdout, the right exit code."""
    assert outcome.code == code, outcome
    assert outcome.stdout == ""
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and outcome.stderr.endswith(errors[0] + "\n"), outcome.stderr
    assert "Traceback" not in outcome.stderr
    for word in words:
        assert word in errors[0]
