"""Draw faces before and after on sheets, pixel for pixel, to be looked at.

    python -m benchmarks.sheet --data ../shared/data/lfw --least-photos 20 --people 6 --each 4 --out results/lfw.png
    python -m benchmarks.sheet --data ../shared/data/portraits --out results/portraits.png
    python -m benchmarks.sheet --data ../shared/data/photos --strength high --out results/photos.png
    python -m benchmarks.sheet --data PHOTOS --copies PHOTOS-protected --out sheet.png          # copies that are there

Each row shows one face: all of it as a screen of 1920 x 1080 shows the whole photo, and its middle at 100 and 200 %.
Nothing else is scaled. --data has one folder a person, and the mask of a person is learnt on up to 12 of their photos.
If it holds photos itself, all their faces get one mask. "Before" is the original written the same way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks import people
from benchmarks.enlarging import Enlargement
from benchmarks.visibility_ruler import changed_area, measure, on_screen, original
from guise import chameleon
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.learning.refine import RefinementSettings
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.errors import FaceError, GuiseError, InputError
from guise.models.files import atomic_write, list_photos, read_photo
from guise.models.recognisers import registry

_TITLES = tuple(f"{when}, {view}" for view in ("on a screen", "100 %", "200 %") for when in ("before", "after"))
_AROUND = 1.7  # side of the square on a screen, relative to the face's box
_GAP, _LINE = 8, 20


def _tile(pixels: np.ndarray, centre: tuple[float, float], side: int, zoom: int = 1) -> Image.Image:
    """A square of `side` pixels around `centre` (x, y), each pixel shown as `zoom` x `zoom`; grey beyond the photo."""
    left, top = (round(at - side / zoom / 2) for at in centre)
    cut = Image.fromarray(pixels).crop((left, top, left + side // zoom, top + side // zoom))
    return cut.resize((cut.width * zoom, cut.height * zoom), Image.Resampling.NEAREST)


def _row(before: np.ndarray, after: np.ndarray, face: Face, side: int) -> list[Image.Image]:
    """The views of `_TITLES`."""
    box = face.box
    centre = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
    small = [on_screen(pixels) for pixels in (before, after)]
    factor = small[0].shape[0] / before.shape[0]
    near = centre[0] * factor, centre[1] * factor
    whole = round(_AROUND * factor * max(box[2] - box[0], box[3] - box[1]))
    tiles = [_tile(pixels, near, whole) for pixels in small]
    return tiles + [_tile(pixels, centre, side, zoom) for zoom in (1, 2) for pixels in (before, after)]


def _rows(photos: Path, copies: Path, detector: FaceDetector, side: int) -> Iterator[tuple[list[Image.Image], str]]:
    """A row and its caption for each face that a copy shows changed."""
    for photo in list_photos(copies).photos:
        if not (photos / photo).is_file():
            continue
        copy = read_photo(copies / photo)
        before, after = original(photos / photo, copy), copy.pixels
        if before.shape != after.shape or not (area := changed_area(before, after)).any():
            continue
        height, width = before.shape[:2]
        figures = measure(on_screen(before), on_screen(after))
        told = figures and f"SSIM {figures.ssim:.3f}, FLIP {figures.flip:.3f}, fleck {figures.fleck_p99:.1f}"
        for face in detector.detect(before):
            if area[_middle(face, height, width)].any():
                yield _row(before, after, face, side), f"{width} x {height}. On a screen: {told or 'no change'}"


def _middle(face: Face, height: int, width: int) -> tuple[slice, slice]:
    """The middle of a face's box, which a mask on the next face does not reach."""
    rows, columns = face.box_in(height, width)
    down, across = ((part.stop - part.start) // 4 for part in (rows, columns))
    return slice(rows.start + down, rows.stop - down), slice(columns.start + across, columns.stop - across)


def _draw(rows: list[tuple[list[Image.Image], str]], path: Path) -> None:
    font = ImageFont.load_default(size=_LINE - 4)
    heights = [max(tile.height for tile in tiles) + 2 * _LINE + _GAP for tiles, _ in rows]
    width = max(sum(tile.width + _GAP for tile in tiles) for tiles, _ in rows) + _GAP
    sheet = Image.new("RGB", (width, sum(heights) + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for (tiles, caption), height in zip(rows, heights, strict=True):
        left = _GAP
        for tile, title in zip(tiles, _TITLES, strict=True):
            draw.text((left, top), title, fill="black", font=font)
            sheet.paste(tile, (left, top + _LINE))
            left += tile.width + _GAP
        draw.text((_GAP, top + height - _LINE - _GAP), caption, fill="black", font=font)
        top += height
    with atomic_write(path) as file:
        sheet.save(file, format="PNG")


def _protected(
    data: Path, work: Path, reader: FaceReader, options: dict[str, Any], groups: Sequence[tuple[list[Path], list[Path]]]
) -> Iterator[tuple[Path, Path]]:
    """Originals and copies, in folders below `work`, of each group's photos to learn on and to show."""
    flat = not any(path.is_dir() for path in data.iterdir())
    for number, (learn, show) in enumerate(groups, 1):
        folder = work / f"{number:02}"
        people.User(folder.name, tuple(learn), tuple(show)).copy_to(folder, options["enlargement"])
        given = {"strength": options["strength"], "recognisers": registry.TEAM, "reader": reader}
        settings = LearningSettings(steps=options["steps"])
        whose = "all" if flat else "recurring"
        try:
            key = chameleon.learn(
                folder / "learn", key=folder / "user.guise-key", settings=settings, user_face=whose, **given
            )
            chameleon.protect(folder / "score", key, out=folder / "copies", refine=options["refine"], **given)
        except FaceError as error:
            click.echo(f"group {number} is left out: {error}", err=True)
            continue
        yield folder / "score", folder / "copies"


def _groups(data: Path, *, options: dict[str, Any]) -> list[tuple[list[Path], list[Path]]]:
    """Photos to learn on and to show: of each person, or of all whose photos lie in `data` itself."""
    if not any(path.is_dir() for path in data.iterdir()):
        photos = [data / photo for photo in list_photos(data).photos]
        return [(photos, photos)]
    everyone = people.with_photos(data, least=options["least_photos"], seed=options["seed"])
    return [(photos[: options["learn_on"]], photos[: options["each"]]) for photos in everyone[: options["count"]]]


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--copies", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Of --data, made before.")
@click.option("--people", "count", default=24, show_default=True, help="At most, where each has a folder.")
@click.option("--least-photos", default=2, show_default=True, help="Of each person.")
@click.option("--learn-on", default=people.LEARN, show_default=True, help="Photos of each person, at most.")
@click.option("--each", default=1, show_default=True, help="Photos of each person to show.")
@click.option("--faces", default=24, show_default=True, help="In all, at most.")
@click.option("--scale", default=1.0, show_default=True, help="Enlarge photos first.")
@click.option("--noise", default=0.0, show_default=True, help="Then add noise of this deviation in grey levels.")
@click.option("--strength", type=click.Choice(list(STRENGTHS)), default="mid", show_default=True)
@click.option("--steps", default=LearningSettings().steps, show_default=True, help="Of the mask.")
@click.option("--refine", default=RefinementSettings().steps, show_default=True, help="Of each photo's.")
@click.option("--seed", default=0, show_default=True, help="Of the choice of people.")
@click.option("--side", default=400, show_default=True, help="Pixels of a square at 100 and 200 %.")
@click.option("--rows", default=4, show_default=True, help="Of a sheet; further ones go to OUT-2.png and so on.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The first sheet.")
def main(data: Path, copies: Path | None, faces: int, side: int, rows: int, out: Path, **options: Any) -> None:
    try:
        reader = FaceReader(FaceDetector(), load_recogniser("dlib-resnet"))
        options["enlargement"] = Enlargement(options["scale"], options["noise"])
        with tempfile.TemporaryDirectory() as work:
            folders: Iterable[tuple[Path, Path]] = [(data, copies)] if copies else []
            if not copies:
                folders = _protected(data, Path(work), reader, options, _groups(data, options=options))
            every = (row for pair in folders for row in _rows(*pair, reader.detector, side))
            drawn = list(islice(every, faces))
        if not drawn:
            raise InputError("no copy shows a changed face: see --data, --copies and --least-photos")
        for page, start in enumerate(range(0, len(drawn), rows), 1):
            file = out if page == 1 else out.with_stem(f"{out.stem}-{page}")
            _draw(drawn[start : start + rows], file)
            click.echo(str(file))
    except GuiseError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
