from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.data import astronaut
from skimage.transform import resize

from guise.harmless.operators import Convolution, LinearOperator, Matrix, patch_embedding
from guise.harmless.pictures.box import fit_to_box
from guise.harmless.pictures.certificate import Certifier, as_pixels, as_tensor, image_similarity
from guise.harmless.pictures.filling import FillSettings, fill
from guise.harmless.pictures.rounding import SearchSettings, round_exactly
from guise.harmless.pictures.targets import parse
from guise.harmless.projection import SelectionProjector, projector
from guise.harmless.projection.injective import Unread
from guise.harmless.sources import JointModel, PixelModel, Preprocessing
from guise.models.errors import InputError

SIDE = 32
TALL = (76, 8)
"""Height and width. A stem of 12 filters at stride 1 that reads fewer pixels behind grey is written out as a matrix."""
PATCHES = patch_embedding(torch.randn(48, 3, 8, 8, generator=torch.Generator().manual_seed(0)), (3, SIDE, SIDE))
STRIDED = Convolution(
    torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0)), (3, SIDE, SIDE), stride=2, padding=1
)
BOTH = pytest.mark.parametrize("operator", [PATCHES, STRIDED], ids=["patches", "strided"])


def photo(height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    small = resize(astronaut()[:200, 130:330], (height, width), anti_aliasing=True)
    return np.asarray((255 * small).round(), dtype=np.uint8)


NOISE = parse("noise")(SIDE, SIDE, 1)


def change(operator: LinearOperator, pixels: NDArray[np.uint8]) -> float:
    """Relative change of what the operator reads of the photo."""
    before, after = (operator.matvec(as_tensor(x)) for x in (photo(*operator.input_shape[1:]), pixels))
    return float((after - before).norm() / before.norm())


@BOTH
def test_box_and_measurements_hold_together(operator: LinearOperator) -> None:
    projection, x = projector(operator), as_tensor(photo())
    wanted = x + projection.null(as_tensor(NOISE) - x)
    assert float(wanted.min()) < -10 and float(wanted.max()) > 265  # else the box would not matter
    fitted = fit_to_box(x, wanted, projection, tolerance=1e-9, max_iterations=3000)
    assert float(fitted.pixels.min()) >= 0 and float(fitted.pixels.max()) <= 255
    assert fitted.error <= 1e-9
    assert float(operator.matvec(fitted.pixels - x).norm() / operator.matvec(x).norm()) < 1e-8
    # The closest one: nothing in between is closer to what was wanted.
    middle = (fitted.pixels + x) / 2
    assert float((fitted.pixels - wanted).norm()) < float((middle - wanted).norm())


@pytest.mark.parametrize(("operator", "gain"), [(PATCHES, 2.5), (STRIDED, 1.8)], ids=["patches", "strided"])
def test_searched_levels_measure_closer_than_rounded_ones(operator: LinearOperator, gain: float) -> None:
    projection = projector(operator)
    settings = FillSettings(exact_uint8=True, search=SearchSettings(400))
    rounded, searched = fill(photo(), projection, NOISE), fill(photo(), projection, NOISE, settings=settings)
    assert searched.dtype == np.uint8 and change(operator, searched) < change(operator, rounded) / gain
    assert float(np.abs(searched.astype(int) - rounded).mean()) < 1  # still the same picture


def behind_grey(
    outputs: int,
    *,
    stride: int,
    luma: tuple[float, ...] = (0.299, 0.587, 0.114),
    size: tuple[int, int] = (SIDE, SIDE),
) -> Convolution:
    weight = torch.randn(outputs, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixed = weight * torch.tensor(luma, dtype=torch.float64).view(1, 3, 1, 1)
    return Convolution(mixed, (3, *size), stride=stride, padding=1)


def test_levels_behind_grey_leave_alone_what_the_rest_ignores() -> None:
    """Two filters for four pixels: the grey itself has a null space, which generating has filled."""
    operator = behind_grey(2, stride=2)
    projection = projector(operator)
    exact = fill(photo(), projection, NOISE, settings=FillSettings(exact_uint8=True))
    assert change(operator, exact) < change(operator, fill(photo(), projection, NOISE)) / 20


@pytest.mark.parametrize("luma", [(0.5, 0.5, 0.0), (1 / 3, 1 / 3, 1 / 3)])
def test_levels_that_make_no_difference_stay(luma: tuple[float, ...]) -> None:
    projection, x = projector(behind_grey(12, stride=1, luma=luma, size=TALL)), as_tensor(photo(*TALL))
    moved = round_exactly(x, x, projection)
    assert torch.equal(moved, x)


def test_a_stem_behind_grey_reads_what_it_read() -> None:
    """It gives more than it is given, so that its outputs depend on one another; in single precision that diverged."""
    operator, original, noise = behind_grey(12, stride=1, size=TALL), photo(*TALL), parse("noise")(*TALL, 1)
    projection, x = projector(operator), as_tensor(original).float()
    assert isinstance(projection, SelectionProjector) and isinstance(projection.inner, Unread)
    fitted = fit_to_box(x, x + projection.null(as_tensor(noise).float() - x), projection)
    assert fitted.error < 1e-5
    rounded = fill(original, projection, noise)
    exact = fill(original, projection, noise, settings=FillSettings(exact_uint8=True))
    assert change(operator, exact) < change(operator, rounded) / 50 < 1e-3
    assert float(np.abs(exact.astype(int) - rounded).mean()) < 5
    assert float(np.abs(exact - original.astype(int)).mean()) > 20


def test_blocks_too_wide_for_their_products_are_searched_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Matrix(torch.randn(40, 3 * SIDE**2, generator=torch.Generator().manual_seed(0)), (3, SIDE, SIDE))
    projection = projector(operator)
    monkeypatch.setattr("guise.harmless.pictures.rounding._WIDEST", 100)
    searched = fill(photo(), projection, NOISE, settings=FillSettings(exact_uint8=True))
    assert change(operator, searched) < change(operator, fill(photo(), projection, NOISE)) / 5


def test_replacing_erases_what_was_there_and_adding_does_not() -> None:
    projection, x = projector(PATCHES), as_tensor(photo())
    grey = as_tensor(parse("constant")(SIDE, SIDE, 0))
    replaced = as_tensor(fill(photo(), projection, as_pixels(grey)))
    before, after = projection.null(x - grey), projection.null(replaced - grey)
    # All of it would go, were it not for the box.
    assert float((before * after).sum() / before.norm() ** 2) < 0.35
    added = as_tensor(fill(photo(), projection, NOISE, settings=FillSettings("add", 8.0)))
    left = projection.null(added - x)
    assert float((left * projection.null(x)).sum().abs() / projection.null(x).norm() ** 2) < 0.2
    assert float((added - x).square().mean().sqrt()) == pytest.approx(8, rel=0.3)
    assert change(PATCHES, as_pixels(added)) < 0.01


@pytest.mark.parametrize(
    ("mode", "magnitude"), [("replace", 1.5), ("replace", 0.0), ("add", 300.0), ("add", float("nan"))]
)
def test_magnitudes_that_no_picture_holds_are_refused(mode: str, magnitude: float) -> None:
    with pytest.raises(InputError, match="magnitude"):
        FillSettings(mode, magnitude)  # type: ignore[arg-type]


def test_photos_of_other_sizes_and_layers_that_read_all_are_refused() -> None:
    with pytest.raises(InputError, match="it is 32x30, the model reads 32x32"):
        fill(photo()[:30], projector(PATCHES), NOISE)
    all_read = projector(patch_embedding(torch.randn(48, 3, 4, 4), (3, SIDE, SIDE)))
    with pytest.raises(InputError, match="changes nothing where the model does not look"):
        fill(photo(), all_read, NOISE)


def test_search_never_leaves_the_box_and_never_does_worse_than_its_start() -> None:
    projection, x = projector(PATCHES), as_tensor(photo())
    extreme = (x > 128).double() * 255
    for moves in (0, 50):
        moved = round_exactly(extreme, x, projection, settings=SearchSettings(moves))
        assert float(moved.min()) >= 0 and float(moved.max()) <= 255 and torch.equal(moved, moved.round())
        assert change(PATCHES, as_pixels(moved)) <= change(PATCHES, as_pixels(extreme)) + 1e-12


def certifier() -> Certifier:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 48, 8, 8), torch.nn.Flatten(), torch.nn.Linear(768, 10))
    network[0].weight.data = PATCHES.weight.float()  # type: ignore[union-attr,assignment]
    return Certifier(PixelModel(network.eval(), Preprocessing()), projector(PATCHES))


def test_certificates_tell_a_harmless_picture_from_a_harmful_one() -> None:
    projection = projector(PATCHES)
    harmless = certifier().certify(photo(), fill(photo(), projection, NOISE), NOISE)
    assert harmless.changes["float64"].layer == pytest.approx(change(PATCHES, fill(photo(), projection, NOISE)))
    for precision in ("float64", "float32", "float16"):
        moved = harmless.changes[precision]
        assert moved.top1 and moved.cosine is not None and moved.cosine > 0.999
        assert moved.output is not None and moved.output < 0.05
    assert harmless.read == 0.25 and harmless.kept < 0.4 and harmless.moved > 0.2
    noisy = np.clip(photo().astype(int) + NOISE.astype(int) - 128, 0, 255).astype(np.uint8)
    harmful = certifier().certify(photo(), noisy)
    assert harmful.to_target is None
    assert (harmful.changes["float64"].layer or 0) > 20 * (harmless.changes["float64"].layer or 1)
    with pytest.raises(ValueError, match="cannot be compared"):
        certifier().certify(photo(), NOISE[:20])


@pytest.mark.parametrize(
    ("embeds", "same"), [((False, False), False), ((False, True), True), ((True, False), False), ((True, True), None)]
)
def test_top1_is_judged_of_scores_only(embeds: tuple[bool, bool], same: bool | None) -> None:
    models = []
    for limit, flag in zip((-1.0, 1.5), embeds, strict=True):  # answers: is it brighter than that?
        layer = torch.nn.Linear(3, 2)
        layer.weight.data, layer.bias.data = torch.tensor([[1.0] * 3, [0.0] * 3]), torch.tensor([0.0, limit])
        network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), layer)
        models.append(PixelModel(network, Preprocessing(), embeds=flag))
    dark, bright = (np.full((8, 8, 3), level, np.uint8) for level in (50, 200))
    assert Certifier(JointModel(models), None).certify(dark, bright).changes["float32"].top1 is same


def test_nothing_changed_is_certified_as_that() -> None:
    same = certifier().certify(photo(), photo())
    assert same.changes["float32"].layer == 0 and same.changes["float32"].output == 0 and same.moved == 0
    assert same.to_original == image_similarity(photo(), photo()) and same.to_original.psnr is None


def test_targets_are_reproducible_and_unknown_ones_refused() -> None:
    assert (parse("noise")(8, 9, 3) == parse("noise")(8, 9, 3)).all()
    assert (parse("noise")(8, 9, 3) != parse("noise")(8, 9, 4)).any()
    with pytest.raises(InputError, match="neither noise nor constant"):
        parse("nowhere.jpg")
