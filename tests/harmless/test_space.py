"""The library's face: a null space in one object."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from guise.harmless import NullSpace, check, generate, inspect, null_space
from guise.models.errors import InputError
from guise.models.files import read_photo
from tests.harmless import tiny

SIZE = "3x32x32"


@pytest.fixture(scope="module")
def space() -> NullSpace:
    return null_space(tiny.patches(), input=SIZE)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(Image.fromarray(astronaut()[:200, 130:330]).resize((32, 32)))


def test_sizes_and_projection_belong_together(space: NullSpace) -> None:
    assert (space.n, space.m, space.nullity) == (3072, 768, 2304)
    (operation,) = space.spaces
    assert operation.size == space.size and operation.name == "0"
    null = space.projector.null(torch.randn(1, 3, 32, 32, dtype=torch.float64))
    assert float(space.trace.joint.matvec(null).norm() / null.norm()) < 1e-12


def test_the_json_is_that_of_the_inspection(space: NullSpace) -> None:
    values = json.loads(space.to_json())
    assert values["model"] == ["Sequential"] and values["shape"] == [3, 32, 32] and values["layer"] is None
    assert values["spaces"][0]["measured"] == space.nullity
    assert inspect(space.loaded).to_json() == space.to_json()


def test_a_file_its_pixels_and_the_folders_copy_are_filled_alike(
    space: NullSpace, photo: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.png"
    Image.fromarray(photo).save(file)
    copy, certificate = space.fill(file, "noise", seed=3)
    report = generate(tmp_path / "in", space.loaded, out=tmp_path / "out", seed=3)
    assert (read_photo(tmp_path / "out" / "a.png").pixels == copy).all()
    assert report.photos[0].certificate == certificate and not report.failed
    assert certificate.to_json() + "\n" == (tmp_path / "out" / "a.json").read_text()
    assert (space.fill(read_photo(file), "noise", seed=3).copy == copy).all()
    constant = [space.fill(given, "constant").copy for given in (str(file), photo)]
    assert (constant[0] == constant[1]).all()
    checked = check(photo, copy, space.loaded)
    assert checked.changes == certificate.changes and checked.to_target is None


def test_what_is_put_in_may_be_pixels_and_noise_follows_its_seed(space: NullSpace, photo: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    _, certificate = space.fill(photo, noise, exact_uint8=True, moves=300)
    assert certificate.to_target is not None and certificate.to_target.ssim > certificate.to_original.ssim
    assert (space.fill(photo, seed=1).copy == space.fill(photo, seed=1).copy).all()
    assert (space.fill(photo, seed=1).copy != space.fill(photo, seed=2).copy).any()


def test_approximate_spaces_are_larger_and_their_certificates_say_so(photo: np.ndarray) -> None:
    exact, near = null_space(tiny.everything(), input=SIZE), null_space(tiny.everything(), input=SIZE, approximate=0.3)
    assert exact.nullity == 0 < near.nullity
    approximate = near.fill(photo).certificate.approximate
    assert approximate is not None and approximate.method == "near-null" and approximate.bound == 0.3
    with pytest.raises(InputError, match=r"reads every dimension.*see `approximate=`"):
        exact.fill(photo)
    with pytest.raises(InputError, match="`approximate=2` is no share"):
        null_space(tiny.everything(), input=SIZE, approximate=2)


def test_several_models_are_named_in_their_common_space() -> None:
    joint = null_space(["tests.harmless.tiny:patches", tiny.few()], input=SIZE)
    assert [space.name for space in joint.spaces] == ["tests.harmless.tiny:patches 0", "Sequential 0", "joint"]
    assert joint.nullity == 3072 - 768 - 160 == joint.spaces[-1].size.measured


def test_a_layers_input_can_be_measured_but_not_filled(photo: np.ndarray) -> None:
    behind = null_space(tiny.patches(), input=SIZE, layer="3")
    assert behind.trace.input_shape == (768,) and behind.nullity == 758
    with pytest.raises(InputError, match="`layer=` follows features"):
        behind.fill(photo)
    with pytest.raises(InputError, match="`layer=` follows one model"):
        null_space([tiny.patches(), tiny.few()], input=SIZE, layer="3")


@pytest.mark.parametrize(
    ("pixels", "settings", "words"),
    [
        (np.zeros((32, 40, 3), np.uint8), {}, "it is 40x32, the model reads 32x32; resize it, or set `input=`"),
        (np.zeros((32, 32, 3)), {}, "pixels are float64"),
        (np.zeros((32, 32), np.uint8), {}, r"pixels are uint8 \(32, 32\)"),
        (np.zeros((32, 32, 3), np.uint8), {"mode": "mix"}, "`mode=mix` is not known"),
        (np.zeros((32, 32, 3), np.uint8), {"magnitude": 2.0}, "`magnitude=2` does not fit `mode=replace`"),
        (np.zeros((32, 32, 3), np.uint8), {"target": "nowhere.png"}, "`target=nowhere.png` is neither"),
    ],
)
def test_what_cannot_be_filled_is_refused(
    space: NullSpace, pixels: np.ndarray, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        space.fill(pixels, **settings)  # type: ignore[arg-type]


def test_a_misspelt_option_is_no_option_left_out() -> None:
    with pytest.raises(TypeError, match=r"'weigths'.*weights"):
        null_space("guise-vit", weigths="pretrained")  # type: ignore[call-arg]
