"""`generate`: photos that a model reads as before, with other content where it does not look."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Unpack

from guise.harmless.pictures import targets
from guise.harmless.pictures.filling import FillSettings, Mode
from guise.harmless.pictures.folders import FolderSettings, Format, PhotoResult, fill_folder
from guise.harmless.pictures.level_set import WalkSettings
from guise.harmless.pictures.rounding import SearchSettings
from guise.harmless.sources import LoadOptions, Models, load_models
from guise.models.errors import InputError
from guise.models.files import check_output_folder, check_writable, list_photos, only_one, remove_stale
from guise.models.watching import Progress


@dataclass(frozen=True)
class GenerateReport:
    """What became of a folder of photos.

    Attributes:
        photos: in order, those that failed included.
    """

    photos: tuple[PhotoResult, ...]

    @property
    def failed(self) -> tuple[PhotoResult, ...]:
        """Photos without a copy; `reason` says why."""
        return tuple(photo for photo in self.photos if photo.reason)

    def to_json(self) -> str:
        """All certificates as JSON, as `guise harmless generate --json` prints them."""
        return json.dumps({"photos": [asdict(photo) for photo in self.photos]}, indent=1, allow_nan=False)


def generate(
    images: str | Path,
    model: Models,
    *,
    out: str | Path,
    target: str | Path = "noise",
    mode: Mode = "replace",
    magnitude: float | None = None,
    exact_uint8: bool = False,
    approximate: float | None = None,
    non_linear: bool = False,
    steps: int = 40,
    moves: int = 2000,
    seed: int = 0,
    format: Format = "png",  # noqa: A002
    allow_lossy: bool = False,
    progress: Progress | None = None,
    **options: Unpack[LoadOptions],
) -> GenerateReport:
    """Replace what a model provably ignores in each photo of a folder, and measure the written copies.

    A run that was stopped goes on where it stopped. A file that no run has written is never replaced.

    Args:
        images: folder with photos of the size that the model reads; nothing in it is changed.
        model: see `guise.harmless.null_space`.
        out: folder where copies go, each with its certificate as JSON next to it.
        target: what is put in: "noise", "constant" (mid grey), or the path of a photo.
        mode: "replace" or "add" (see `NullSpace.fill`).
        magnitude: share that is replaced, or levels that are added. None: 1, or 32.
        exact_uint8: search for whole levels that change least of what the model reads.
        approximate: use directions that the first layer shrinks below this share of its most.
        non_linear: walk to the target while the whole model's output stays; slow, without a bound.
        steps: of that walk.
        moves: of the search for whole levels, in each block.
        seed: of the noise.
        format: "png", or "jpeg", which changes what the model reads.
        allow_lossy: write JPEG all the same.
        progress: called with what is done, how many photos are done, and how many there are.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        What became of each photo.

    Raises:
        InputError: a setting does not fit, the folders overlap, two photos would become one file, or nothing of the
            model's input is provably ignored.
        OutputError: a file cannot be written, or another run uses the folder; what was finished stays.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    images, out = Path(images), Path(out)
    if format == "jpeg" and not allow_lossy:
        raise InputError("JPEG undoes what was fitted to the model: keep `format=png`, or add `allow_lossy=True`")
    if non_linear and (approximate is not None or exact_uint8 or mode == "add" or magnitude is not None):
        others = "none of `approximate=`, `exact_uint8=`, `mode=` and `magnitude=`"
        raise InputError(f"`non_linear=True` goes with {others}: drop them")
    settings = FillSettings(mode, magnitude, exact_uint8, SearchSettings(moves))
    walk = WalkSettings(steps) if non_linear else None
    job = FolderSettings(settings, targets.parse(str(target)), seed, format, approximate, walk)
    photos = list_photos(images).photos
    check_output_folder(images, out)
    check_writable(out)
    results: list[PhotoResult] = []
    with only_one(out, remedy="name another `out=`"):
        remove_stale(out)
        loaded = load_models(model, **options)
        for result in fill_folder(images, photos, out, loaded, job):
            results.append(result)
            if progress:
                progress("generating", len(results), len(photos))
    return GenerateReport(tuple(results))
