"""Results of the library in the words and numbers that the page shows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guise.models.files import printable
from guise.models.flags import as_flags


def as_text(sentence: str, folder: Path) -> str:
    """Write a sentence of the library for people who set no parameters and chose the folder a moment ago.

    Args:
        sentence: such as "... may be the user's: see `user_face=all`".
        folder: with the photos, whose path is left out.

    Returns:
        It without the advice that names a parameter, but for `guise app`'s own options, and with "you" for the user,
        who reads it.
    """
    text = sentence.replace(f"{printable(folder)}{os.sep}", "").split(": see `")[0]
    text = re.sub(r"\b(is|is not|be) the user's\b", r"\1 yours", text)
    text = text.replace("the user's", "your").replace("the user", "you").replace("`strength=`", "strength")
    return as_flags(text)


def discreet(text: str, folder: str, private: str) -> str:
    """Leave out folders that nobody knows.

    Args:
        text: a sentence.
        folder: with the photos; "" is none.
        private: of the session. What the user dropped lies there, and pictures for the page.

    Returns:
        It with words in the place of private paths; a photo keeps its name.
    """
    if folder and Path(folder).is_relative_to(private):
        text = text.replace(folder, "what you dropped")
    text = re.sub(rf"{re.escape(private)}/\w+-views/[^\s:;]*", "a temporary file", text)
    return re.sub(rf"{re.escape(private)}/(?:[a-z-]+/)?photos/", "", text)


def moment(picture: str) -> str:
    """Say when a picture of a video is shown.

    Args:
        picture: its name, such as "clip.mp4#t=3.200".

    Returns:
        Seconds.
    """
    return f"{float(picture.rpartition('#t=')[2]):.1f}"


def middle(box: Sequence[float] | np.ndarray, pixels: np.ndarray) -> list[float]:
    """Say where a face lies.

    Args:
        box: its left, top, right and bottom, in pixels.
        pixels: uint8 (H, W, 3), the picture.

    Returns:
        Its middle, in shares of the picture's width and height.
    """
    height, width = pixels.shape[:2]
    return [float(box[0] + box[2]) / 2 / width, float(box[1] + box[3]) / 2 / height]
