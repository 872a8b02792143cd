"""A folder of photos in, a folder of changed copies with their certificates out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from guise.harmless.nullity import check_ignores
from guise.harmless.pictures.certificate import Certificate, Certifier
from guise.harmless.pictures.filling import FillSettings, check_size, fill, seed_of
from guise.harmless.pictures.level_set import WalkSettings, walk
from guise.harmless.pictures.manifest import CopyManifest, model_hash
from guise.harmless.pictures.targets import Target
from guise.harmless.projection import NearNull, Projector, projector
from guise.harmless.sources import LoadedModel, PixelModel
from guise.harmless.tracing import trace
from guise.models.errors import ImageError, InputError
from guise.models.files import plain, read_photo, settings_hash, write_photo

Format = Literal["png", "jpeg"]
_Change = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]
"""A photo and a target, uint8 (H, W, 3) -> the changed photo."""


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo.

    Attributes:
        photo: its path below the folder.
        reason: why there is no copy, else "".
        file: the copy, below the output folder.
        certificate: measured on the copy as it was read again from its file.
        notes: what the copy does not carry over.
    """

    photo: str
    reason: str = ""
    file: str = ""
    certificate: Certificate | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class FolderSettings:
    """What to do with each photo.

    The names of the fields go into the hash by which a run knows the copies that it made before.

    Attributes:
        settings: of the change.
        target: what is put in.
        seed: of noise, which differs from photo to photo anyway.
        format: `jpeg` changes what the model reads, as the certificate will show.
        approximate: bound for directions that the first layer shrinks, in place of those that it ignores.
        walk: along the level set of the whole model, in place of both.
    """

    settings: FillSettings
    target: Target
    seed: int = 0
    format: Format = "png"
    approximate: float | None = None
    walk: WalkSettings | None = None

    def __post_init__(self) -> None:
        if self.format not in ("png", "jpeg"):
            raise InputError(f"`format={self.format}` is not known: use png or jpeg")


def fill_folder(
    folder: Path, photos: Sequence[Path], out: Path, loaded: LoadedModel, job: FolderSettings
) -> Iterator[PhotoResult]:
    """Write a changed copy of each photo, and its certificate as JSON next to it.

    Guarantees:
        * Copies that an earlier run finished with the same settings and model, and that are as it left them, stay.
        * A file that no run has written is never replaced: that photo is not done, and the result gives the reason.

    Args:
        folder: holds the photos; nothing in it is changed.
        photos: paths below `folder`.
        out: where copies go.
        loaded: the model.
        job: what to do with each photo.

    Yields:
        What became of each photo, in order.

    Raises:
        InputError: nothing of the model's input is provably ignored, or two photos would become one file.
        OutputError: a file cannot be written; those finished before stay.
    """
    change, certifier = _prepared(loaded, job)
    manifest, model = CopyManifest(out), model_hash(loaded)
    names = [path.with_suffix(f".{job.format}") for path in photos]
    twice = sorted(str(name) for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InputError(f"several photos would be written as {twice[0]}; rename all but one of them")
    for path, name in zip(photos, names, strict=True):
        try:
            photo = read_photo(folder / path)
            height, width = photo.pixels.shape[:2]
            target = job.target(height, width, seed_of(photo.sha256, job.seed))
            settings = _settings_hash(job, model, target)
            if (certificate := manifest.finished(photo.sha256, settings, name.as_posix())) is not None:
                yield PhotoResult(path.as_posix(), "", name.as_posix(), certificate, photo.notes)
                continue
            pixels = change(photo.pixels, target)
            write_photo(out / name, plain(photo, job.format), pixels, overwrite=manifest.own(name))
            certificate = certifier.certify(photo.pixels, read_photo(out / name).pixels, target)
            manifest.write(name.with_suffix(".json"), certificate.to_json().encode() + b"\n")
        except (InputError, ImageError) as error:
            yield PhotoResult(path.as_posix(), str(error))
            continue
        manifest.add(photo.sha256, settings, name.as_posix(), certificate)
        yield PhotoResult(path.as_posix(), "", name.as_posix(), certificate, photo.notes)


def _settings_hash(job: FolderSettings, model: str, target: NDArray[np.uint8]) -> str:
    """Of all that decides on a copy but the photo."""
    return settings_hash({**asdict(job), "target": hashlib.sha256(target.tobytes()).hexdigest(), "model": model})


def _prepared(loaded: LoadedModel, job: FolderSettings) -> tuple[_Change, Certifier]:
    """How to change a picture, and the measure of it."""
    if job.walk is not None:
        how, model = job.walk, loaded.model
        if not isinstance(model, PixelModel):
            raise InputError("`non_linear=True` follows one model's level set; name one `model=`")

        def along(pixels: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
            check_size(pixels, loaded.input_shape)
            return walk(pixels, model, target, settings=how)

        return along, Certifier(loaded.model, None, method="level set")
    joint = trace(loaded.model, loaded.input_shape).joint
    null: Projector
    if job.approximate is None:
        null = projector(joint)
        check_ignores(null)
    else:
        null = NearNull(joint, job.approximate)
    certifier = Certifier(loaded.model, null)
    return lambda pixels, target: fill(pixels, null, target, settings=job.settings), certifier
