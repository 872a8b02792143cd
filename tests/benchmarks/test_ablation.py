"""What is taken out is out, in the place where the procedure looks for it, and is back afterwards."""

import pkgutil

import pytest
import torch

from benchmarks.ablation import PARTS, without
from guise.chameleon import demo
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.geometry import CANVAS
from guise.chameleon.learning.objective import Objective
from guise.models import load_recogniser
from guise.models.files import read_photo


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_out_for_a_while_only(part):
    before = {target: pkgutil.resolve_name(target) for target in PARTS[part]}
    with without(part):
        assert all(pkgutil.resolve_name(target) is stand_in for target, stand_in in PARTS[part].items())
    assert before == {target: pkgutil.resolve_name(target) for target in PARTS[part]}


@pytest.mark.parametrize("part, varies", [("", True), ("dispersion", True), ("variation", False)])
def test_without_variation_a_face_is_always_seen_alike(tmp_path, part, varies):
    demo.make_photos(tmp_path)
    pixels = read_photo(min(tmp_path.iterdir())).pixels
    face = FaceCrop.cut(pixels, FaceDetector().detect(pixels)[0])
    with without(part):
        random = torch.Generator().manual_seed(0)
        recogniser = load_recogniser("guise-mobilefacenet")
        objective = Objective([face], [recogniser], views=2, jitter=0.02, random=random)
        with torch.no_grad():
            seen = [
                objective.embeddings(torch.zeros(1, 3, CANVAS, CANVAS), torch.tensor([0]), by=[0])[0] for _ in range(3)
            ]
    assert all(torch.equal(seen[0], later) is not varies for later in seen[1:])
