"""A folder to protect, and what became of each of its photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guise.chameleon.learning.refine import Refiner
from guise.chameleon.mask.key import Key
from guise.chameleon.protection.measure import FaceMeasurement
from guise.chameleon.visibility.budget import Budget
from guise.chameleon.visibility.lpips import LpipsMeter

Status = Literal["protected", "skipped", "already protected", "no face", "failed"]


@dataclass(frozen=True)
class VideoSummary:
    """What became of a video's pictures.

    Attributes:
        frames: how many there are.
        masked: how many show a face to protect, and got the mask.
        carried: how many of `masked` were between two pictures with the face, which was not found in them itself.
        missed: how many got no mask though one a moment before or after in the same scene did.
        measured: how many pictures of the written file were measured.
        linked: how many of these each recogniser links, in the original and in the copy, by its name.
        shown: name of the picture that counts, the one that most recognisers link, as of
            `guise.models.files.videos.pictures`.
    """

    frames: int
    masked: int
    carried: int
    missed: int
    measured: int
    linked: dict[str, tuple[int, int]]
    shown: str


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo or video.

    Attributes:
        photo: its path below the folder.
        status: protected, skipped (already done), already protected (it is a copy that this key has protected), no face
            (of the user's) or failed.
        reason: why it was not protected, else "".
        faces: measurements of the protected faces on the written file.
        notes: what the copy does not carry over exactly, and whether the mask was fitted again.
        video: of a video, what became of its pictures; `faces` are those of one of them. None for a photo.
    """

    photo: str
    status: Status
    reason: str = ""
    faces: tuple[FaceMeasurement, ...] = ()
    notes: tuple[str, ...] = ()
    video: VideoSummary | None = None

    @property
    def shown(self) -> str:
        """Name of the picture to look at: the photo, or a picture of the video."""
        return self.photo if self.video is None else self.video.shown

    @property
    def recognisers(self) -> tuple[str, ...]:
        """Names of the recognisers that measured it."""
        return tuple(dict.fromkeys(link.recogniser for face in self.faces for link in face.links))

    @property
    def linked_by(self) -> tuple[str, ...]:
        """Names of those that still link any of its faces to the user."""
        linked = {name for face in self.faces for name in face.linked_by}
        if self.video is not None:
            linked |= {name for name, (_, after) in self.video.linked.items() if after}
        return tuple(name for name in self.recognisers if name in linked)


@dataclass(frozen=True)
class Job:
    """A folder to protect.

    Attributes:
        folder: with the originals.
        out: where the copies go, in the same tree.
        key: the user's.
        key_file: where the key lies; the log and the restore records lie next to it.
        budget: how visible the mask may be; None puts it on as learnt.
        keep_metadata: whether to keep EXIF, GPS included.
        refiner: fits the mask to each face first; None puts the user's own mask on all.
        lpips: measures LPIPS, and holds the bound on it if there is one; None where its weights are absent.
        patience: how often a face that a recogniser of the refiner's still links is fitted again.
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    budget: Budget | None
    keep_metadata: bool = False
    refiner: Refiner | None = None
    lpips: LpipsMeter | None = None
    patience: int = 0
