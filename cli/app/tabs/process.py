"""The server's side of a worker process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any

_LINE = 2**26  # bytes, the longest event
_PATIENCE = 10.0  # seconds until a process that does not stop is ended


class Work:
    """Starts the process when it is first needed, gives it jobs and passes its events on."""

    def __init__(self, tab: str, on_event: Callable[[dict[str, Any]], None]) -> None:
        """Keep who is told.

        Args:
            tab: whose jobs it does.
            on_event: called with each event, in the server's loop; the last of a job is "people", "done", "failed",
                "stopped" or "gone" (the process ended by itself).
        """
        self._tab, self._on_event = tab, on_event
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping: asyncio.TimerHandle | None = None
        self._heard = False  # an event of this process

    async def give(self, job: dict[str, Any]) -> None:
        """Give the process a job; it does one after another.

        Args:
            job: as `guise.cli.app.worker` takes it.
        """
        if self._process is None or self._process.returncode is not None:
            # -P: a folder of the user's that is called like a module must not be imported.
            command = [sys.executable, "-P", "-m", "guise.cli.app.worker", self._tab]
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                limit=_LINE,
                start_new_session=os.name == "posix",  # Ctrl-C is for the server
            )
            self._heard = False
            self._reading = asyncio.create_task(self._read(self._process))
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # then it is gone, and the reader says so
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            await self._process.stdin.drain()

    async def stop(self) -> None:
        """Interrupt the job. What is being written is taken away; a process that does not stop is ended."""
        if self._process is None or self._process.returncode is not None:
            return
        if not self._heard:  # it is still loading its libraries, which takes long, and writes nothing
            self._kill(self._process)
        else:
            await self.give({"do": "stop"})
            self._stopping = asyncio.get_running_loop().call_later(_PATIENCE, self._kill, self._process)

    async def close(self) -> None:
        """End the process."""
        if self._process is None or self._reading is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        self._kill(self._process)
        self._reading.cancel()

    @staticmethod
    def _kill(process: Process) -> None:
        if process.returncode is None:
            process.kill()

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            event, self._heard = json.loads(line), True
            if event["event"] == "ready":
                continue
            if self._stopping is not None and event["event"] in ("people", "done", "failed", "stopped"):
                self._stopping.cancel()
                self._stopping = None
            self._on_event(event)
        self._on_event({"event": "gone", "code": await process.wait()})
