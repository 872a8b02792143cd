"""A folder of photos in, a folder of changed copies with their certificates out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from harmless.loading import Loaded
from harmless.pictures.certificate import Certificate, Certifier
from harmless.pictures.generation import GenerationSettings, generate, seed_of
from harmless.pictures.targets import Target
from harmless.projection import projector
from harmless.tracing import read
from models.errors import ImageError, InputError
from models.files import atomic_write, read_photo, write_photo

Format = Literal["png", "jpeg"]


@dataclass(frozen=True)
class Made:
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
class Job:
    """What to do with each photo.

    Attributes:
        settings: of the change.
        target: what is put in.
        seed: of noise, which differs from photo to photo anyway.
        format: `jpeg` changes what the model reads, as the certificate will show.
    """

    settings: GenerationSettings
    target: Target
    seed: int = 0
    format: Format = "png"


def generate_folder(folder: Path, photos: Sequence[Path], out: Path, loaded: Loaded, job: Job) -> Iterator[Made]:
    """Write a changed copy of each of `photos` (paths below `folder`), and its certificate as JSON beside it.

    Raises:
        InputError: nothing of the model's input is provably ignored, or two photos would become one file.
        OutputError: a file cannot be written; those finished before stay.
    """
    found = projector(read(loaded.model, loaded.input_shape).joint)
    certifier = Certifier(loaded.model, found.operator, rank=found.rank)
    names = [path.with_suffix(f".{job.format}") for path in photos]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"several photos would be written as {twice[0]}; rename all but one of them")
    for path, name in zip(photos, names, strict=True):
        try:
            photo = read_photo(folder / path)
            height, width = photo.pixels.shape[:2]
            target = job.target(height, width, seed_of(photo.sha256, job.seed))
            pixels = generate(photo.pixels, found, target, settings=job.settings)
            # A grey copy or one with an alpha channel would not hold these pixels.
            plain = replace(photo, format=job.format.upper(), grey=False, alpha=None, lossless=job.format == "png")
            write_photo(out / name, plain, pixels)
            certificate = certifier.certify(photo.pixels, read_photo(out / name).pixels, target)
        except (InputError, ImageError) as error:
            yield Made(path.as_posix(), str(error))
            continue
        with atomic_write((out / name).with_suffix(".json")) as file:
            file.write(json.dumps(asdict(certificate), indent=1, allow_nan=False).encode() + b"\n")
        yield Made(path.as_posix(), "", name.as_posix(), certificate, photo.notes)
