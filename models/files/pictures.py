"""Pictures and figures that we draw: PNG files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from guise.models.errors import InputError
from guise.models.files.atomic import atomic_write
from guise.models.files.names import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_picture(pixels: np.ndarray, path: Path) -> None:
    """Write a picture as PNG.

    Args:
        pixels: uint8 (H, W, 1 or 3).
        path: of the file.

    Raises:
        OutputError: it cannot be written.
    """
    _save_png(lambda file: Image.fromarray(pixels.squeeze()).save(file, format="PNG"), path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a matplotlib figure as PNG.

    Args:
        figure: that is drawn.
        path: of the file.

    Raises:
        OutputError: it cannot be written.
    """
    _save_png(lambda file: figure.savefig(file, format="png", dpi=150), path)


def check_picture(path: Path, parameter: str, folders: Iterable[Path]) -> None:
    """Find a bad place for a picture before the work begins: it may show faces, and must replace no photo.

    Args:
        path: of the picture.
        parameter: that named it, for messages.
        folders: in which it must not lie.

    Raises:
        InputError: it is no PNG, or lies in one of the folders.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"`{parameter}={printable(path)}` is no PNG: give it a name that ends in .png")
    for folder in folders:
        if path.resolve().is_relative_to(folder.resolve()):
            what = f"picture {printable(path)} lies inside {printable(folder)}"
            raise InputError(f"{what}: choose a place outside the folders of photos with `{parameter}=`")


def _save_png(draw: Callable[[BytesIO], object], path: Path) -> None:
    drawn = BytesIO()
    draw(drawn)
    with atomic_write(path) as file:
        file.write(drawn.getvalue())
