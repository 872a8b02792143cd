"""A probe: pairs of pictures that agree to the owner's first linear layer, with controls that no model takes for equal.

A pair differs by what the owner's layer does not read. Its control differs from the first picture by as much, with
the same spectrum, in a random direction. A model's score is |f(b) - f(a)| / |f(c) - f(a)|, the geometric mean over the
pairs: near 0 for a model that has that null space, near 1 for a model that does not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from guise.harmless.fingerprints.spectra import pink, rephased
from guise.harmless.fingerprints.strangers import disturbed, stranger
from guise.harmless.nullity import check_ignores
from guise.harmless.pictures.certificate import as_pixels, as_tensor
from guise.harmless.pictures.filling import FillSettings, fill
from guise.harmless.pictures.rounding import SearchSettings
from guise.harmless.projection import Projector, projector
from guise.harmless.sources import JointModel, LoadedModel, PixelModel
from guise.harmless.tracing import trace
from guise.models.errors import InputError

LEVELS = (0.001, 0.01, 0.1)
"""Noise put on the owner's weights, relative to their norm: it shows how soon the model no longer matches."""
_EXACT = FillSettings(exact_uint8=True, search=SearchSettings(500))
_USABLE = 0.25
"""If the owner's own model scores above this, the probe identifies nothing."""


@dataclass(frozen=True)
class Strangers:
    """Scores of other models, all with the owner's architecture.

    Attributes:
        count: models with other weights in their first layer.
        taken: how many of them match by mistake.
        rate_below: upper end of the one-sided 95 % interval (Clopper and Pearson) of that rate, for such strangers.
        least: smallest of their scores.
        median: of their scores.
        disturbed: score of the owner's model, by how much noise its first layer's weights got.
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
        threshold: a model that scores below it matches. It lies halfway, in ratio, from `score` to 1, whatever
            strangers score.
        strangers: models that the probe was tested on afterwards.
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

    def to_json(self) -> str:
        """What was measured when the probe was made, as `guise harmless fingerprint make --json` prints it."""
        return json.dumps(asdict(self.origin), indent=1, allow_nan=False)


@dataclass(frozen=True)
class Match:
    """How a model answers a probe.

    Attributes:
        matches: its score is below the threshold.
        score: see the module.
        margin: threshold / score: 2 is twice as close as needed, 0.1 is ten times too far off.
        pairs: score of each pair; None where the model takes its control for equal too.
    """

    matches: bool
    score: float
    margin: float
    pairs: tuple[float | None, ...]


def make(loaded: LoadedModel, *, pairs: int = 4, strangers: int = 40, seed: int = 0) -> Probe:
    """Make a probe of a model.

    Args:
        loaded: the owner's model.
        pairs: how many pairs of pictures.
        strangers: how many models to measure false positives on.
        seed: of the pictures and the strangers.

    Returns:
        The probe.

    Raises:
        InputError: the model ignores nothing exactly, or what it ignores does not tell it from its controls.
    """
    traced = trace(loaded.model, loaded.input_shape)
    null, generator = projector(traced.joint), torch.Generator().manual_seed(seed)
    check_ignores(null)
    pictures = np.stack([_three(null, generator) for _ in range(pairs)])
    own = match(run(loaded, pictures), threshold=1.0).score
    if own > _USABLE:
        what = f"to the model the pairs differ {own:.2g} times as much as their controls"
        raise InputError(f"{what}, so they identify nothing; see inspect for what it ignores")
    threshold = max(own, 1e-8) ** 0.5

    def score(other: PixelModel | JointModel) -> float:
        return match(run(LoadedModel(other, loaded.input_shape), pictures), threshold=threshold).score

    others = [score(stranger(loaded.model, traced, generator)) for _ in range(strangers)]
    noisy = {f"{level:g}": score(disturbed(loaded.model, traced, level, generator)) for level in LEVELS}
    return Probe(pictures, Origin(own, threshold, _summary(others, threshold, noisy)))


def run(loaded: LoadedModel, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A model's outputs for a probe's pictures.

    Args:
        loaded: the model.
        pictures: uint8 (pairs, 3, H, W, 3).

    Returns:
        float64 (pairs, 3, D).

    Raises:
        InputError: it takes pictures of another size, or fails on them.
    """
    height, width = pictures.shape[2:4]
    if loaded.input_shape != (3, height, width):
        size = "x".join(map(str, loaded.input_shape))
        raise InputError(f"the probe's pictures are 3x{height}x{width}, the model takes {size}; set `input=`")
    each = pictures.reshape(-1, height, width, 3)
    with torch.no_grad():  # each alone: a traced model may know no other batch
        outputs = [loaded.model(as_tensor(picture).float()).double().flatten().numpy() for picture in each]
    return np.stack(outputs).reshape(len(pictures), 3, -1)


def match(outputs: NDArray[np.float64], *, threshold: float) -> Match:
    """Judge outputs, no matter who computed them.

    Args:
        outputs: (pairs, 3, D), in the probe's order.
        threshold: the probe's.

    Returns:
        The score, and whether it matches.

    Raises:
        InputError: they are not finite, or do not tell any control from its picture.
    """
    if not np.isfinite(outputs).all():
        raise InputError("the outputs hold values that are not finite; run the model on the probe again")
    pair, control = (np.linalg.norm(outputs[:, index] - outputs[:, 0], axis=1) for index in (1, 2))
    distinguished = control > 1e-12 * np.linalg.norm(outputs[:, 0], axis=1)
    if not distinguished.any():
        raise InputError("the outputs are equal for all pictures, which identifies nothing; give scores, not labels")
    # Down to what double precision tells apart: a pair may be equal to the last bit.
    scores = np.maximum(pair[distinguished] / control[distinguished], 1e-12)
    score = float(np.exp(np.log(scores).mean()))
    each = iter(scores.tolist())
    known = tuple(next(each) if seen else None for seen in distinguished)
    return Match(score < threshold, score, threshold / score, known)


def _three(null: Projector, generator: torch.Generator) -> NDArray[np.uint8]:
    """One picture, one that measures alike and one that does not: uint8 (3, H, W, 3)."""
    shape = null.operator.input_shape
    first, target = (as_pixels(pink(shape, generator)) for _ in range(2))
    alike = fill(first, null, target, settings=_EXACT)
    change = as_tensor(alike) - as_tensor(first)
    return np.stack([first, alike, as_pixels(as_tensor(first) + rephased(change, generator))])


def _summary(scores: list[float], threshold: float, noisy: dict[str, float]) -> Strangers:
    from scipy.stats import beta

    taken, count = sum(score < threshold for score in scores), len(scores)
    above = 1.0 if taken == count else float(beta.ppf(0.95, taken + 1, count - taken))
    return Strangers(count, taken, above, min(scores), float(np.median(scores)), noisy)
