"""What a changed picture does to a model. All of it is measured: how the picture was made does not count."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from guise.harmless.projection import NearNull, Projector
from guise.harmless.sources.pixel_model import JointModel, PixelModel
from guise.models.errors import InputError

PRECISIONS = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16}
OUTPUT_ONLY = "output compared only"
_NOTHING = 1e-8
"""A null part with a smaller share of a picture's energy counts as none: iterative projections leave as much."""


@dataclass(frozen=True)
class Change:
    """How far a model's answer moved, in one precision; the worst of all models where there are several.

    Attributes:
        layer: |A x' - A x| / |A x| of the first layer's linear part; None where it does not run in this precision, or
            not to finite numbers.
        output: |f(x') - f(x)| / |f(x)| of the model's output; None for the same reasons.
        cosine: of the angle between the two outputs; None for the same reasons.
        top1: the largest entry is the same in each output that is no embedding; None for the same reasons, and where
            every output is an embedding.
    """

    layer: float | None
    output: float | None
    cosine: float | None
    top1: bool | None


@dataclass(frozen=True)
class ImageSimilarity:
    """How alike two pictures look.

    Attributes:
        ssim: structural similarity (Wang et al., 2004), 1 for equal pictures.
        psnr: peak signal-to-noise ratio in dB; None for equal pictures.
    """

    ssim: float
    psnr: float | None


@dataclass(frozen=True)
class Approximate:
    """What stands in for an exact null space where a picture was not measured against one.

    Attributes:
        method: "near-null" or "level set", which keep the output approximately, or `OUTPUT_ONLY`.
        bound: on |A d| / (|A| |d|) of the change d before rounding to whole levels; None where there is none.
        reached: the same ratio, measured with rounding; None where it is not known.
    """

    method: str
    bound: float | None = None
    reached: float | None = None


@dataclass(frozen=True)
class Certificate:
    """What was measured on two pictures of one size.

    Attributes:
        changes: by precision.
        to_original: how alike the picture and the original look.
        to_target: how alike the picture and the target look; None where the target is not known.
        read: share of the picture's dimensions that the layer reads: rank / n; None where the rank is not known or
            there is no exact null space.
        kept: share of the rest of the original that is still there as it was: <P x', P x> / <P x, P x> of the part P x
            in the null space, means taken off; None where the original has no such part.
        moved: |x' - x| / |x|, to set the changes against.
        approximate: None where the picture was measured against an exact null space. Whether the change lies in it,
            `changes` say.
    """

    changes: dict[str, Change]
    to_original: ImageSimilarity
    to_target: ImageSimilarity | None
    read: float | None
    kept: float | None
    moved: float
    approximate: Approximate | None = None

    def to_json(self) -> str:
        """The certificate as JSON, as it lies next to a copy."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


class Certifier:
    """Measures pictures against a model.

    Args:
        model: takes photos in [0, 255].
        projector: onto what the model ignores, or nearly ignores, of its input; None where nothing linear reads first.
        method: `Approximate.method` where there is no projector.
    """

    def __init__(
        self, model: PixelModel | JointModel, projector: Projector | None, *, method: str = OUTPUT_ONLY
    ) -> None:
        self.near_null = projector if isinstance(projector, NearNull) else None
        self.exact = None if self.near_null is not None else projector
        self.operator = None if projector is None else projector.operator
        self._method = method
        self._embeds = model.embeds if isinstance(model, JointModel) else (model.embeds,)
        self._models = {name: copy.deepcopy(model).to(dtype) for name, dtype in PRECISIONS.items()}

    def certify(
        self, original: NDArray[np.uint8], changed: NDArray[np.uint8], target: NDArray[np.uint8] | None = None
    ) -> Certificate:
        """Measure a changed picture against its original.

        Args:
            original: (H, W, 3), of the size that the model takes.
            changed: of the same shape.
            target: what was put in, of the same shape, where that is known.

        Returns:
            What was measured.

        Raises:
            InputError: the model fails on them.
            ValueError: they differ in size.
        """
        if original.shape != changed.shape:
            raise ValueError(f"pictures of {original.shape} and {changed.shape} cannot be compared")
        x, y = as_tensor(original), as_tensor(changed)
        return Certificate(
            changes={name: self._change(x, y, name) for name in PRECISIONS},
            to_original=image_similarity(original, changed),
            to_target=None if target is None else image_similarity(target, changed),
            read=None if self.exact is None or self.exact.rank is None else self.exact.rank / x[0].numel(),
            kept=None if self.exact is None else _kept(self.exact, x, y),
            moved=float((y - x).norm() / x.norm().clamp(min=1)),
            approximate=self._approximate(y - x),
        )

    def _approximate(self, d: Tensor) -> Approximate | None:
        if self.operator is None:
            return Approximate(self._method)
        if self.near_null is None:
            return None
        shrunk = float(self.operator.matvec(d).norm() / d.norm().clamp(min=1e-12))
        return Approximate("near-null", self.near_null.bound, shrunk / self.near_null.norm)

    def _change(self, x: Tensor, y: Tensor, precision: str) -> Change:
        dtype = PRECISIONS[precision]
        both = [x.to(dtype), y.to(dtype)]
        try:
            measured = None if self.operator is None else [self.operator.matvec(photo).double() for photo in both]
            layer = None if measured is None else _relative(*measured)
        except RuntimeError:  # not every operation runs in half precision on every device
            layer = None
        try:
            with torch.no_grad():  # each alone: a traced model may know no other batch
                outputs = [self._models[precision](photo) for photo in both]
        except InputError:
            if precision == "float32":
                raise
            return Change(_finite(layer), None, None, None)
        pairs = [(a.double().flatten(), b.double().flatten()) for a, b in zip(*map(_as_tuple, outputs), strict=True)]
        if not all(bool(out.isfinite().all()) for pair in pairs for out in pair):  # half precision overflows early
            return Change(_finite(layer), None, None, None)
        scores = [pair for pair, embeds in zip(pairs, self._embeds, strict=True) if not embeds]
        top1 = all(bool(before.argmax() == after.argmax()) for before, after in scores) if scores else None
        return Change(
            _finite(layer),
            max(_relative(*pair) for pair in pairs),
            min(_cosine(*pair) for pair in pairs),
            top1,
        )


def image_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> ImageSimilarity:
    """How alike two pictures look.

    Args:
        a: (H, W, 3), at least 7 pixels high and wide.
        b: of the same shape.

    Returns:
        SSIM and PSNR.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # slow: it loads scipy.stats

    ssim = float(structural_similarity(a, b, channel_axis=2, data_range=255))
    same = bool((a == b).all())
    return ImageSimilarity(ssim, None if same else float(peak_signal_noise_ratio(a, b, data_range=255)))


def as_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """A picture as a tensor.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        float64 (1, 3, H, W), the same levels.
    """
    return torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None].contiguous()


def as_pixels(tensor: Tensor) -> NDArray[np.uint8]:
    """A tensor as a picture.

    Args:
        tensor: (1, 3, H, W).

    Returns:
        uint8 (H, W, 3), rounded and cut off at 0 and 255.
    """
    return tensor[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def _kept(projector: Projector, x: Tensor, y: Tensor) -> float | None:
    before, after = (projector.null(photo - photo.mean()) for photo in (x, y))
    whole = before.square().sum()
    return float((after * before).sum() / whole) if whole > _NOTHING * x.square().sum() else None


def _as_tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _cosine(before: Tensor, after: Tensor) -> float:
    if torch.equal(before, after):  # all zeros, too, which have no angle
        return 1.0
    return float(torch.nn.functional.cosine_similarity(before, after, dim=0))


def _relative(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm() / before.norm().clamp(min=1e-12))
