"""Protect a folder: find the user, learn or load the mask, write and measure copies; resumable at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chameleon import paper, restoration
from chameleon.key import Key, Provenance
from chameleon.learning import LearningSettings, learn_mask
from chameleon.owner import Owner, Sighting, recurring
from chameleon.perception.budget import Budget, Visibility, budget_of
from chameleon.portrait import Portrait
from chameleon.protection import FaceReader, Measured, measure_saved, protect_photo
from models import Recogniser
from models.cache import sha256_of
from models.errors import FaceError, ImageError
from models.files import Manifest, Photo, printable, read_photo, settings_hash, write_photo

Status = Literal["protected", "skipped", "no face", "failed"]
MANIFEST = ".guise-manifest.jsonl"
_MOST_PORTRAITS = 24
_SMALLEST_FACE = 11  # pixels of its box inside the photo; the least that SSIM can be measured on


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo.

    Attributes:
        photo: its path below the folder.
        status: protected, skipped (already done), no face (of the user's) or failed.
        reason: why it was not protected, else "".
        faces: measurements of the protected faces on the written file.
        notes: what the copy does not carry over exactly.
    """

    photo: str
    status: Status
    reason: str = ""
    faces: tuple[Measured, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What a folder shows.

    Attributes:
        sightings: all faces of each photo that could be read.
        failures: reason for each that could not.
    """

    sightings: dict[Path, list[Sighting]]
    failures: dict[Path, str]


Progress = Callable[[str, int, int], None]
"""Called with what is being done, items done and items in all."""


def survey(folder: Path, photos: Sequence[Path], reader: FaceReader, *, progress: Progress | None = None) -> Survey:
    """Find all faces in `photos`, paths below `folder`."""
    sightings: dict[Path, list[Sighting]] = {}
    failures: dict[Path, str] = {}
    for done, photo in enumerate(photos, 1):
        try:
            sightings[photo] = _faces(read_photo(folder / photo), photo, reader)
        except ImageError as error:
            failures[photo] = str(error)
        if progress is not None:
            progress("looking for faces", done, len(photos))
    return Survey(sightings, failures)


def _faces(photo: Photo, path: Path, reader: FaceReader) -> list[Sighting]:
    height, width = photo.pixels.shape[:2]
    found = reader.read(photo.pixels, name=printable(path))
    return [sighting for sighting in found if min(_shape(sighting, height, width)) >= _SMALLEST_FACE]


def _shape(sighting: Sighting, height: int, width: int) -> tuple[int, int]:
    rows, columns = sighting.face.box_in(height, width)
    return rows.stop - rows.start, columns.stop - columns.start


class Chooser:
    """Which faces of a photo are to be protected."""

    def __init__(self, which: Literal["owner", "largest", "all"], owner: Owner) -> None:
        self.which = which
        self.owner = owner

    @classmethod
    def from_survey(cls, found: Survey, which: Literal["recurring", "largest", "all"], *, threshold: float) -> Chooser:
        """The person in most photos, each photo's largest face, or all faces.

        Args:
            found: the folder's faces.
            which: which of them.
            threshold: Euclidean distance below which two embeddings are one person's.

        Raises:
            FaceError: no photo shows a face, or the user cannot be told from others.
        """
        everyone = [sighting for faces in found.sightings.values() for sighting in faces]
        if not everyone:
            raise FaceError(
                f"no face was found in {len(found.sightings)} photos ({len(found.failures)} could not be read): "
                "name a folder with photos of the user"
            )
        if which == "recurring":
            return cls("owner", recurring(everyone, threshold=threshold))
        chosen = everyone if which == "all" else [faces[0] for faces in found.sightings.values() if faces]
        centroid = np.mean([sighting.embedding for sighting in chosen], axis=0)
        return cls("all" if which == "all" else "largest", Owner(centroid, threshold))

    def pick(self, faces: Sequence[Sighting]) -> list[Sighting]:
        """The ones among a photo's `faces`."""
        if self.which == "owner":
            return [sighting for sighting in faces if self.owner.owns(sighting.embedding)]
        return list(faces) if self.which == "all" else list(faces[:1])


@dataclass(frozen=True)
class Learning:
    """How to learn a mask.

    Attributes:
        recognisers: the surrogates.
        preset: "guise" (`chameleon.learning`) or "paper" (`chameleon.paper`).
        strength: name of the budget to learn for.
        seed: of everything random.
        settings: of our procedure.
    """

    recognisers: Sequence[Recogniser]
    preset: Literal["guise", "paper"] = "guise"
    strength: str = "mid"
    seed: int = 0
    settings: LearningSettings = field(default_factory=LearningSettings)


def learn_key(folder: Path, found: Survey, chooser: Chooser, how: Learning, *, progress: Progress | None = None) -> Key:
    """Learn a mask from the user's faces in `folder`.

    Raises:
        FaceError: the user's face is in none of the photos.
    """
    faces = portraits(folder, found, chooser)
    report = None if progress is None else partial(progress, "learning the mask")
    if how.preset == "paper":
        mask, steps = paper.learn_mask(faces, how.recognisers, seed=how.seed, progress=report), paper.EPOCHS
    else:
        budget, steps = budget_of(how.strength), how.settings.steps
        mask = learn_mask(faces, how.recognisers, budget=budget, settings=how.settings, seed=how.seed, progress=report)
    provenance = Provenance(
        recognisers=tuple(recogniser.record.name for recogniser in how.recognisers),
        preset=how.preset,
        strength=how.strength,
        photos=len(faces),
        steps=steps,
        seed=how.seed,
        guise=version("guise"),
    )
    return Key(mask, chooser.owner, provenance)


def portraits(folder: Path, found: Survey, chooser: Chooser) -> list[Portrait]:
    """The user's faces to learn from: at most 24, the largest.

    Raises:
        FaceError: there is none.
    """
    candidates = [(photo, sighting) for photo, faces in found.sightings.items() for sighting in chooser.pick(faces)]
    if not candidates:
        raise FaceError("the user's face is in none of the photos: check --user-face")
    largest = sorted(candidates, key=lambda candidate: -candidate[1].face.area)[:_MOST_PORTRAITS]
    return [Portrait.cut(read_photo(folder / photo).pixels, sighting.face) for photo, sighting in largest]


@dataclass(frozen=True)
class Job:
    """A folder to protect.

    Attributes:
        folder: with the originals.
        out: where the copies go; the same tree.
        key: the user's.
        key_file: where it lies; records for restoration are kept beside it.
        budget: how visible the mask may be; None puts it on as learnt.
        keep_metadata: keep EXIF, GPS included.
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    budget: Budget | None
    keep_metadata: bool = False


def protect_folder(
    job: Job,
    photos: Sequence[Path],
    chooser: Chooser,
    reader: FaceReader,
    *,
    found: Survey | None = None,
    progress: Progress | None = None,
) -> Iterator[PhotoResult]:
    """Write a protected copy of each of `photos`, paths below the folder, and measure it.

    What has been written is in a manifest: run again, the same files come out, and finished ones are not touched.

    Raises:
        OutputError: a file cannot be written; photos finished before stay.
    """
    manifest = Manifest(job.out / MANIFEST)
    records = restoration.open_records(job.key_file)
    settings = settings_hash(
        {
            "mask": job.key.mask.digest,
            "budget": None if job.budget is None else asdict(job.budget),
            "faces": chooser.which,
            "owner": chooser.owner.centroid.tolist(),
            "keep_metadata": job.keep_metadata,
            "guise": version("guise"),
        }
    )
    for done, path in enumerate(photos, 1):
        known = None if found is None else found.sightings.get(path)
        try:
            yield _protect(job, path, known, chooser, reader, manifest, records, settings)
        except ImageError as error:
            yield PhotoResult(path.as_posix(), "failed", str(error))
        if progress is not None:
            progress("protecting", done, len(photos))


def _protect(
    job: Job,
    path: Path,
    known: list[Sighting] | None,
    chooser: Chooser,
    reader: FaceReader,
    manifest: Manifest,
    records: Manifest,
    settings: str,
) -> PhotoResult:
    name = path.as_posix()
    target = job.out / path
    photo = read_photo(job.folder / path)
    before = manifest.find(photo.sha256, settings, name)
    there = sha256_of(target) if target.is_file() else None
    measured = _recall(before) if before is not None and there == before.get("output_sha256") else None
    if measured and there is not None:
        return PhotoResult(name, "skipped", "already done", measured, photo.notes)
    faces = _faces(photo, path, reader) if known is None else known
    chosen = chooser.pick(faces)
    if not chosen:
        reason = "no face was found" if not faces else f"none of its {len(faces)} faces is the user's"
        return PhotoResult(name, "no face", reason)
    protected = protect_photo(photo, [sighting.face for sighting in chosen], job.key.mask, budget=job.budget)
    # What other settings have written is replaced; what somebody else has put there is not.
    ours = there is not None and there in manifest.texts("output_sha256")
    write_photo(target, photo, protected.pixels, keep_metadata=job.keep_metadata, overwrite=ours)
    saved = read_photo(target)
    measured = tuple(measure_saved(photo.pixels, saved.pixels, chosen, chooser.owner, reader))
    records.append(restoration.record_of(name, photo, saved.pixels, protected.placements, job.key.mask))
    manifest.append(
        {
            "source_sha256": photo.sha256,
            "settings_hash": settings,
            "name": name,
            "output_sha256": saved.sha256,
            "faces": [asdict(face) for face in measured],
        }
    )
    return PhotoResult(name, "protected", faces=measured, notes=photo.notes)


def _recall(record: dict[str, Any]) -> tuple[Measured, ...] | None:
    """What the manifest says was measured; None where it does not say it as this program does."""
    try:
        return tuple(Measured(**{**face, "visibility": Visibility(**face["visibility"])}) for face in record["faces"])
    except (KeyError, TypeError):
        return None
