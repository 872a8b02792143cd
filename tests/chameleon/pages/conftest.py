from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.mask.key import Provenance
from guise.chameleon.pages.protection import ProtectedPhotos
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.measure import FaceMeasurement, LinkMeasurement
from guise.chameleon.visibility.budget import STRENGTHS, Visibility

BOX = (40.0, 30.0, 100.0, 110.0)


def face(after: float | None = 0.1234, *, linked: bool = False, lpips: float | None = None) -> FaceMeasurement:
    """What was measured of a face, by two recognisers."""
    links = (
        LinkMeasurement("dlib-resnet", 0.9476, after, True, False),
        LinkMeasurement("sface", 0.8812, 0.3377, True, linked),
    )
    return FaceMeasurement(BOX, Visibility(0.9534, 0.0871, 2.31, 5.42), 0.9476, after, True, False, links, lpips)


def write_pair(folder: Path, out: Path, name: str, size: tuple[int, int] = (320, 240)) -> None:
    """A photo of noise, and a copy that is a little lighter."""
    values = np.random.default_rng(len(name)).integers(0, 220, (*size[::-1], 3), dtype=np.uint8)
    for place, pixels in ((folder, values), (out, values + 20)):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / name, "PNG")


@pytest.fixture
def photos(tmp_path: Path) -> ProtectedPhotos:
    """Two photos with copies, one of them linked, one photo without a face and one that failed."""
    folder, out = tmp_path / "holiday", tmp_path / "copies"
    for name in ("a.png", "trip/b.png"):
        write_pair(folder, out, name)
    results = (
        PhotoResult("a.png", "protected", faces=(face(),), notes=("fitted again once",)),
        PhotoResult("trip/b.png", "skipped", "already done", faces=(face(linked=True),)),
        PhotoResult("wall.png", "no face", "no face was found"),
        PhotoResult("torn.jpg", "failed", "torn.jpg is cut short: save it again"),
    )
    made = Provenance(("dlib-resnet",), "guise", "mid", 3, 300, 0, "0.1.0")
    key = tmp_path / "holiday.guise-key"
    return ProtectedPhotos(folder, out, key, made, results, STRENGTHS["mid"], "Measured by two recognisers.")


def with_results(photos: ProtectedPhotos, *results: PhotoResult) -> ProtectedPhotos:
    """The same folder with other results."""
    return replace(photos, results=results)
