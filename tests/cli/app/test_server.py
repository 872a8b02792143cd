"""`guise app` as a program: it answers at once, on this machine only, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from guise.cli.app import app
from tests.cli.command_line import call, check_refused

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


class Running:
    def __init__(self, tmp_path: Path, *options: str) -> None:
        self.temporary = tmp_path / "temporary"
        self.temporary.mkdir()
        command = [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "guise",
            "app",
            "--no-browser",
            "--home",
            str(tmp_path / "home"),
        ]
        self.errors = (tmp_path / "errors").open("w+")
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def stop(self, number: int = signal.SIGINT) -> str:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        self.errors.seek(0)
        return self.errors.read()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    program = Running(tmp_path)
    yield program
    program.process.kill()
    program.process.communicate()
    program.errors.close()


def test_the_first_page_comes_without_torch_and_nothing_stays(running: Running) -> None:
    with urllib.request.urlopen(running.address, timeout=30) as answer:
        assert b"<title>Guise" in answer.read()
    private = list(running.temporary.glob("guise-*"))
    assert len(private) == 1 and private[0].stat().st_mode & 0o077 == 0
    told = running.stop()
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
    assert "starlette.applications" in imported and not imported & {"torch", "numpy", "guise.chameleon"}
    assert list(running.temporary.glob("guise-*")) == [] and running.process.returncode == 130
    assert "Traceback" not in told


def test_it_listens_on_this_machine_only(running: Running) -> None:
    port = int(running.address.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        pass
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=10):  # a socket on all answers
        pass


def test_a_page_that_waits_for_news_does_not_keep_it_alive(running: Running) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(running.address, timeout=30).close()
    events = opener.open(running.address.split("?")[0] + "events", timeout=30)
    assert events.readline().startswith(b'data: {"tabs"')
    started = time.monotonic()
    told = running.stop(signal.SIGTERM)
    assert time.monotonic() - started < 20 and "Traceback" not in told
    events.close()


def test_without_the_token_the_program_refuses(running: Running) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(running.address.split("?")[0], timeout=30)
    refused.value.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        check_refused(
            call(app, "--no-browser", "--port", port, "--home", tmp_path), 2, f"--port {port}", "name another"
        )


def test_where_the_extra_is_absent_it_is_named(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['uvicorn'] = None\nfrom guise.cli.main import main\n"
        f"sys.argv = ['guise', 'app', '--no-browser', '--home', {str(tmp_path)!r}]\nmain()"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.startswith("Error: ") and "[app]" in ran.stderr and "uvicorn" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
