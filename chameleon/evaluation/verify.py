"""How well recognisers still match a user's protected photos: on the saved files, with faces detected anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np

from guise.chameleon.evaluation.pairs import PairMeasurement, find_user, measure_pair
from guise.chameleon.evaluation.retrieval import Scores, false_accept_thresholds, score
from guise.chameleon.evaluation.strangers import Strangers, embed_strangers
from guise.chameleon.faces.embedding import FaceReader, similarity
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.transforms import TRANSFORMS
from guise.chameleon.videos.sampling import sample
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.models import Recogniser
from guise.models.counting import by_number
from guise.models.errors import FaceError, ImageError
from guise.models.files import list_photos, printable
from guise.models.files.videos.pictures import read_picture
from guise.models.watching import Progress

_OF_A_VIDEO = 8  # pictures that are measured, at most
SAVED = "as saved"
"""The version of the protected photos that no transform has touched."""


@dataclass(frozen=True)
class VersionReport:
    """How one recogniser sees the protected photos, as saved or after one transform.

    Attributes:
        similarities: of each photo's face to the user, as in `RecogniserReport`; None where no face was found. Such
            photos take no part in `settings`, neither as probe nor in the gallery.
        settings: `clean`, `1A`, `2B` and `2A`; empty with fewer than two photos.
    """

    similarities: tuple[float | None, ...]
    settings: dict[str, Scores]

    @property
    def similarity(self) -> float | None:
        """Mean over the photos in which a face was found; None if there are none."""
        known = [value for value in self.similarities if value is not None]
        return fmean(known) if known else None

    @property
    def undetected(self) -> int:
        """In how many photos no face was found where the user's was."""
        return self.similarities.count(None)


@dataclass(frozen=True)
class RecogniserReport:
    """How one recogniser sees all photos.

    Attributes:
        name: the recogniser's.
        threshold: its own, below which two faces are one person's.
        far_thresholds: those at a given false accept rate; see `retrieval.false_accept_thresholds`.
        similarities: of each original's face to the user: the cosine, around the population's mean, to the mean of the
            user's other originals (to itself where there is no other).
        versions: `SAVED` first, then the transforms.
    """

    name: str
    threshold: float
    far_thresholds: dict[str, float]
    similarities: tuple[float, ...]
    versions: dict[str, VersionReport]

    @property
    def similarity(self) -> float:
        """Mean over the originals."""
        return fmean(self.similarities)

    @property
    def saved(self) -> VersionReport:
        """The report on the files as they are."""
        return self.versions[SAVED]


@dataclass(frozen=True)
class Measurements:
    """Everything that was measured.

    Attributes:
        photos: the measured pairs.
        unmeasured: why the others were not measured, by their paths.
        recognisers: one for each recogniser, in the order given.
        strangers: None where no folder of them was given.
        no_retrieval: why rank-1 and recall are absent; "" where they are there.
    """

    photos: tuple[PairMeasurement, ...]
    unmeasured: dict[str, str]
    recognisers: tuple[RecogniserReport, ...]
    strangers: Strangers | None
    no_retrieval: str


def measure_folders(
    originals: Path,
    protected: Path,
    reader: FaceReader,
    recognisers: Sequence[Recogniser],
    *,
    others: Path | None = None,
    whose: WhoseFace | FaceSelector = WhoseFace.RECURRING,
    robust: bool = False,
    lpips: LpipsMeter | None = None,
    progress: Progress | None = None,
) -> Measurements:
    """Measure protected photos against their originals, paired by relative path.

    Of a video some pictures are measured, evenly spread; those that do not show the user are passed over.

    Args:
        originals: folder with the originals.
        protected: folder with their copies.
        reader: the detector, and the recogniser that tells whose face is the user's.
        recognisers: those to measure by.
        others: folder with photos of strangers, one photo of each; None leaves retrieval out.
        whose: whose face counts: `RECURRING`, `LARGEST`, or a selector of the user's face.
        robust: whether to measure also after each of `TRANSFORMS`.
        lpips: measures LPIPS; None where its weights are absent.
        progress: called after each photo.

    Returns:
        Everything that was measured.

    Raises:
        InputError: a folder is missing, cannot be read, or holds no photo.
        FaceError: the user cannot be told from others, or no pair could be measured.
        ValueError: `whose` names no single face of a photo.
    """
    listed = [list_photos(folder, videos=True) for folder in (originals, protected)]
    names, copies = (dict.fromkeys((*listing.photos, *listing.videos)) for listing in listed)
    unmeasured = {name: "it has no protected copy" for name in names if name not in copies}
    unmeasured |= {name: "it has no original" for name in copies if name not in names}
    photos = [name for name in listed[0].photos if name in copies]
    sampled, unreadable = sample(originals, [name for name in listed[0].videos if name in copies], _OF_A_VIDEO)
    unmeasured |= unreadable
    pairs = [*photos, *(picture for pictures in sampled.values() for picture in pictures)]
    looking, among = (progress and partial(progress, what) for what in ("looking for faces", "strangers"))
    faces = find_user(originals, pairs, reader, whose=whose, progress=looking)
    versions = {SAVED: lambda pixels: pixels, **(TRANSFORMS if robust else {})}
    measured, own_files = [], set(faces.files)
    for done, name in enumerate(pairs, 1):
        try:
            original, copy = read_picture(originals / name), read_picture(protected / name)
            own_files.add(copy.sha256)
            pair = measure_pair(name, original, copy, faces, reader, recognisers, versions=versions, lpips=lpips)
            measured.append(pair)
        except (ImageError, FaceError) as error:
            unmeasured[name] = str(error)
        if progress is not None:
            progress("measuring", done, len(pairs))
    unmeasured = _by_video(unmeasured, sampled)
    if not measured:
        name, reason = min(unmeasured.items())
        none = by_number(len(unmeasured), "the one photo could not", f"none of {len(unmeasured)} photos could")
        what = f"{none} be measured; {printable(name)}: {reason}"
        raise FaceError(f"{what}; name the folder of originals, then that of their protected copies")
    strangers = None
    if others is not None:
        strangers = embed_strangers(others, reader.detector, recognisers, users=own_files, progress=among)
    return Measurements(
        photos=tuple(measured),
        unmeasured={name.as_posix(): reason for name, reason in sorted(unmeasured.items())},
        recognisers=tuple(
            _report(measured, versions, index, recogniser, strangers) for index, recogniser in enumerate(recognisers)
        ),
        strangers=strangers,
        no_retrieval=_no_retrieval(measured, strangers),
    )


def _by_video(unmeasured: dict[Path, str], sampled: Mapping[Path, Sequence[Path]]) -> dict[Path, str]:
    """A video need not show the user in all pictures that were looked at: it is unmeasured where none was measured."""
    pictures = {picture for each in sampled.values() for picture in each}
    rest = {name: reason for name, reason in unmeasured.items() if name not in pictures}
    for video, each in sampled.items():
        if all(picture in unmeasured for picture in each):
            none = by_number(len(each), "its one picture was not", f"none of {len(each)} pictures was")
            rest[video] = f"{none} measured; at {each[0].name}: {unmeasured[each[0]]}"
    return rest


def _report(
    pairs: Sequence[PairMeasurement],
    versions: Iterable[str],
    index: int,
    recogniser: Recogniser,
    strangers: Strangers | None,
) -> RecogniserReport:
    """How the recogniser in place `index` sees all pairs."""
    record, population = recogniser.record, recogniser.population.cpu().numpy()
    clean = np.stack([pair.clean[index] for pair in pairs])
    unknown = clean[:0] if strangers is None else strangers.embeddings[index]
    far_thresholds = false_accept_thresholds(clean, unknown, metric=record.metric)
    user = (clean.sum(0) - clean) / (len(clean) - 1) if len(clean) > 1 else clean

    def version_report(version: str) -> VersionReport:
        protected = {i: pair.protected[version][index] for i, pair in enumerate(pairs) if version in pair.protected}
        settings = {}
        if len(protected) > 1:
            settings = score(
                clean[list(protected)],
                np.stack(list(protected.values())),
                unknown,
                metric=record.metric,
                threshold=record.threshold,
                far_thresholds=far_thresholds,
            )
        similarities = (
            similarity(protected[i], user[i], population) if i in protected else None for i in range(len(pairs))
        )
        return VersionReport(tuple(similarities), settings)

    return RecogniserReport(
        name=record.name,
        threshold=record.threshold,
        far_thresholds=far_thresholds,
        similarities=tuple(similarity(a, b, population) for a, b in zip(clean, user, strict=True)),
        versions={version: version_report(version) for version in versions},
    )


def _no_retrieval(pairs: Sequence[PairMeasurement], strangers: Strangers | None) -> str:
    if sum(SAVED in pair.protected for pair in pairs) < 2:
        return "two photos with the user's face in original and copy are needed"
    if strangers is None:
        return "there are no strangers to tell the user from: name a folder of their photos with `others=`"
    return "" if len(strangers.embeddings[0]) else "no face was found in the strangers' photos"
