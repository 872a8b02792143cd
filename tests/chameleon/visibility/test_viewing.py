import numpy as np
import pytest
from PIL import Image
from skimage import data

from guise.chameleon.visibility.budget import FaceMeter
from guise.chameleon.visibility.viewing import Region, RegionMeter, screen_scale


def large(side=2048):
    return np.asarray(Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC))


def changed(pixels, rows, columns):
    changed = pixels.astype(int)
    changed[rows, columns] += 12
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(250, 250, 1), (1080, 1920, 1), (2160, 1920, 0.5), (1000, 3840, 0.5)]
)
def test_a_screen_shows_all_of_a_photo_and_enlarges_none(height, width, scale):
    assert screen_scale(height, width) == scale


def test_a_region_is_reduced_as_the_whole_photo_is():
    pixels = large()
    scale = screen_scale(*pixels.shape[:2])
    region = Region.around(slice(300, 900), slice(700, 1300), height=2048, width=2048, scale=scale)
    shown = region.on_screen(pixels[region.rows, region.columns])
    whole = Image.fromarray(pixels)
    whole.thumbnail((1920, 1080), Image.Resampling.LANCZOS)
    top, left = (int(np.ceil(part.start * scale)) for part in (region.rows, region.columns))
    expected = np.asarray(whole)[top : top + shown.shape[0], left : left + shown.shape[1]]
    inner = (slice(4, -4), slice(4, -4))
    assert abs(shown[inner].astype(int) - expected[inner]).mean() < 0.6


def test_a_region_holds_what_was_changed_a_margin_and_whole_blocks():
    region = Region.around(slice(100, 200), slice(0, 50), height=500, width=60, scale=0.5)
    assert region.rows.start <= 100 - 48 and region.rows.stop >= 200 + 48
    assert region.rows.start % 16 == 0 and region.rows.stop % 16 == 0
    assert region.columns == slice(0, 60)


def test_a_fine_change_is_less_visible_on_the_screen_than_at_full_zoom():
    pixels = large()[:1024, :1024]
    region = Region(slice(0, 1024), slice(0, 1024), 0.25)
    noisy = pixels.astype(int)
    noisy[300:700, 300:700] += np.random.default_rng(0).integers(-16, 17, (400, 400, 3))
    meter = RegionMeter(pixels, region)
    noisy = np.clip(noisy, 0, 255).astype(np.uint8)
    on_screen, zoomed = meter.measure(noisy), meter.measure_zoomed(noisy)
    assert on_screen.ssim > zoomed.ssim and on_screen.flip < zoomed.flip
    some = meter.measure_zoomed(noisy, every=3)
    assert abs(some.ssim - zoomed.ssim) < 0.05 and 0.8 < some.flip / zoomed.flip < 1.25


def test_where_the_screen_shows_every_pixel_both_measures_are_one():
    pixels = data.astronaut()[:200, :200]
    after = changed(pixels, slice(50, 100), slice(50, 100))
    meter = RegionMeter(pixels, Region(slice(0, 200), slice(0, 200), 1.0))
    assert meter.measure(after) == meter.measure_zoomed(after) == FaceMeter(pixels).measure(after)
