"""A probe: pairs of pictures that agree to the owner's first linear layer, with controls that nobody takes for equal.

Each pair differs by what the owner's layer does not read. Its control differs from the first picture by as much, with
the same spectrum, in a random direction. A model's score is |f(b) - f(a)| / |f(c) - f(a)|, the geometric mean over the
pairs: near 0 for who has that null space, near 1 for who does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from guise.harmless.fingerprints.spectra import pink, rephased
from guise.harmless.fingerprints.strangers import disturbed, stranger
from guise.harmless.loading import Loaded
from guise.harmless.nullity import check_ignores
from guise.harmless.pictures.certificate import as_pixels, as_tensor
from guise.harmless.pictures.generation import GenerationSettings, generate
from guise.harmless.pictures.rounding import SearchSettings
from guise.harmless.projection import Projector, projector
from guise.harmless.tracing import read
from guise.models.errors import InputError

LEVELS = (0.001, 0.01, 0.1)
"""Noise put on the owner's weights, relative to their norm, to see how soon it no longer matches."""
_EXACT = GenerationSettings(exact_uint8=True, search=SearchSettings(500))
_USABLE = 0.25
"""A score of the owner's own model above this identifies nothing."""


@dataclass(frozen=True)
class Strangers:
    """Scores of other models, all with the owner's architecture.

    Attributes:
        count: models with other weights in their first layer.
        taken: of these, by mistake, for the owner's.
        rate_below: upper end of the one-sided 95 % interval (Clopper and Pearson) of that rate, for such strangers.
        least, median: of their scores.
        disturbed: score of the owner's model by the noise put on its first layer's weights.
    """

    count: int
    taken: int
    rate_below: float
    least: float
    median: float
    disturbed: dict[str, float]


@dataclass(frozen=True)
class Origin:
    """What was measured when the probe was made.

    Attributes:
        score: of the owner's own model.
        threshold: what scores below it matches: halfway, in ratio, from `score` to 1, whatever strangers score.
        strangers: held against it afterwards.
    """

    score: float
    threshold: float
    strangers: Strangers


@dataclass(frozen=True)
class Probe:
    """Pictures, and what to expect of them.

    Attributes:
        pictures: uint8 (pairs, 3, H, W, 3); of each three the first two are equal to the owner's model, the third
            is not.
        origin: how well that holds.
    """

    pictures: NDArray[np.uint8]
    origin: Origin


@dataclass(frozen=True)
class Match:
    """How a model answers a probe.

    Attributes:
        matches: its score is below the threshold.
        score: see the module.
        margin: threshold / score: 2 is twice as close as needed, 0.1 ten times too far off.
        pairs: score of each pair, None where the model takes its control for equal, too.
    """

    matches: bool
    score: float
    margin: float
    pairs: tuple[float | None, ...]


def make(loaded: Loaded, *, pairs: int = 4, strangers: int = 40, seed: int = 0) -> Probe:
    """A probe of `loaded`.

    Args:
        loaded: the owner's model.
        pairs: of pictures.
        strangers: models to measure false positives on.
        seed: of the pictures and the strangers.

    Raises:
        InputError: the model ignores nothing exactly, or what it ignores does not tell it from its controls.
    """
    reading = read(loaded.model, loaded.input_shape)
    found, generator = projector(reading.joint), torch.Generator().manual_seed(seed)
    check_ignores(found)
    pictures = np.stack([_three(found, generator) for _ in range(pairs)])
    own = match(run(loaded, pictures), threshold=1.0).score
    if own > _USABLE:
        what = f"to the model the pairs differ {own:.2g} times as much as their controls"
        raise InputError(f"{what}, so they identify nothing; see inspect for what it ignores")
    threshold = max(own, 1e-8) ** 0.5

    def score(other: Loaded) -> float:
        return match(run(other, pictures), threshold=threshold).score

    others = [score(Loaded(stranger(loaded.model, reading, generator), loaded.input_shape)) for _ in range(strangers)]
    noisy = {
        f"{level:g}": score(Loaded(disturbed(loaded.model, reading, level, generator), loaded.input_shape))
        for level in LEVELS
    }
    return Probe(pictures, Origin(own, threshold, _summary(others, threshold, noisy)))


def run(loaded: Loaded, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A model's outputs for a probe's pictures: float64 (pairs, 3, D).

    Raises:
        InputError: it takes pictures of another size, or fails on them.
    """
    height, width = pictures.shape[2:4]
    if loaded.input_shape != (3, height, width):
        size = "x".join(map(str, loaded.input_shape))
        raise InputError(f"the probe's pictures are 3x{height}x{width}, the model takes {size}; set --input")
    each = pictures.reshape(-1, height, width, 3)
    with torch.no_grad():  # one by one: a traced model may know no other batch
        outputs = [loaded.model(as_tensor(picture).float()).double().flatten().numpy() for picture in each]
    return np.stack(outputs).reshape(len(pictures), 3, -1)


def match(outputs: NDArray[np.float64], *, threshold: float) -> Match:
    """Judge outputs (pairs, 3, D), whoever computed them.

    Raises:
        InputError: they are not finite, or do not tell any control from its picture.
    """
    if not np.isfinite(outputs).all():
        raise InputError("the outputs hold values that are not finite; run the model on the probe again")
    pair, control = (np.linalg.norm(outputs[:, index] - outputs[:, 0], axis=1) for index in (1, 2))
    told = control > 1e-12 * np.linalg.norm(outputs[:, 0], axis=1)
    if not told.any():
        raise InputError("the outputs are equal for all pictures, which identifies nothing; give scores, not labels")
    # Down to what double precision tells apart: a pair may be equal to the last bit.
    scores = np.maximum(pair[told] / control[told], 1e-12)
    score = float(np.exp(np.log(scores).mean()))
    each = iter(scores.tolist())
    return Match(score < threshold, score, threshold / score, tuple(next(each) if seen else None for seen in told))


def _three(found: Projector, generator: torch.Generator) -> NDArray[np.uint8]:
    """One picture, one that measures alike and one that does not: uint8 (3, H, W, 3)."""
    shape = found.operator.input_shape
    first, target = (as_pixels(pink(shape, generator)) for _ in range(2))
    alike = generate(first, found, target, settings=_EXACT)
    change = as_tensor(alike) - as_tensor(first)
    return np.stack([first, alike, as_pixels(as_tensor(first) + rephased(change, generator))])


def _summary(scores: list[float], threshold: float, noisy: dict[str, float]) -> Strangers:
    from scipy.stats import beta

    taken, count = sum(score < threshold for score in scores), len(scores)
    above = 1.0 if taken == count else float(beta.ppf(0.95, taken + 1, count - taken))
    return Strangers(count, taken, above, min(scores), float(np.median(scores)), noisy)
