import json
from pathlib import Path

import flip_evaluator
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from benchmarks import visibility_ruler as ruler
from guise.models.files import read_photo


def pair(seed: int = 0, height: int = 300, width: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and the same with a blotchy change in its middle."""
    random = np.random.default_rng(seed)
    before = 128 + 300 * gaussian_filter(random.normal(size=(height, width, 3)), (3, 3, 0))
    change = np.zeros_like(before)
    middle = np.s_[height // 3 : height // 2, width // 3 : width // 2]
    change[middle] = 60 * gaussian_filter(random.normal(size=change[middle].shape), (2, 2, 0))
    return before.clip(0, 255).astype(np.uint8), (before + change).clip(0, 255).astype(np.uint8)


def test_looking_near_the_change_only_gives_what_looking_everywhere_gives():
    before, after = pair()
    area = gaussian_filter((np.abs(before.astype(int) - after).max(2) > 4).astype(float), 4) > 0.15
    _, ssim = structural_similarity(
        before, after, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    flip = flip_evaluator.evaluate(
        before.astype(np.float32) / 255, after.astype(np.float32) / 255, "LDR", applyMagma=False
    )[0].squeeze()
    labs = [uniform_filter(rgb2lab(pixels), (5, 5, 1)) for pixels in (before, after)]
    flecks = deltaE_ciede2000(*(np.dstack([np.full(area.shape, 50), lab[..., 1:]]) for lab in labs))
    figures = ruler.measure(before, after)
    assert figures is not None and 0.01 < figures.area < 0.1
    assert figures.ssim == pytest.approx(ssim.mean(2)[area].mean(), abs=1e-9)
    assert figures.flip == pytest.approx(flip[area].mean(), abs=1e-6)
    assert figures.flip_p99 == pytest.approx(np.percentile(flip[area], 99), abs=1e-6)
    assert figures.fleck_max == pytest.approx(flecks[area].max(), abs=1e-9)
    assert figures.fleck_p99 == pytest.approx(np.percentile(flecks[area], 99), abs=1e-9)
    assert figures.area == area.mean()


def test_a_change_of_four_levels_is_no_change():
    before, _ = pair()
    assert ruler.measure(before, before) is None
    assert ruler.measure(before.clip(0, 251), before.clip(0, 251) + 4) is None


def test_a_shift_in_lightness_is_no_fleck_and_a_tint_is_one():
    before = np.full((60, 60, 3), 128, np.uint8)
    lighter, tinted = before + np.uint8(30), before + np.array([0, 20, 0], np.uint8)
    shifted, green = ruler.measure(before, lighter), ruler.measure(before, tinted)
    assert shifted is not None and green is not None
    assert shifted.fleck_max < 0.1 < 5 < green.fleck_max


def test_a_screen_shrinks_large_photos_and_enlarges_none():
    assert ruler.on_screen(np.zeros((2000, 1500, 3), np.uint8)).shape == (1080, 810, 3)
    small, _ = pair()
    np.testing.assert_array_equal(ruler.on_screen(small), small)


def test_summary_has_mean_and_worst_and_leaves_out_what_is_unchanged():
    first, second = pair(0), pair(1)
    each = [ruler.measure(*first), ruler.measure(*second)]
    found = ruler.summary([first, second, (first[0], first[0])])
    assert found["screen"] == found["full"] and found["full"]["photos"] == 2
    ssims = [figures.ssim for figures in each if figures]
    assert found["full"]["ssim"] == {"mean": pytest.approx(np.mean(ssims)), "worst": min(ssims)}
    assert found["full"]["flip"]["worst"] == max(figures.flip for figures in each if figures)
    assert ruler.summary([(first[0], first[0])])["full"] == {"photos": 0}


def test_what_writing_a_jpeg_anew_changes_is_not_the_masks(tmp_path: Path):
    for name in ("originals", "copies"):
        (tmp_path / name).mkdir()
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)  # JPEG changes it everywhere
    Image.fromarray(noisy).save(tmp_path / "originals" / "a.jpg", quality=100, subsampling=0)
    photo = read_photo(tmp_path / "originals" / "a.jpg")
    Image.fromarray(photo.pixels).save(tmp_path / "copies" / "a.jpg", quality=95, subsampling=0)
    copy = read_photo(tmp_path / "copies" / "a.jpg")
    np.testing.assert_array_equal(ruler.original(tmp_path / "originals" / "a.jpg", copy), copy.pixels)
    folders = [str(tmp_path / "originals"), str(tmp_path / "copies")]
    assert json.loads(CliRunner().invoke(ruler.main, folders).stdout)["full"] == {"photos": 0}
    assert json.loads(CliRunner().invoke(ruler.main, [*folders, "--plain"]).stdout)["full"]["photos"] == 1
