"""Which input positions each output position of a convolution reads, one axis at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a convolution.

    Attributes:
        length: of the input.
        kernel: of the convolution.
        stride: of the convolution.
        dilation: of the convolution.
        before: padding at the start.
        after: padding at the end.
        mode: what the padding holds.
    """

    length: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    mode: PaddingMode = "zeros"

    @property
    def span(self) -> int:
        """Positions from the kernel's first tap to its last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def outputs(self) -> int:
        """How often the kernel fits."""
        return (self.length + self.before + self.after - self.span) // self.stride + 1

    @property
    def padded(self) -> bool:
        """Some output reads padding."""
        return self.before > 0 or (self.outputs - 1) * self.stride + self.span > self.length

    @property
    def disjoint(self) -> bool:
        """No position is read by two outputs, and none is padding."""
        return not self.padded and (self.span <= self.stride or self.outputs == 1)

    @property
    def circulant(self) -> bool:
        """The axis is a ring that outputs go round in equal steps, once."""
        unpadded = self.span <= self.stride and not self.padded
        return (self.mode == "circular" or unpadded) and self.outputs * self.stride == self.length

    def sources(self) -> Tensor:
        """Where each position of the padded axis comes from: int64 (before + length + after,), -1 for zero."""
        inside = torch.arange(self.length)
        if self.mode == "zeros":
            return F.pad(inside, (self.before, self.after), value=-1)
        index = inside.double()[None, None]
        return F.pad(index, (self.before, self.after), mode=self.mode).long().flatten()

    def reads(self) -> Tensor:
        """bool (outputs, length): whether that output reads that position."""
        taps = self.stride * torch.arange(self.outputs)[:, None] + self.dilation * torch.arange(self.kernel)
        read = torch.zeros(self.outputs, self.length + 1, dtype=torch.bool)
        return read.scatter_(1, self.sources()[taps] % (self.length + 1), True)[:, :-1]

    def components(self) -> list[tuple[int, int]]:
        """(positions, outputs) of each part that shares no position with another; what nothing reads is left out.

        Where a circular axis goes round more than once, outputs that repeat others are counted once.
        """
        reads = self.reads()
        if self.mode == "circular":
            starts = self.stride * torch.arange(self.outputs) % self.length
            reads = reads[[index for index, start in enumerate(starts) if start not in starts[:index]]]
        free = set(torch.arange(self.length)[reads.any(0)].tolist())
        parts = []
        while free:
            positions = torch.zeros(self.length, dtype=torch.bool)
            positions[min(free)] = True
            while True:
                readers = reads[:, positions].any(1)
                wider = reads[readers].any(0)
                if torch.equal(wider, positions):
                    break
                positions = wider
            parts.append((int(positions.sum()), int(readers.sum())))
            free -= set(torch.arange(self.length)[positions].tolist())
        return parts
