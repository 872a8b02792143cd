"""Our procedure without one of its parts, to measure what that part is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch

from guise.chameleon.learning.crops import AlignedCrops
from guise.chameleon.learning.learn import learn_mask

_prepare = AlignedCrops.prepare

PARTS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    # Crops are not varied: they are never placed anew, re-lit, blurred or compressed.
    "variation": {
        "guise.chameleon.learning.objective.vary": lambda crops, _random: crops,
        "guise.chameleon.learning.crops.AlignedCrops.prepare": lambda *given, **named: _prepare(
            *given, **{**named, "jitter": 0.0}
        ),
    },
    # Half of the jittered crops are not aligned: they are squares of boxes around faces.
    "alignment": {
        "guise.chameleon.learning.crops.AlignedCrops.prepare": lambda *given, **named: _prepare(
            *given, **named, loose=0.5
        ),
    },
    # Each face is taken away from itself only, as in the published procedure, not from the user's face template.
    "identity": {
        "guise.chameleon.learning.key.learn_mask": lambda *given, **named: learn_mask(
            *given, **{**named, "one_person": False}
        ),
        "guise.chameleon.learning.key._templates": lambda *_: {},
    },
    # Protected photos are not kept apart from one another.
    "dispersion": {"guise.chameleon.learning.refine.closeness": lambda *_: torch.zeros(())},
}
"""For each part the functions that are replaced, and by what. The method "mask" does without refinement."""


@contextmanager
def without(part: str) -> Iterator[None]:
    """While it is open, the procedure does without one of `PARTS`; "" is none."""
    with ExitStack() as stack:
        for target, stand_in in PARTS.get(part, {}).items():
            stack.enter_context(mock.patch(target, stand_in))
        yield
