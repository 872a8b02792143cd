"""How pictures look, in figures that no classifier needs: checkerboards, saturation, contrast, histograms; and a sheet.

    python -m benchmarks.synthesis.looks --data ../shared/data/fashion-mnist --samples samples.npz --sheet sheet.png

Samples are an npz with `images` and `labels`, as `guise dpaf sample --out samples.npz` writes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from guise.dpaf.data import load
from guise.dpaf.synthesis.pictures import grid
from guise.models.files.pictures import save_picture

_COMPARED = 3000
_SHOWN = 96  # pixels of a side that small pictures are enlarged to
_HIGHEST = 7 / 16  # cycles a pixel: the highest eighth of frequencies


@dataclass(frozen=True)
class Looks:
    """Figures of a set of pictures.

    Attributes:
        checkerboard: share of the energy that lies in the highest eighth of frequencies along both axes.
        saturated: share of values that are 0 or 255.
        contrast: 10th, 50th and 90th percentile of the standard deviation of a picture, in grey levels.
    """

    checkerboard: float
    saturated: float
    contrast: tuple[float, float, float]


def looks(images: np.ndarray) -> Looks:
    """Figures of pictures.

    Args:
        images: uint8 (N, H, W, channels).
    """
    grey = images.astype(float).mean(3)
    grey -= grey.mean((1, 2), keepdims=True)
    energy = (np.abs(np.fft.fft2(grey)) ** 2).sum(0)
    high = [np.abs(np.fft.fftfreq(side)) > _HIGHEST for side in energy.shape]
    low, middle, most = np.percentile(grey.std((1, 2)), (10, 50, 90)).round(1).tolist()
    saturated = float(((images == 0) | (images == 255)).mean())
    return Looks(float(energy[np.ix_(*high)].sum() / energy.sum()), saturated, (low, middle, most))


def histogram_distance(images: np.ndarray, others: np.ndarray) -> float:
    """1-Wasserstein distance of all values' histograms, in grey levels.

    Args:
        images: uint8, any shape.
        others: uint8, any shape.
    """
    heights = [np.bincount(values.ravel(), minlength=256) / values.size for values in (images, others)]
    return float(np.abs(np.cumsum(heights[0] - heights[1])).sum())


def compared(images: np.ndarray, real: np.ndarray) -> dict[str, object]:
    """The figures of synthetic pictures beside those of real ones.

    Args:
        images: uint8 (N, H, W, channels), synthetic.
        real: uint8 (N, H, W, channels).
    """
    images, real = images[:_COMPARED], real[:_COMPARED]
    ours, theirs = looks(images), looks(real)
    return {
        "synthetic": asdict(ours),
        "real": asdict(theirs),
        "checkerboard_ratio": round(ours.checkerboard / max(theirs.checkerboard, 1e-12), 2),
        "histogram_distance": round(histogram_distance(images, real), 2),
    }


def sheet(images: np.ndarray, labels: np.ndarray, *, columns: int = 12) -> np.ndarray:
    """A picture with rows of each class.

    Args:
        images: uint8 (N, H, W, channels).
        labels: int (N,).
        columns: pictures in a row; few classes get several rows.
    """
    classes = np.unique(labels)
    each = columns * max(1, 6 // len(classes))
    rows = [np.resize(np.flatnonzero(labels == label), each) for label in classes]
    tiled = grid(images[np.concatenate(rows)], columns=columns)
    enlarged = max(1, _SHOWN // images.shape[1])
    return tiled.repeat(enlarged, 0).repeat(enlarged, 1)


@click.command(help=__doc__)
@click.option("--data", required=True, help="As --data of `guise dpaf train`.")
@click.option("--samples", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--sheet", "picture", type=click.Path(dir_okay=False, path_type=Path), help="A PNG of samples.")
def main(data: str, samples: Path, picture: Path | None) -> None:
    with np.load(samples) as archive:
        images, labels = archive["images"], archive["labels"]
    private = load(data).images[:_COMPARED].permute(0, 2, 3, 1).numpy()
    click.echo(json.dumps(compared(images, private), indent=1))
    if picture is not None:
        save_picture(sheet(images, labels), picture)


if __name__ == "__main__":
    main()
