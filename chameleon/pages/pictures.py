"""The pictures of a page: photos before and after at the size of a screen, as data URIs, within a bound."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from guise.chameleon.faces.reducing import reduced
from guise.chameleon.pages.content import View
from guise.chameleon.protection.sheet import face_crop
from guise.chameleon.visibility.viewing import screen_scale
from guise.models.errors import ImageError
from guise.models.files import LARGE, Photo
from guise.models.files.videos.pictures import read_picture

MOST_BYTES = 24 * 2**20
"""Of all pictures of a page, as text."""
MOST_PHOTOS = 120
"""That are shown: each is read twice, and a page that scrolls for ever helps nobody."""

_SIZES = ((24, 1080), (60, 800), (MOST_PHOTOS, 560))
"""Up to so many photos have pictures with a longer side of so many pixels."""
_MOST_FACES = 3
_LARGE_FACE = 0.45  # of the photo's shorter side: a crop around it would show hardly less
_FACE_SIDE = 720
_SMALL = 480  # pixels; smaller pictures are shown enlarged, a pixel as several
_QUALITY = 90
_FINER = 3  # times the size at which a large photo is shown, to which it is reduced first
_MOST_PROFILE = 8192  # bytes of a colour profile; a few printers' are far larger

Box = Sequence[float]


@dataclass(frozen=True)
class Shown:
    """A photo that may get pictures.

    Attributes:
        name: path below both folders.
        picture: what is shown of it: the photo itself, or a picture of the video; see `read_picture`.
        boxes: of the user's faces in the original: left, top, right, bottom, in pixels.
        first: photos with lower numbers come first where not all can be shown.
    """

    name: str
    picture: str
    boxes: tuple[Box, ...]
    first: tuple[float, ...]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a page.

    Attributes:
        views: by the photo's name.
        missing: why others have none, by their names.
        scales: by how much a screen reduces those that were drawn, by their names.
        left_out: how many have none because a page would become too large.
    """

    views: dict[str, tuple[View, ...]]
    missing: dict[str, str]
    scales: dict[str, float]
    left_out: int


def draw(
    originals: Path, copies: Path, photos: Iterable[Shown], *, progress: Callable[[int, int], None] | None = None
) -> Pictures:
    """Draw photos before and after, one at a time.

    Args:
        originals: folder with the originals.
        copies: folder with their copies.
        photos: that have a copy.
        progress: called with photos done and photos in all.

    Returns:
        Pictures of at most `MOST_PHOTOS` photos and `MOST_BYTES` bytes.
    """
    photos = sorted(photos, key=lambda photo: photo.first)
    chosen = photos[:MOST_PHOTOS]
    side = next(side for most, side in _SIZES if len(chosen) <= most)
    views: dict[str, tuple[View, ...]] = {}
    missing: dict[str, str] = {}
    scales: dict[str, float] = {}
    used = 0
    for done, photo in enumerate(chosen, 1):
        try:
            drawn, scale = _views(originals / photo.picture, copies / photo.picture, photo.boxes, side)
        except ImageError as error:
            missing[photo.name] = f"It cannot be shown: {error}"
            continue
        used += sum(len(view.before) + len(view.after) for view in drawn)
        if used > MOST_BYTES:
            break
        views[photo.name], scales[photo.name] = drawn, scale
        if progress is not None:
            progress(done, len(chosen))
    without = [photo.name for photo in photos if photo.name not in views and photo.name not in missing]
    missing |= dict.fromkeys(without, "Not shown, so that this page stays small: open both files instead.")
    return Pictures(views, missing, scales, len(without))


def _views(original: Path, copy: Path, boxes: Sequence[Box], side: int) -> tuple[tuple[View, ...], float]:
    """One file after the other: two large photos may not fit the memory."""
    before, scale = _parts(read_picture(original), boxes, side)
    after, _ = _parts(read_picture(copy), boxes, side)
    if [part.size for part in before] != [part.size for part in after]:
        raise ImageError("the copy has another size than the original")
    pairs = zip(before, after, strict=True)
    return tuple(View(part.title, part.uri, other.uri, *_shown_size(part.size)) for part, other in pairs), scale


@dataclass(frozen=True)
class _Part:
    """Of a photo, encoded: width and height in pixels."""

    title: str
    uri: str
    size: tuple[int, int]


def _parts(photo: Photo, boxes: Sequence[Box], side: int) -> tuple[list[_Part], float]:
    """The whole photo and its faces where they are small in it, and by how much a screen reduces it."""
    height, width = photo.pixels.shape[:2]
    parts = [_encoded("Photo", photo, photo.pixels, side)]
    small = [box for box in boxes if max(box[2] - box[0], box[3] - box[1]) < _LARGE_FACE * min(height, width)]
    for number, box in enumerate(small[:_MOST_FACES], 1):
        title = "Face" if len(boxes) == 1 else f"Face {number}"
        parts.append(_encoded(title, photo, face_crop(photo.pixels, box), min(side, _FACE_SIDE)))
    return parts, screen_scale(height, width)


def _encoded(title: str, photo: Photo, pixels: np.ndarray, side: int) -> _Part:
    if pixels.size >= LARGE:  # Pillow would hold a second copy
        pixels = reduced(pixels, _FINER * side)[0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = min(1.0, side / max(image.size))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    file, profile = io.BytesIO(), photo.icc_profile or b""
    if len(profile) > _MOST_PROFILE or photo.grey:
        profile = b""
    image.save(file, "WEBP", quality=_QUALITY, method=2, icc_profile=profile)
    return _Part(title, f"data:image/webp;base64,{b64encode(file.getvalue()).decode()}", image.size)


def _shown_size(size: tuple[int, int]) -> tuple[int, int]:
    times = max(1, round(_SMALL / max(size)))
    return size[0] * times, size[1] * times
