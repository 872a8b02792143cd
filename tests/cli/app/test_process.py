"""The worker process as the server sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from guise.cli.app.tabs.process import Work


def test_a_process_that_still_loads_its_libraries_is_stopped_at_once() -> None:
    events: list[dict[str, Any]] = []

    async def stop_at_once() -> float:
        work = Work("photos", events.append)
        await work.give({"do": "warm", "views": "", "private": ""})
        begun = time.monotonic()
        await work.stop()
        while not events:
            await asyncio.sleep(0.05)
        await work.close()
        return time.monotonic() - begun

    assert asyncio.run(stop_at_once()) < 9  # less than the patience with a process that works
    assert [event["event"] for event in events] == ["gone"]
