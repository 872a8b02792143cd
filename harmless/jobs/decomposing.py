"""`decompose`: which part of each perturbation a model provably ignores, and which part acts."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Unpack

import torch

from guise.harmless.pictures.decomposition import precise, split, visible
from guise.harmless.pictures.photos import photo_for
from guise.harmless.projection import Projector, projector
from guise.harmless.sources import LoadedModel, LoadOptions, Model, load_models
from guise.harmless.tracing import trace
from guise.models.errors import ImageError, InputError
from guise.models.files import check_output_folder, check_writable, list_photos, plain, write_photo
from guise.models.watching import Progress


@dataclass(frozen=True)
class DecomposedPhoto:
    """The perturbation of one photo.

    Attributes:
        name: of the original, below its folder.
        harmless_share: share of the perturbation's energy in the null space.
        effect: relative change of the model's output.
        unexplained: how far the harmful part alone is from that change: rounding.
    """

    name: str
    harmless_share: float
    effect: float
    unexplained: float


@dataclass(frozen=True)
class DecomposeReport:
    """The perturbations of a folder of photos.

    Attributes:
        photos: those that were done, in order.
        failed: the name of each photo that was not done, and the reason.
    """

    photos: tuple[DecomposedPhoto, ...]
    failed: tuple[tuple[str, str], ...]

    def to_json(self) -> str:
        """All figures as JSON, as `guise harmless decompose --json` prints them."""
        return json.dumps({"photos": [asdict(photo) for photo in self.photos]}, indent=1, allow_nan=False)


def decompose(
    images: str | Path,
    perturbed: str | Path,
    model: Model,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Unpack[LoadOptions],
) -> DecomposeReport:
    """Split each perturbation into a harmless and a harmful part, and show that the harmful part does it all.

    Args:
        images: folder with the originals.
        perturbed: folder with them perturbed, by the same names or as PNG.
        model: see `guise.harmless.null_space`.
        out: folder to draw both parts in, around mid grey; None: they are not drawn.
        progress: called with what is done, how many photos are done, and how many there are.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        The figures of each photo, and which photos were not done.

    Raises:
        InputError: a folder is missing or holds no photo, the folders overlap, or the model fails.
        NonLinearFirstError: nothing of the model's input is provably ignored.
        OutputError: a file cannot be written.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    images, perturbed = Path(images), Path(perturbed)
    paths = list_photos(images).photos
    if out is not None:
        check_output_folder(images, Path(out))
        check_output_folder(perturbed, Path(out))
        check_writable(Path(out))
    loaded, announce = load_models(model, **options), options.get("announce")
    null = projector(trace(loaded.model, loaded.input_shape).joint)
    if loaded is model:  # the caller's stays in single precision
        loaded = replace(loaded, model=copy.deepcopy(loaded.model))
    if (dtype := precise(loaded)).itemsize < 8 and announce:
        announce("The model does not run in float64: its outputs are compared in float32.")
    done: list[DecomposedPhoto] = []
    failed: list[tuple[str, str]] = []
    for number, path in enumerate(paths, 1):
        try:
            done.append(_decomposed(path, images, perturbed, loaded, null, dtype, None if out is None else Path(out)))
        except (ImageError, InputError) as error:
            failed.append((path.as_posix(), str(error)))
        if progress:
            progress("decomposing", number, len(paths))
    return DecomposeReport(tuple(done), tuple(failed))


def _decomposed(
    path: Path,
    images: Path,
    perturbed: Path,
    loaded: LoadedModel,
    null: Projector,
    dtype: torch.dtype,
    out: Path | None,
) -> DecomposedPhoto:
    before = photo_for(images / path, loaded.input_shape)
    after = photo_for(_partner(perturbed, path), loaded.input_shape)
    parts = split(before.pixels, after.pixels, loaded.model, null, dtype=dtype)
    if out is not None:
        for kind, part in (("harmless", parts.harmless), ("harmful", parts.harmful)):
            write_photo(out / f"{path.as_posix()}.{kind}.png", plain(before), visible(part), overwrite=False)
    return DecomposedPhoto(path.as_posix(), parts.harmless_share, parts.effect, parts.unexplained)


def _partner(folder: Path, path: Path) -> Path:
    """The perturbed photo: of the same name, or the PNG that `generate` made of a photo in another format."""
    png = folder / path.with_suffix(".png")
    return png if png.is_file() and not (folder / path).is_file() else folder / path
