"""A worker process: it reads jobs as lines of JSON, calls the library, and writes events as lines of JSON.

It is a process of its own, so that the page answers while it computes, and so that a photo that exhausts the memory
ends it and not the page. It ends when the server does.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib
import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from guise.cli.console import warn_quietly
from guise.models.flags import as_flags

_JOBS = {"photos": "PhotoJobs", "synthetic": "SyntheticJobs", "blind_spots": "BlindSpotJobs"}
Job = dict[str, Any]
_STOP: Job = {"do": "stop"}
Send = Callable[..., None]


class Interruptions:
    """Interrupts what is being done, and nothing else."""

    def __init__(self) -> None:
        self._working = self._held = self._due = False
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._due = self._held
        if self._working and not self._held:
            self._working = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within this an interruption waits, so that no event is cut in two."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._due:
            self._due = False
            _thread.interrupt_main()

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Within this, an interruption ends the work."""
        self._working = True
        try:
            yield
        finally:
            self._working = False


def main() -> None:
    """Work until standard input ends."""
    # Whatever a library prints must not come between the events.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    warn_quietly()
    jobs: queue.Queue[Job | None] = queue.Queue()
    interruptions = Interruptions()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()

    def send(event: str, **values: Any) -> None:
        with interruptions.held(), contextlib.suppress(BrokenPipeError):
            channel.write(json.dumps({"event": event, **values}) + "\n")

    tab = sys.argv[1]
    work = getattr(importlib.import_module(f"guise.cli.app.worker.{tab}"), _JOBS[tab])(send)  # imports torch
    send("ready")
    private = None
    while (job := jobs.get()) is not None:
        private = job.get("private", private)
        if job is _STOP:
            send("stopped")
        else:
            _run(tab, work, job, jobs, send, interruptions)
    if private is not None:  # the server may have been killed before it could
        shutil.rmtree(private, ignore_errors=True)


def _run(
    tab: str, work: Any, job: Job, jobs: queue.Queue[Job | None], send: Send, interruptions: Interruptions
) -> None:
    from guise.cli.app.worker.words import as_text, discreet
    from guise.models.errors import GuiseError
    from guise.models.files import one_line

    try:
        with interruptions.allowed():
            if _STOP in jobs.queue or None in jobs.queue:  # it came just before an interruption was allowed
                raise KeyboardInterrupt
            work.do(job)
    except KeyboardInterrupt:
        if _STOP not in jobs.queue:  # that is answered for itself, as it may find nothing to interrupt
            send("stopped")
    except GuiseError as error:
        folder, words = job.get("folder"), str(error)
        text = one_line(as_text(words, Path(folder)) if folder and tab == "photos" else as_flags(words))
        send("failed", text=discreet(text, folder or "", job["private"]))
    except MemoryError:
        send("failed", text="there is not enough memory for this: close other programs, or choose smaller photos")
    except OSError as error:
        send("failed", text=one_line(f"the system refused to use {error.filename or 'a file'}: {error.strerror}"))


def _listen(jobs: queue.Queue[Job | None]) -> None:
    for line in sys.stdin:
        job = json.loads(line)
        if job == _STOP:
            with contextlib.suppress(queue.Empty):  # what waits is not wanted any more
                while True:
                    jobs.get_nowait()
            jobs.put(_STOP)
            _thread.interrupt_main()
        else:
            jobs.put(job)
    _thread.interrupt_main()
    jobs.put(None)


if __name__ == "__main__":
    main()
