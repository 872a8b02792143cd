"""How well recognisers still match a user's protected photos: on the saved files, with faces found anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np

from guise.chameleon.evaluation.pairs import Seen, Who, find_user, look
from guise.chameleon.evaluation.retrieval import Scores, false_accept_thresholds, score
from guise.chameleon.evaluation.strangers import Strangers, embed_strangers
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.survey import Progress
from guise.chameleon.learning.identity import similarity
from guise.chameleon.transforms import TRANSFORMS
from guise.models import Recogniser
from guise.models.errors import FaceError, ImageError
from guise.models.files import list_photos, printable, read_photo

SAVED = "as saved"
"""The version of the protected photos that no transform has touched."""


@dataclass(frozen=True)
class VersionReport:
    """The protected photos, as saved or after one transform, in the eyes of one recogniser.

    Attributes:
        similarities: of each photo's face to the user, as in `RecogniserReport`; None where no face was found.
            Such photos take no part in `settings`, neither as probe nor in the gallery.
        settings: `clean`, `1A`, `2B` and `2A`; empty with fewer than two photos.
    """

    similarities: tuple[float | None, ...]
    settings: dict[str, Scores]

    @property
    def similarity(self) -> float | None:
        """Mean over the photos in which a face was found; None if there are none."""
        found = [value for value in self.similarities if value is not None]
        return fmean(found) if found else None

    @property
    def undetected(self) -> int:
        """In how many photos no face was found where the user's was."""
        return self.similarities.count(None)


@dataclass(frozen=True)
class RecogniserReport:
    """One recogniser.

    Attributes:
        threshold: its own, below which two faces are one person's.
        far_thresholds: those at a given false accept rate; see `retrieval.false_accept_thresholds`.
        similarities: of each original's face to the user: cosine, centred on the population, to the mean of the
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
        """What holds for the files as they are."""
        return self.versions[SAVED]


@dataclass(frozen=True)
class Report:
    """Everything that was measured.

    Attributes:
        photos: the pairs that were.
        unmeasured: those that were not, and why.
        recognisers: one each, in the order given.
        strangers: None where no folder of them was given.
        no_retrieval: why rank-1 and recall are absent; "" where they are there.
    """

    photos: tuple[Seen, ...]
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
    who: Who = "recurring",
    robust: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measure `protected` against `originals`, paired by relative path.

    Args:
        originals: folder with the originals.
        protected: folder with their copies.
        reader: detector, and the recogniser that tells whose face is the user's.
        recognisers: those in whose eyes to measure.
        others: folder with photos of strangers, one a person.
        who: whose face counts.
        robust: also after each of `TRANSFORMS`.

    Raises:
        InputError: a folder is missing, cannot be read, or holds no photo.
        FaceError: the user cannot be told from others, or no pair could be measured.
    """
    names, copies = (dict.fromkeys(list_photos(folder).photos) for folder in (originals, protected))
    unmeasured = {name: "it has no protected copy" for name in names if name not in copies}
    unmeasured |= {name: "it has no original" for name in copies if name not in names}
    pairs = [name for name in names if name in copies]
    looking, among = (progress and partial(progress, what) for what in ("looking for faces", "strangers"))
    user = find_user(originals, pairs, reader, who=who, progress=looking)
    versions = {SAVED: lambda pixels: pixels, **(TRANSFORMS if robust else {})}
    seen, own_files = [], set(user.files)
    for done, name in enumerate(pairs, 1):
        try:
            original, copy = read_photo(originals / name), read_photo(protected / name)
            own_files.add(copy.sha256)
            seen.append(look(name, original, copy, user, reader, recognisers, versions=versions))
        except (ImageError, FaceError) as error:
            unmeasured[name] = str(error)
        if progress is not None:
            progress("measuring", done, len(pairs))
    if not seen:
        name, reason = min(unmeasured.items())
        what = f"none of {len(unmeasured)} photos could be measured; {printable(name)}: {reason}"
        raise FaceError(f"{what}; name the folder of originals, then that of their protected copies")
    strangers = None
    if others is not None:
        strangers = embed_strangers(others, reader.detector, recognisers, users=own_files, progress=among)
    return Report(
        photos=tuple(seen),
        unmeasured={name.as_posix(): reason for name, reason in sorted(unmeasured.items())},
        recognisers=tuple(_judge(seen, versions, i, one, strangers) for i, one in enumerate(recognisers)),
        strangers=strangers,
        no_retrieval=_no_retrieval(seen, strangers),
    )


def _judge(
    seen: Sequence[Seen],
    versions: Iterable[str],
    index: int,
    recogniser: Recogniser,
    strangers: Strangers | None,
) -> RecogniserReport:
    """What the recogniser in place `index` makes of all pairs."""
    record, population = recogniser.record, recogniser.population.cpu().numpy()
    clean = np.stack([one.clean[index] for one in seen])
    unknown = clean[:0] if strangers is None else strangers.embeddings[index]
    far_thresholds = false_accept_thresholds(clean, unknown, metric=record.metric)
    user = (clean.sum(0) - clean) / (len(clean) - 1) if len(clean) > 1 else clean

    def version_report(version: str) -> VersionReport:
        found = {i: one.protected[version][index] for i, one in enumerate(seen) if version in one.protected}
        settings = {}
        if len(found) > 1:
            settings = score(
                clean[list(found)],
                np.stack(list(found.values())),
                unknown,
                metric=record.metric,
                threshold=record.threshold,
                far_thresholds=far_thresholds,
            )
        rows = range(len(seen))
        alike = (similarity(found[i], user[i], population) if i in found else None for i in rows)
        return VersionReport(tuple(alike), settings)

    return RecogniserReport(
        name=record.name,
        threshold=record.threshold,
        far_thresholds=far_thresholds,
        similarities=tuple(similarity(a, b, population) for a, b in zip(clean, user, strict=True)),
        versions={version: version_report(version) for version in versions},
    )


def _no_retrieval(seen: Sequence[Seen], strangers: Strangers | None) -> str:
    if sum(SAVED in one.protected for one in seen) < 2:
        return "two photos with the user's face in original and copy are needed"
    if strangers is None:
        return "there are no strangers to tell the user from: name a folder of their photos with --others"
    return "" if len(strangers.embeddings[0]) else "no face was found in the strangers' photos"
