"""Where noise and samples come from: independent streams, none of which is ever used twice."""

from __future__ import annotations

import copy
import hashlib
import secrets
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from guise.dpaf import validate
from guise.dpaf.mechanisms.processes import ALONE, Processes

Purpose = Literal["sampling", "buckets", "noise", "fakes", "training", "students"]


class Streams:
    """Generators for each purpose and each release, all derived from one secret of 256 bits.

    The secret comes from the operating system and is kept nowhere, so a resumed run draws afresh. PyTorch's own
    CPU generator is not used for noise: it keeps 32 bits of a seed, few enough to try them all.

    Releases differ by their place in the ledger of ONE run. `Trainer` takes `of_run`, so that two runs never share
    noise. If you draw noise yourself, do so too, or make new streams for each run.

    Args:
        unsafe_seed: makes a run reproducible, for tests and research. Anyone who knows or guesses it can take the
            noise off again: what was made with it has no privacy.
        processes: that train one run: all get the secret of the first, so that they draw the same noise once.

    Raises:
        InputError: `unsafe_seed` is neither None nor a whole number.
    """

    def __init__(self, *, unsafe_seed: int | None = None, processes: Processes = ALONE) -> None:
        if unsafe_seed is not None:
            validate.whole("unsafe_seed", unsafe_seed)
        self.reproducible, self.processes = unsafe_seed is not None, processes
        seeded = hashlib.sha256(f"unsafe {unsafe_seed}".encode()).digest()
        self._secret = seeded if self.reproducible else processes.first(lambda: secrets.token_bytes(32))

    def of_run(self, run: str) -> Streams:
        """The streams of one run, from the same secret: no other run has them. A seed's are the same in all runs.

        Args:
            run: the run's random name.
        """
        own = copy.copy(self)
        if not self.reproducible:
            own._secret = hashlib.sha256(self._secret + f"run {run}".encode()).digest()
        return own

    def numpy(self, purpose: Purpose, index: int, part: int = 0) -> np.random.Generator:
        """The generator of one purpose in one release: Philox with a key of 128 bits.

        Args:
            purpose: what it is for.
            index: the release's entry in the ledger.
            part: of the release, where it needs several generators.
        """
        digest = hashlib.sha256(self._secret + f"{purpose} {index} {part}".encode()).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))

    def torch(self, purpose: Purpose, index: int, part: int = 0) -> torch.Generator:
        """As `numpy`, for what needs no privacy: fakes, initial weights.

        Args:
            purpose: as for `numpy`.
            index: as for `numpy`.
            part: as for `numpy`.
        """
        return torch.Generator().manual_seed(int(self.numpy(purpose, index, part).integers(2**63)))


def gaussian(shape: tuple[int, ...], scale: float, generator: np.random.Generator) -> Tensor:
    """Float64 noise from N(0, scale^2); in double precision, so that rounding gives little away.

    Args:
        shape: of the noise.
        scale: its standard deviation.
        generator: of the noise.
    """
    return torch.from_numpy(generator.normal(0.0, scale, shape))
