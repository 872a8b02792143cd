"""`attack`: what opponents recover of a picture whose null part was replaced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from guise.harmless.pictures.attacks import Recovered, recover
from guise.harmless.pictures.identity import Gallery, Rank
from guise.harmless.pictures.photos import PhotoLike, photo_for
from guise.harmless.projection import projector
from guise.harmless.sources import LoadedModel, LoadOptions, Models, load_models
from guise.harmless.tracing import trace
from guise.models.counting import by_number, counted
from guise.models.errors import InputError
from guise.models.files import Photo, list_photos, plain, printable, read_photo, write_photo
from guise.models.watching import Announce


@dataclass(frozen=True)
class AttackReport:
    """What each attack recovered of one picture.

    Attributes:
        original: the photo that the attacks were after.
        recovered: one result an attack.
        ranks: of the original among other photos, when what an attack recovered is searched, in the same order; empty
            where no others were given.
    """

    original: Photo
    recovered: tuple[Recovered, ...]
    ranks: tuple[Rank, ...] = ()

    def to_json(self) -> str:
        """All figures as JSON, as `guise harmless attack --json` prints them."""
        return json.dumps({"attacks": self.rows()}, indent=1, allow_nan=False)

    def rows(self) -> list[dict[str, Any]]:
        """The figures of each attack as plain JSON values."""
        ranks = [{"rank": asdict(rank)} for rank in self.ranks] or [{}] * len(self.recovered)
        return [
            {"attack": result.attack, "needs_weights": result.needs_weights, **asdict(result.similarity), **rank}
            for result, rank in zip(self.recovered, ranks, strict=True)
        ]

    def write(self, out: str | Path, *, name: str) -> None:
        """Write what was recovered as PNG.

        Args:
            out: folder; it is made when missing.
            name: start of the files' names.

        Raises:
            ImageError: another file is in the way.
            OutputError: a file cannot be written.
        """
        for result in self.recovered:
            file = f"{name}.{result.attack.replace(' ', '-')}.png"
            write_photo(Path(out) / file, plain(self.original), result.picture, overwrite=False)


def attack(
    original: PhotoLike,
    versions: Sequence[PhotoLike],
    model: Models,
    *,
    among: str | Path | None = None,
    **options: Unpack[LoadOptions],
) -> AttackReport:
    """Recover a photo from changed versions of it, with and without the model's weights, and say how well.

    Low figures for these attacks do not prove privacy. By the model's own output the original is found among others by
    design: that output is what was kept.

    Args:
        original: a file, uint8 (H, W, 3), or a photo that was read; it only judges.
        versions: changed versions of it, at least one; the first is attacked alone.
        model: see `guise.harmless.null_space`.
        among: folder with other photos: which rank the original takes among them is measured too.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        What each attack recovered, and how alike it is to the original.

    Raises:
        ImageError: a picture cannot be read.
        InputError: a picture has another size, there is no version, or `among` holds no other photo of that size.
        NonLinearFirstError: nothing of the model's input is provably ignored.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    if not versions:
        raise InputError("no changed version is named: give at least one with `versions=`")
    loaded = load_models(model, **options)
    photo, *changed = (photo_for(picture, loaded.input_shape) for picture in (original, *versions))
    null = projector(trace(loaded.model, loaded.input_shape).joint)
    gallery = None if among is None else _gallery(photo, Path(among), loaded, options.get("announce"))
    recovered = recover(photo.pixels, [version.pixels for version in changed], null)
    ranks = () if gallery is None else tuple(gallery.rank(result.picture) for result in recovered)
    return AttackReport(photo, tuple(recovered), ranks)


def _gallery(original: Photo, folder: Path, loaded: LoadedModel, announce: Announce | None) -> Gallery:
    """The original, and all photos of a folder that have its size and differ from it."""
    photos = [read_photo(folder / path) for path in list_photos(folder).photos]
    others = [photo.pixels for photo in photos if photo.pixels.shape == original.pixels.shape]
    others = [pixels for pixels in others if (pixels != original.pixels).any()]
    if len(others) < len(photos) and announce:
        left = len(photos) - len(others)
        words = f"of {printable(folder)} {by_number(left, 'is', 'are')} the original or of another size"
        announce(f"{counted(left, 'photo')} {words}")
    if not others:
        raise InputError(f"{printable(folder)} holds no other photo of the original's size; name another with `among=`")
    return Gallery(original.pixels, others, loaded.model)
