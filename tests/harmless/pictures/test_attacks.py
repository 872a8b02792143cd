from __future__ import annotations

import numpy as np
import torch
from skimage.data import astronaut
from skimage.transform import resize
from torch import Tensor

from guise.harmless.operators import patch_embedding
from guise.harmless.pictures.attacks import Recovered, recover
from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.pictures.filling import FillSettings, fill
from guise.harmless.pictures.identity import Gallery, Rank
from guise.harmless.pictures.targets import parse
from guise.harmless.projection import projector
from guise.harmless.sources import PixelModel, Preprocessing

SIDE = 32
PHOTO = np.asarray((255 * resize(astronaut()[:200, 130:330], (SIDE, SIDE), anti_aliasing=True)).round(), np.uint8)
WEIGHT = torch.randn(96, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
NULL = projector(patch_embedding(WEIGHT, (3, SIDE, SIDE)))


class Recolouring(torch.nn.Module):
    """Answers with the picture's own values, so that outputs tell what pixels tell."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def test_nearest_original_is_found_unless_another_comes_as_near() -> None:
    others = [parse("noise")(SIDE, SIDE, seed) for seed in range(5)]
    gallery = Gallery(PHOTO, others, PixelModel(Recolouring(), Preprocessing()))
    assert gallery.rank(PHOTO) == Rank(1, 1, 6) == gallery.rank(PHOTO // 2 + 60)
    assert gallery.rank(others[3]).by_pixels > 1 and gallery.rank(others[3]).by_output > 1
    assert Gallery(PHOTO, [PHOTO], PixelModel(Recolouring(), Preprocessing())).rank(PHOTO).by_pixels == 2  # a tie


def by_name(results: list[Recovered]) -> dict[str, Recovered]:
    return {result.attack: result for result in results}


def measured(pixels: np.ndarray) -> Tensor:
    return NULL.operator.matvec(as_tensor(pixels))


def test_weights_and_a_prior_recover_more_than_the_picture_shows() -> None:
    changed = fill(PHOTO, NULL, parse("noise")(SIDE, SIDE, 0))
    results = by_name(recover(PHOTO, [changed], NULL))
    assert not any(name.startswith("average") for name in results)
    none, projection, prior = (results[name].similarity for name in ("none", "projection", "prior of natural pictures"))
    assert (none.psnr or 0) + 1 < (projection.psnr or 0) < (prior.psnr or 0) - 1
    assert prior.ssim > none.ssim + 0.1
    assert results["projection"].needs_weights and not results["blur of 1 px"].needs_weights
    # Whatever is filled in, the measurements stay.
    before, after = measured(changed), measured(results["prior of natural pictures"].picture)
    assert float((after - before).norm() / before.norm()) < 0.05


def test_averaging_takes_off_what_was_added_and_not_what_was_replaced() -> None:
    noise = [parse("noise")(SIDE, SIDE, seed) for seed in range(16)]
    added = [fill(PHOTO, NULL, target, settings=FillSettings("add", 20.0)) for target in noise]
    replaced = [fill(PHOTO, NULL, target) for target in noise]
    psnr = {}
    for name, versions in (("added", added), ("replaced", replaced)):
        results = by_name(recover(PHOTO, versions, NULL))
        psnr[name] = (results["average of 16"].similarity.psnr or 0) - (results["none"].similarity.psnr or 0)
    assert psnr["added"] > 5 and psnr["added"] > psnr["replaced"] + 2
