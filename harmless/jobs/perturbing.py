"""`robustness`: accuracy and margin under perturbations of input and weights together, as a surface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from guise.harmless.perturbations.bounds import certified_margins
from guise.harmless.perturbations.margins import SearchSettings, worst_margins
from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.pictures.photos import photo_for
from guise.harmless.sources import LoadedModel, LoadOptions, Model, PixelModel, load_models
from guise.models.errors import InputError
from guise.models.files import list_photos, printable
from guise.models.watching import Progress

_MOST = 2**27
"""Numbers that the weights of all photos of a batch may take."""


@dataclass(frozen=True)
class RobustnessReport:
    """What perturbations do, for each pair of sizes: rows are sizes of the input's, columns of the weights'.

    Attributes:
        model: its name.
        photos: how many.
        labels: "given", or "the model's own answers".
        input_epsilons: in levels of 255, rising; the first is 0.
        weight_epsilons: of each entry of a matrix or a kernel, rising; the first is 0.
        accuracy: share of photos whose margin stays above 0 under the perturbations that were found.
        margin: median over photos of the smallest margin found.
        certified: share of photos whose margin is proven to stay above 0; None where the network's kind is not known.
    """

    model: str
    photos: int
    labels: str
    input_epsilons: tuple[float, ...]
    weight_epsilons: tuple[float, ...]
    accuracy: tuple[tuple[float, ...], ...]
    margin: tuple[tuple[float, ...], ...]
    certified: tuple[tuple[float, ...], ...] | None

    def to_json(self) -> str:
        """All numbers as JSON, as `guise harmless robustness --json` prints them."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


def robustness(
    model: Model,
    images: str | Path,
    *,
    input_epsilon: Sequence[float] = (1.0, 2.0, 4.0),
    weight_epsilon: Sequence[float] = (0.001, 0.003, 0.01),
    steps: int = 10,
    restarts: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Unpack[LoadOptions],
) -> RobustnessReport:
    """Measure how a classifier's answers hold when its input and its weights are perturbed at once.

    Sizes bound each entry (l-infinity). Size 0 is added to both: these edges are the singular cases. Every photo has a
    perturbation of the weights of its own. What is found within a smaller box counts for larger ones too.
    Source: Tsai et al., ICASSP 2021 and NeurIPS 2021.

    Args:
        model: see `guise.harmless.null_space`; scores of classes.
        images: a folder with photos, whose labels are the model's own answers, or an .npz with `images`, uint8 (N, H,
            W) or (N, H, W, C), and `labels`, whole numbers (N,).
        input_epsilon: sizes, in levels of 255.
        weight_epsilon: sizes.
        steps: of the search.
        restarts: of the search; the first starts at zero.
        seed: of the other starts.
        progress: called after each batch.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        The surfaces.

    Raises:
        ImageError: a photo cannot be read.
        InputError: a size is negative, the images do not fit, or the model gives no scores.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    rows, columns = (
        _sizes(name, sizes) for name, sizes in (("input_epsilon", input_epsilon), ("weight_epsilon", weight_epsilon))
    )
    loaded = load_models(model, partly=True, **options)
    loaded.check_weights()
    network = loaded.model
    if not isinstance(network, PixelModel) or network.embeds:
        raise InputError("`robustness` needs scores of classes of one model; name one classifier")
    photos, labels = _read(Path(images), loaded)
    own = labels is None
    classes = _scores(network, photos[:1]).shape[1]
    if labels is None:
        labels = torch.cat([_scores(network, photo).argmax(1) for photo in photos.split(64)])
    elif wrong := [label for label in labels.tolist() if not 0 <= label < classes]:
        what = f"{printable(images)} holds the label {wrong[0]}, and the model knows {classes} classes"
        raise InputError(f"{what}; number them from 0 to {classes - 1}")
    settings = SearchSettings(steps, restarts, seed)
    found = torch.empty(len(rows), len(columns), len(photos))
    proven: list[list[Tensor | None]] = [[None] * len(columns) for _ in rows]
    numbers = sum(weight.numel() for weight in network.parameters())
    batch = max(1, min(64, _MOST // max(1, numbers)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            sizes = {"input_epsilon": row, "weight_epsilon": column}
            parts = [
                worst_margins(network, some, those, settings=settings, **sizes)
                for some, those in zip(photos.split(batch), labels.split(batch), strict=True)
            ]
            found[i, j] = torch.cat(parts)
            proven[i][j] = certified_margins(network, photos, labels, **sizes)
            if progress is not None:
                progress("sizes", i * len(columns) + j + 1, len(rows) * len(columns))
    found = found.cummin(0).values.cummin(1).values  # boxes nest
    return RobustnessReport(
        model=loaded.names[0],
        photos=len(photos),
        labels="the model's own answers" if own else "given",
        input_epsilons=rows,
        weight_epsilons=columns,
        accuracy=_table((found > 0).double().mean(2)),
        margin=_table(found.double().median(2).values),
        certified=_certified(proven),
    )


def _certified(proven: list[list[Tensor | None]]) -> tuple[tuple[float, ...], ...] | None:
    shares = []
    for row in proven:
        known = [float((margins > 0).double().mean()) for margins in row if margins is not None]
        if len(known) < len(row):
            return None
        shares.append(tuple(known))
    return tuple(shares)


def _table(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in values)


def _sizes(name: str, sizes: Sequence[float]) -> tuple[float, ...]:
    wrong = next((size for size in sizes if not 0 <= size < float("inf")), None)
    if wrong is not None:
        raise InputError(f"`{name}={wrong:g}` is no size of a perturbation; give numbers from 0 on")
    return tuple(sorted({0.0, *map(float, sizes)}))


def _scores(model: PixelModel, photos: Tensor) -> Tensor:
    with torch.no_grad():
        scores: Tensor = model(photos)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError(f"the model gives {tuple(scores.shape)}, no scores of classes; name a classifier")
    return scores


def _read(place: Path, loaded: LoadedModel) -> tuple[Tensor, Tensor | None]:
    """Photos (N, C, H, W) in [0, 255], and their labels where they are given."""
    if place.suffix.lower() != ".npz":
        paths = list_photos(place).photos
        read = [as_tensor(photo_for(place / path, loaded.input_shape).pixels).float() for path in paths]
        return torch.cat(read), None
    try:
        with np.load(place) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except Exception:  # archives that are damaged, or none, raise almost anything
        raise InputError(f"{printable(place)} holds no `images` and `labels`; write both with numpy.savez") from None
    if images.ndim and not len(images):
        raise InputError(f"{printable(place)} holds no images; give at least one")
    planes = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1) if images.ndim == 4 else images
    if images.dtype != np.uint8 or planes.ndim != 4 or planes.shape[1:] != loaded.input_shape:
        wanted = "x".join(map(str, loaded.input_shape))
        what = f"images of {printable(place)} are {images.dtype} {images.shape}, the model takes {wanted} in uint8"
        raise InputError(f"{what}; set `input=`, or give others")
    if labels.shape != (len(planes),) or labels.dtype.kind not in "iu":
        raise InputError(f"labels of {printable(place)} are {labels.dtype} {labels.shape}; give a whole number a photo")
    return torch.from_numpy(planes.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))
