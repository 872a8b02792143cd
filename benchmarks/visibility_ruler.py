"""How visible a mask is on every pixel that it changed. What measures here is no code of the project.

    python -m benchmarks.visibility_ruler ORIGINALS COPIES              # fit to a screen, and at 100 %
    python -m benchmarks.visibility_ruler ORIGINALS COPIES --plain      # against the files as they are

A copy is compared with its original written the same way, because what writing a JPEG anew changes is not the mask's.
`--plain` compares with the original itself.

The two views: on a `screen` the whole photo fits into 1920 x 1080 pixels and is never enlarged; `full` is 100 % zoom.
The measures, all on the changed area: SSIM (scikit-image, Gaussian windows), FLIP (PyPI `flip-evaluator`), and colour
flecks, which are CIEDE2000 at equal lightness after a mean over 5 x 5 pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from guise.models.errors import GuiseError, ImageError, InputError
from guise.models.files import Photo, as_saved, compressed_like, list_photos, read_photo

SCREEN = 1920, 1080
VIEWS = ("screen", "full")
_LEVELS, _SMOOTHING, _SHARE = 4, 4.0, 0.15
_REACH = 64  # pixels; SSIM, FLIP at 67 pixels a degree and flecks look less far


@dataclass(frozen=True)
class Figures:
    """Of one changed picture, on its changed area.

    Attributes:
        ssim: mean structural similarity; 1 for equal pictures.
        flip: mean FLIP difference, in [0, 1].
        flip_p99: its 99th percentile.
        fleck_p99: 99th percentile of the colour difference, in CIEDE2000.
        fleck_max: its largest.
        area: share of the picture that is changed.
    """

    ssim: float
    flip: float
    flip_p99: float
    fleck_p99: float
    fleck_max: float
    area: float


MEASURES = tuple(field.name for field in fields(Figures))


def on_screen(pixels: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, 3), as a screen of 1920 x 1080 shows the whole of it; Lanczos, never enlarged."""
    image = Image.fromarray(pixels)
    image.thumbnail(SCREEN, Image.Resampling.LANCZOS)
    return np.asarray(image)


def changed_area(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where a smoothed map of differences above 4 grey levels exceeds .15: bool (H, W).

    Args:
        before: uint8 (H, W, 3) RGB.
        after: uint8 (H, W, 3) RGB.
    """
    far = np.abs(before.astype(int) - after).max(axis=2) > _LEVELS
    area: np.ndarray = gaussian_filter(far.astype(float), _SMOOTHING) > _SHARE
    return area


def measure(before: np.ndarray, after: np.ndarray) -> Figures | None:
    """How visible the change is; None where nothing is changed by more than 4 grey levels.

    Args:
        before: uint8 (H, W, 3) RGB, at the size at which it is looked at.
        after: uint8 (H, W, 3) RGB.
    """
    area = changed_area(before, after)
    if not area.any():
        return None
    share = float(area.mean())
    # All measures are local, so only the surroundings of the changed area are looked at.
    lines = [np.flatnonzero(area.any(axis=axis)) for axis in (1, 0)]
    near = tuple(slice(max(0, int(at[0]) - _REACH), int(at[-1]) + 1 + _REACH) for at in lines)
    before, after, area = (np.ascontiguousarray(picture[near]) for picture in (before, after, area))
    similar, difference, colour = _ssim(before, after)[area], _flip(before, after)[area], _flecks(before, after)[area]
    return Figures(
        ssim=float(similar.mean()),
        flip=float(difference.mean()),
        flip_p99=float(np.percentile(difference, 99)),
        fleck_p99=float(np.percentile(colour, 99)),
        fleck_max=float(colour.max()),
        area=share,
    )


def _ssim(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    short = max(0, 11 - min(before.shape[:2]))  # the windows take 11 pixels
    if short:
        before, after = (np.pad(picture, ((0, short), (0, short), (0, 0)), mode="edge") for picture in (before, after))
    _, similar = structural_similarity(
        before, after, channel_axis=2, data_range=255, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    similar = similar.mean(axis=2)
    return np.asarray(similar[:-short, :-short] if short else similar)


def _flip(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    try:
        import flip_evaluator
    except ImportError:
        raise InputError("the ruler needs the package flip-evaluator: run `pip install flip-evaluator`") from None
    pictures = (picture.astype(np.float32) / 255 for picture in (before, after))
    return np.asarray(flip_evaluator.evaluate(*pictures, "LDR", applyMagma=False)[0]).squeeze()


def _flecks(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    colours = [uniform_filter(rgb2lab(picture), (5, 5, 1)) for picture in (before, after)]
    for colour in colours:
        colour[..., 0] = 50
    return np.asarray(deltaE_ciede2000(*colours))


def original(path: Path, copy: Photo, *, plain: bool = False) -> np.ndarray:
    """A photo's pixels, uint8 (H, W, 3), written anew as its copy was, unless `plain`."""
    photo = read_photo(path)
    return photo.pixels if plain else as_saved(compressed_like(photo, copy), photo.pixels, photo.pixels)


def summary(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Mean and worst over pictures, for each view.

    Args:
        pairs: before and after, both uint8 (H, W, 3) RGB.

    Returns:
        For "screen" and "full" how many `photos` are changed at all, and {"mean", "worst"} of each of `MEASURES`.
    """
    readings: dict[str, list[Figures]] = {view: [] for view in VIEWS}
    for pair in pairs:
        small = [on_screen(pixels) for pixels in pair]
        at_full = measure(*pair)
        at_screen = at_full if small[0].shape == pair[0].shape else measure(*small)
        for view, figures in (("screen", at_screen), ("full", at_full)):
            if figures is not None:
                readings[view].append(figures)
    return {view: _spread(figures) for view, figures in readings.items()}


def worst(measure: str, values: Sequence[float]) -> float:
    """Of values of one of `MEASURES`: the least SSIM, the largest of all others."""
    return min(values) if measure == "ssim" else max(values)


def _spread(readings: Sequence[Figures]) -> dict[str, Any]:
    columns = {name: [asdict(figures)[name] for figures in readings] for name in MEASURES if readings}
    spreads = {name: {"mean": fmean(values), "worst": worst(name, values)} for name, values in columns.items()}
    return {"photos": len(readings), **spreads}


def _pairs(originals: Path, copies: Path, *, plain: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for photo in list_photos(copies).photos:
        if (originals / photo).is_file():
            copy = read_photo(copies / photo)
            before, after = original(originals / photo, copy, plain=plain), copy.pixels
            if before.shape != after.shape:
                raise ImageError(f"{photo} has another size than its original: name the copies that `protect` wrote")
            yield before, after


@click.command(help=__doc__)
@click.argument("originals", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("copies", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--plain", is_flag=True, help="Compare with the originals as they are.")
def main(originals: Path, copies: Path, plain: bool) -> None:
    try:
        click.echo(json.dumps(summary(_pairs(originals, copies, plain=plain)), indent=1))
    except GuiseError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
