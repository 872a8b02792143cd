"""A biometric face template: one person's face as one recogniser sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class FaceTemplate:
    """A person's clean faces, in the embeddings of one recogniser.

    Attributes:
        mean: float32 (D,), mean of the embeddings. For surrogates that compare by cosine each embedding counts at
            unit length; for the recogniser that tells people apart, embeddings are raw.
        spread: mean distance of the embeddings from the population's mean. None where only `mean` is needed, which is
            to tell people apart.
    """

    mean: np.ndarray = field(repr=False)  # it tells who somebody is: not for logs
    spread: float | None = None
