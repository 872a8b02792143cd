"""Several processes that train one run: each works on its own records and fakes, all hold the same parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes of one run, as one of them sees them. By default it is alone.

    All processes must be the data owner's: what they send each other (the secret of the noise, sums before noise) is
    not private, and gloo sends it unencrypted.

    Attributes:
        rank: which one this is, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    def own(self, rows: Tensor) -> Tensor:
        """Which records are this process's to work on: bool (B,).

        Every record belongs to one process, always the same; a batch may leave a process without any.

        Args:
            rows: int64 (B,), of the records.
        """
        return rows % self.count == self.rank

    def total(self, values: Tensor) -> Tensor:
        """The sum of all processes' values, the same bits in each.

        Args:
            values: of this process; of one shape in all.
        """
        if self.count == 1:
            return values
        values = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(values)
        return values

    def everyones(self, value: T) -> list[T]:
        """The value of each process, in their order.

        Args:
            value: of this process.
        """
        if self.count == 1:
            return [value]
        values: list[T] = [value] * self.count
        dist.all_gather_object(values, value)
        return values

    def each(self, call: Callable[[], T]) -> T:
        """What a function gives here. The first process calls it before the others; an error in any is raised in all.

        For what each process must do itself, such as reading files that the first may have to fetch.

        Args:
            call: the function.
        """
        result: list[T] = []
        for turn in (True, False):
            raised = None
            if turn == (self.rank == 0):
                try:
                    result.append(call())
                except Exception as error:  # whatever it is, the others must not wait for ever
                    raised = error
            for met in self.everyones(raised):
                if met is not None:
                    raise met
        return result[0]

    def first(self, call: Callable[[], T]) -> T:
        """What a function gives in the first process, or the error that it raises there: in every process.

        For what must happen once: a charge, a file, the drawing of a secret.

        Args:
            call: the function; only the first process calls it.
        """
        if self.count == 1:
            return call()
        outcome: list[object] = [None, None]  # what the call gives, and what it raises
        if self.rank == 0:
            try:
                outcome[0] = call()
            except Exception as error:  # whatever it is, the others must not wait for ever
                outcome[1] = error
        dist.broadcast_object_list(outcome)
        if isinstance(outcome[1], Exception):
            raise outcome[1]
        return cast(T, outcome[0])


ALONE = Processes()


def spread() -> bool:
    """Whether `torchrun` has started this process together with others."""
    return "MASTER_ADDR" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def leads() -> bool:
    """Whether this process speaks for all: it is alone or the first."""
    return not spread() or int(os.environ.get("RANK", "0")) == 0


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that `torchrun` has started, joined over gloo; this process alone where it has started none."""
    if not spread():
        yield ALONE
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@torch.no_grad()
def average_gradients(network: torch.nn.Module, processes: Processes) -> bool:
    """Give every process the mean gradient and the mean buffers of all.

    Buffers are those of batch normalisation, which each process has measured on its own fakes.

    Args:
        network: that each process holds.
        processes: that share the step.

    Returns:
        Whether it was done: not where a gradient is not finite.
    """
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    broken = torch.tensor([float(not value.isfinite().all()) for value in gradients])
    if processes.total(broken).any():
        return False
    if processes.count > 1:
        values = [*gradients, *(buffer for buffer in network.buffers() if buffer.is_floating_point())]
        flat = processes.total(torch.cat([value.flatten() for value in values])) / processes.count
        for value, mean in zip(values, flat.split([value.numel() for value in values]), strict=True):
            value.copy_(mean.view_as(value))
    return True
