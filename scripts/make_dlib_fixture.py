"""Embed crops of the packaged portrait with dlib itself, and write the embeddings down for the tests.

    pip install dlib-bin && python scripts/make_dlib_fixture.py

The crops are plain array slices, so that they are the same pixels everywhere.
"""

from __future__ import annotations

import json
from pathlib import Path

import dlib
import numpy as np
from skimage import data

from guise.models import get
from guise.models.weights.weight_file import locate

SLICES = [(30, 140, 1), (40, 150, 1), (0, 110, 2), (10, 60, 2), (20, 180, 1), (200, 200, 2)]
"""Top, left and stride of each 150 x 150 crop of the portrait."""


def main() -> None:
    network = dlib.face_recognition_model_v1(str(locate(get("dlib-resnet"))))
    portrait = np.asarray(data.astronaut())
    crops = [portrait[top : top + 150 * k : k, left : left + 150 * k : k] for top, left, k in SLICES]
    embeddings = [list(network.compute_face_descriptor(np.ascontiguousarray(crop))) for crop in crops]
    fixture = {"dlib": dlib.__version__, "slices": SLICES, "embeddings": embeddings}
    path = Path(__file__).parents[1] / "tests" / "models" / "data" / "dlib_embeddings.json"
    path.write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
