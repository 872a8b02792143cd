"""Measure how well recognisers still match protected photos."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from guise.chameleon.evaluation.pairs import PairMeasurement
from guise.chameleon.evaluation.strangers import Strangers
from guise.chameleon.evaluation.verify import Measurements, RecogniserReport, measure_folders
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.jobs.before_after import draw_verified
from guise.chameleon.jobs.networks import Networks, several
from guise.chameleon.jobs.people import TO_VERIFY, check_user_face, whose_faces
from guise.chameleon.jobs.places import VerificationPlaces
from guise.chameleon.pages.render import render, save_page
from guise.chameleon.pages.verification import verification_page
from guise.chameleon.visibility.lpips import mean_lpips
from guise.models import Recogniser
from guise.models.files.pictures import check_picture
from guise.models.recognisers.registry import READER
from guise.models.watching import Announce, Progress


@dataclass(frozen=True)
class VerificationReport:
    """How well recognisers still match protected photos.

    Attributes:
        measured: everything that was measured.
        originals: folder with the originals.
        protected: folder with their copies.
        picture: before and after; None where it could not be written.
        page: the report as a page for people; private. None where it could not be written.
    """

    measured: Measurements
    originals: Path
    protected: Path
    picture: Path | None
    page: Path | None = None

    @property
    def photos(self) -> tuple[PairMeasurement, ...]:
        """The pairs that were measured."""
        return self.measured.photos

    @property
    def unmeasured(self) -> dict[str, str]:
        """Those that were not, and why."""
        return self.measured.unmeasured

    @property
    def recognisers(self) -> tuple[RecogniserReport, ...]:
        """What each recogniser sees."""
        return self.measured.recognisers

    @property
    def strangers(self) -> Strangers | None:
        """The other people's faces; None where no folder of them was given."""
        return self.measured.strangers

    @property
    def no_retrieval(self) -> str:
        """Why rank-1 and recall are absent; "" where they are there."""
        return self.measured.no_retrieval

    @property
    def lpips(self) -> float | None:
        """Mean LPIPS over the photos' faces; None where it was not measured."""
        return mean_lpips(photo.lpips for photo in self.photos)

    def to_json(self) -> str:
        """Write the report for programs.

        Returns:
            JSON; `psnr` is null where nothing changed, and `lpips` where it was not measured.
        """
        values = {
            "photos": [self._photo(i, photo) for i, photo in enumerate(self.photos)],
            "lpips": self.lpips,
            "unmeasured": self.unmeasured,
            "strangers": self.strangers and _strangers(self.strangers),
            "no_retrieval": self.no_retrieval or None,
            "recognisers": [_recogniser(recogniser) for recogniser in self.recognisers],
            "picture": None if self.picture is None else str(self.picture),
            "page": None if self.page is None else str(self.page),
        }
        return json.dumps(values, indent=1, allow_nan=False)

    def to_html(self, *, progress: Progress | None = None) -> str:
        """Write the report as a page for people. It shows originals, so it is private. Reads originals and copies.

        Args:
            progress: called with what is being done, photos done and photos in all.

        Returns:
            An HTML document that needs no other file.
        """
        drawing = progress and partial(progress, "drawing the report")
        return render(verification_page(self.measured, self.originals, self.protected, progress=drawing))

    def _photo(self, i: int, photo: PairMeasurement) -> dict[str, Any]:
        return {
            "photo": photo.photo,
            "ssim": photo.visibility.ssim,
            "flip": photo.visibility.flip,
            "psnr": photo.psnr if math.isfinite(photo.psnr) else None,
            "lpips": photo.lpips,
            "similarity": {
                recogniser.name: {
                    "before": recogniser.similarities[i],
                    "after": recogniser.saved.similarities[i],
                }
                for recogniser in self.recognisers
            },
        }


def verify(
    originals: str | Path,
    protected: str | Path,
    *,
    others: str | Path | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    robust: bool = False,
    user_face: str | Path = "recurring",
    picture: str | Path | None = None,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> VerificationReport:
    """Measure on the saved files how well recognisers still match protected photos with their originals.

    It judges fairly only photos from which the mask was not learnt, by recognisers against which it was not learnt.

    Args:
        originals: folder with the originals.
        protected: folder with their copies, paired by relative path.
        others: folder with photos of other people, one photo of each, to search the user among.
        recognisers: those to measure by: names of `guise models list`, "file:PATH" or loaded ones; None is the
            recogniser that tells people apart, which takes part in learning by default.
        robust: measure also after JPEG, resizing, WebP and blur.
        user_face: whose faces: "recurring" (the person in most photos), "largest" (of each photo), or a photo that
            shows the user alone.
        picture: where the before/after picture goes, a PNG; None is PROTECTED-before-after.png, next to the copies. The
            page, PROTECTED-verify-report.html, lies next to it.
        device: "auto", "cpu", "cuda" ...
        offline: open no connection.
        reader: a detector and recogniser that are loaded already.
        progress: called with what is being done, items done and items in all.
        announce: called with one line whenever there is something to tell a person, such as a picture that cannot
            be written.

    Returns:
        What was measured of each photo, by each recogniser.

    Raises:
        InputError: a folder, file or option cannot be used.
        ImageError: the photo named as `user_face` cannot be read.
        FaceError: the user cannot be told from others, or no pair could be measured.
        WeightsError: a recogniser's weights are missing or damaged.
    """
    originals, protected = Path(originals).absolute(), Path(protected).absolute()
    others = None if others is None else Path(others).absolute()
    check_user_face(user_face, TO_VERIFY)
    places = VerificationPlaces.of(protected, picture=picture)
    read = [folder for folder in (originals, protected, others) if folder is not None]
    check_picture(places.picture, "picture", read)
    networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
    loaded = networks.recognisers(several(recognisers) or (READER,))
    measured = measure_folders(
        originals,
        protected,
        networks.reader,
        loaded,
        others=others,
        whose=whose_faces(user_face, networks.reader),
        robust=robust,
        lpips=networks.lpips(),
        progress=progress,
    )
    tell: Announce = announce or (lambda _: None)
    drawn = draw_verified(measured, originals, protected, places.picture, tell=tell)
    report = VerificationReport(measured, originals, protected, places.picture if drawn else None)
    html = report.to_html(progress=progress)
    return replace(report, page=places.page) if save_page(html, places.page, tell=tell) else report


def _strangers(strangers: Strangers) -> dict[str, Any]:
    return {
        "faces": len(strangers.embeddings[0]),
        "unreadable": strangers.unreadable,
        "without_face": strangers.without_face,
        "left_out_as_the_users": strangers.users,
    }


def _recogniser(report: RecogniserReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "threshold": report.threshold,
        "far_thresholds": report.far_thresholds,
        "similarity_before": report.similarity,
        "versions": {
            name: {
                "undetected": version.undetected,
                "similarity": version.similarity,
                "settings": {setting: asdict(scores) for setting, scores in version.settings.items()},
            }
            for name, version in report.versions.items()
        },
    }
