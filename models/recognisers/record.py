"""What Guise knows of one recogniser: origin and terms of its weights, and what goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from guise.models.weights.record import WeightRecord

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
class Record(WeightRecord):
    """One recogniser: origin and terms of its weights, and what goes in and comes out.

    Attributes:
        name, source, origin, file, sha256, bytes, licence, training_data: of its weights, as of `WeightRecord`.
        input_size: side of the square crop in pixels.
        color_order: order of the channels that the network takes.
        mean, std: the network sees `(value - mean) / std`, value in 0..255, channels in `color_order`.
        template: where left eye, right eye, nose, left and right corner of the mouth (left and right as seen
            in the picture) lie in the crop, (x, y) in pixels.
        embedding_size: how many numbers an embedding has.
        metric: how two embeddings are compared: `euclidean`, or `cosine` for 1 - cosine similarity.
        threshold: two faces at a smaller distance count as the same person.
        network: its architecture, where Guise builds it; "" for the user's own.
        lfw_accuracy: verification accuracy on Labeled Faces in the Wild as published, 0..1, or None.
        parameters: how many millions of them the network has, where the size of its file is not known beforehand.
        stands_for: software that uses this network or one of its kind, as far as that software says so; "" if unknown.
        unseen_accuracy: verification accuracy of an embedded network on people of LFW whom it never saw, 0..1, or None.
            These pairs are easier than LFW's own.
        made_by: the command that trained an embedded network.
    """

    input_size: int
    color_order: Literal["RGB", "BGR"]
    mean: Triple
    std: Triple
    template: Landmarks
    embedding_size: int
    metric: Literal["euclidean", "cosine"]
    threshold: float
    network: Literal["dlib", "sface", "facenet", "facenet-graph", "student", "frbench", ""] = ""
    lfw_accuracy: float | None = None
    parameters: float | None = None
    stands_for: str = ""
    unseen_accuracy: float | None = None
    made_by: str = ""
