"""All cores at work, with results that do not depend on how many there are.

PyTorch splits each operation between its threads. Where operations are small, that wastes much, and sums come out
otherwise with each number of threads. Here whole tasks run side by side, each on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

Run = Callable[[Sequence[Callable[[], Any]]], list[Any]]
"""Runs tasks and gives their results, in order."""


@contextmanager
def all_cores() -> Iterator[Run]:
    """While it is open, tasks run on as many cores as PyTorch may use (`OMP_NUM_THREADS`), each on one.

    Within a task, and within another such context, tasks run one after the other.

    Yields:
        Runs tasks that do not depend on one another. The first exception of a task is raised.
    """
    cores = torch.get_num_threads()
    if cores == 1:
        yield _in_turn
        return
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores, initializer=partial(torch.set_num_threads, 1)) as pool:
            yield lambda tasks: list(pool.map(_call, tasks))
    finally:
        torch.set_num_threads(cores)


def _in_turn(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    return [task() for task in tasks]


def _call(task: Callable[[], Any]) -> Any:
    return task()
