"""Recognisers that judge. They take no part in learning, and each makes embeddings from a file's pixels on its own.

`dlib` is the library as people run it. `judge-mobilefacenet` is a network of the ArcFace type. `recogniser:NAME` is any
recogniser that Guise can load. All of them detect and align faces anew on the pixels that they are given.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import Metric, embed
from guise.chameleon.faces.geometry import overlap
from guise.models import Recogniser, load_recogniser
from guise.models.errors import InputError
from guise.models.files import file_hash
from guise.models.recognisers.registry import RECORDS

MOBILEFACENET = Path("recognisers", "judge-mobilefacenet")
_LEAST_OVERLAP = 0.2  # detectors differ in what they call a face: dlib frames less of the forehead than MTCNN


class Judge(Protocol):
    """A recogniser with its own detector.

    Attributes:
        name: as given to `load_judge`.
        metric: how it compares embeddings.
        threshold: distance below which it takes two faces for one person's.
        kin: name of the surrogate that has the same weights, "" where there is none.
        weights: SHA-256 of its network's.
    """

    name: str
    metric: Metric
    threshold: float
    kin: str
    weights: str

    def embed(self, pixels: np.ndarray, near: np.ndarray | None) -> np.ndarray | None:
        """Embedding, float32 (D,), of one face in `pixels`, uint8 (H, W, 3) RGB.

        Args:
            pixels: of the photo.
            near: float (4,), box of the wanted face: left, top, right, bottom; None: the face nearest to the centre.

        Returns:
            None where this judge's detector finds no face there.
        """
        ...


def load_judge(name: str, data: Path) -> Judge:
    """The judge called `name`.

    Args:
        name: "dlib", "judge-mobilefacenet" or "recogniser:NAME".
        data: folder in which `recognisers/` lies.

    Raises:
        InputError: there is no such judge, or what it needs is absent.
        WeightsError: a recogniser's weights are missing or damaged.
    """
    if name == "dlib":
        return DlibJudge()
    if name == "judge-mobilefacenet":
        return NcnnJudge(data / MOBILEFACENET)
    if name.startswith("recogniser:"):
        return RecogniserJudge(load_recogniser(name.removeprefix("recogniser:")))
    raise InputError(f"no judge is called {name!r}: use dlib, judge-mobilefacenet or recogniser:NAME")


def choose(boxes: Sequence[np.ndarray], *, near: np.ndarray | None, shape: tuple[int, int]) -> int | None:
    """Index of the face that is meant, None where none of `boxes` is.

    Args:
        boxes: float (4,) each: left, top, right, bottom.
        near: box that the face must overlap, or None for the face nearest to the picture's centre.
        shape: height and width of the picture.
    """
    if not boxes:
        return None
    if near is None:
        centre = np.array([shape[1], shape[0]]) / 2
        return int(np.argmin([np.linalg.norm((box[:2] + box[2:]) / 2 - centre) for box in boxes]))
    overlaps = [overlap(box, near) for box in boxes]
    best = int(np.argmax(overlaps))
    return best if overlaps[best] >= _LEAST_OVERLAP else None


class Mtcnn:
    """MTCNN, run once on each picture however many judges look at it."""

    def __init__(self) -> None:
        self._detector = FaceDetector()
        self._faces: dict[bytes, list[Face]] = {}

    def face(self, pixels: np.ndarray, near: np.ndarray | None) -> Face | None:
        """The face that is meant by `near`, as in `Judge.embed`."""
        key = hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).digest()
        if key not in self._faces:
            self._faces[key] = self._detector.detect(pixels)
        faces = self._faces[key]
        chosen = choose([face.box for face in faces], near=near, shape=pixels.shape[:2])
        return None if chosen is None else faces[chosen]


_mtcnn = cache(Mtcnn)


class DlibJudge:
    """dlib's own detector, landmarks, chip and network (PyPI `dlib-bin`, weights of `face_recognition_models`)."""

    name, kin = "dlib", "dlib-resnet"
    weights = str(RECORDS[kin].sha256)
    metric: Metric = "euclidean"
    threshold = 0.6

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError:
            raise InputError("the judge dlib needs the package dlib-bin: run `pip install dlib-bin`") from None
        # Found without importing the package, whose import needs pkg_resources.
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            raise InputError("the judge dlib needs its weights: run `pip install face_recognition_models`")
        folder = Path(spec.submodule_search_locations[0], "models")
        self._dlib = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    def embed(self, pixels: np.ndarray, near: np.ndarray | None) -> np.ndarray | None:
        pixels = np.ascontiguousarray(pixels)
        rectangles = self._detector(pixels, 1)
        boxes = [np.array([r.left(), r.top(), r.right() + 1, r.bottom() + 1], dtype=float) for r in rectangles]
        chosen = choose(boxes, near=near, shape=pixels.shape[:2])
        if chosen is None:
            return None
        chip = self._dlib.get_face_chip(pixels, self._landmarks(pixels, rectangles[chosen]), size=150, padding=0.25)
        return np.array(self._network.compute_face_descriptor(chip), dtype=np.float32)


class NcnnJudge:
    """A MobileFaceNet that never serves as a surrogate, run by ncnn on landmarks of MTCNN."""

    name, kin = "judge-mobilefacenet", ""
    metric: Metric = "cosine"
    threshold = 0.64  # none is stated: the one that parts 15 people of LFW best

    def __init__(self, folder: Path) -> None:
        """Args: folder: with mobilefacenet.param and mobilefacenet.bin."""
        files = [folder / "mobilefacenet.param", folder / "mobilefacenet.bin"]
        if not all(file.is_file() for file in files):
            raise InputError(f"the judge {self.name} is not there: {folder} lacks mobilefacenet.param or .bin")
        try:
            import ncnn
        except ImportError:
            raise InputError(f"the judge {self.name} needs the package ncnn: run `pip install ncnn`") from None
        self._ncnn, self.weights = ncnn, str(file_hash(files[1]))
        self._network = ncnn.Net()
        self._network.opt.num_threads = torch.get_num_threads()  # its own choice, all cores, is slow on busy machines
        if self._network.load_param(str(files[0])) or self._network.load_model(str(files[1])):
            raise InputError(f"the judge {self.name} cannot be loaded from {folder}: copy it anew")

    def embed(self, pixels: np.ndarray, near: np.ndarray | None) -> np.ndarray | None:
        face = _mtcnn().face(pixels, near)
        if face is None:
            return None
        crop = geometry.crop(pixels, face.to_template(geometry.ARCFACE_TEMPLATE), size=112)
        extractor = self._network.create_extractor()
        values = np.ascontiguousarray((255 * crop.numpy() - 127.5) / 128, dtype=np.float32)
        extractor.input("data", self._ncnn.Mat(values))  # which only refers to `values`
        _, embedding = extractor.extract("fc1_fc1_scale")
        return np.array(embedding, dtype=np.float32)


class RecogniserJudge:
    """Any recogniser of Guise, with MTCNN."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = f"recogniser:{recogniser.record.name}"
        self.kin = recogniser.record.name
        self.metric: Metric = recogniser.record.metric
        self.threshold = recogniser.record.threshold
        self.weights = str(recogniser.record.sha256)
        self._recogniser = recogniser

    def embed(self, pixels: np.ndarray, near: np.ndarray | None) -> np.ndarray | None:
        face = _mtcnn().face(pixels, near)
        return None if face is None else embed([(pixels, face)], self._recogniser)[0]
