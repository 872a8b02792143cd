"""The page of `protect`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from guise.chameleon.mask.key import Provenance
from guise.chameleon.pages.content import Card, Change, Page, Section, Table
from guise.chameleon.pages.pictures import Pictures, Shown, draw
from guise.chameleon.pages.words import Looks, how_to_measure, sentence, visibility_table, worst_tile
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.measure import LinkMeasurement
from guise.chameleon.visibility.budget import STRENGTHS, Budget
from guise.models.counting import by_number, counted
from guise.models.files import printable
from guise.models.pages.content import Tile, Tone

PRIVATE = (
    "This page shows your originals. Keep it as you keep your key: do not post it, do not send it, do not put it among "
    "the copies."
)
SCALE = (
    "Similarity runs from -1 to 1. On the line, the hollow dot is the original, the full one the copy, and the mark is "
    "0: no likeness."
)
_LARGE = 300  # pixels on a screen
_NAMED = 12  # photos in a sentence
_FEW_PHOTOS = 8


@dataclass(frozen=True)
class ProtectedPhotos:
    """What the page of `protect` tells of.

    Attributes:
        folder: with the originals.
        out: with the copies.
        key_file: the user's key.
        made: how its mask was learnt.
        results: what became of each photo, in this run and before.
        budget: how visible the mask may be; None for the published procedure.
        measured_by: who measured, in a sentence or two.
    """

    folder: Path
    out: Path
    key_file: Path
    made: Provenance
    results: Sequence[PhotoResult]
    budget: Budget | None
    measured_by: str


def protection_page(photos: ProtectedPhotos, *, progress: Callable[[int, int], None] | None = None) -> Page:
    """Lay out the page of `protect`. Reads originals and copies.

    Args:
        photos: what to tell of.
        progress: called with photos drawn and photos in all.

    Returns:
        The page.
    """
    results = photos.results
    measured = [result for result in results if result.faces]
    shown = (
        Shown(result.photo, result.shown, tuple(face.box for face in result.faces), _order(result))
        for result in measured
    )
    pictures = draw(photos.folder, photos.out, shown, progress=progress)
    looks = [look for result in measured for look in _looks(result)]
    sections = []
    if measured:
        sections.append(Section("Who still links your photos", _who(photos.measured_by), (_recognisers(photos),)))
        table = visibility_table(looks, photos.budget)
        sections.append(Section("How visible the masks are", _HOW, (table,)))
    failed = [result for result in results if not result.faces]
    if failed:
        items = tuple(f"{printable(result.photo)} ({result.status}): {result.reason}" for result in failed)
        sections.append(Section("What got no copy", items=items))
    steps = (*_about_linked(photos), *_about_failed(failed), *_always(photos), *how_to_measure(looks))
    sections.append(Section("What to do next", items=steps))
    cards = sorted(measured, key=lambda result: (not result.linked_by, result.photo))
    return Page(
        title="Your protected photos",
        subtitle=f"Originals in {printable(photos.folder)}, copies in {printable(photos.out)}",
        private=PRIVATE,
        tiles=tuple(_tiles(results, measured, looks)),
        sections=tuple(sections),
        cards=tuple(_card(result, pictures) for result in cards),
        left_out=left_out(pictures),
    )


def left_out(pictures: Pictures) -> str:
    """Say how many photos are not shown.

    Args:
        pictures: of the page.

    Returns:
        A sentence; "" where all are shown.
    """
    if not pictures.left_out:
        return ""
    shown = f"{counted(len(pictures.views), 'photo is', 'photos are')} shown, those that need a look first"
    others = by_number(pictures.left_out, "The other one has its", f"The other {pictures.left_out} have their")
    return f"{shown}. {others} figures only, so that this page stays small."


def _order(result: PhotoResult) -> tuple[float, ...]:
    return not result.linked_by, min(face.visibility.ssim for face in result.faces)


def _looks(result: PhotoResult) -> list[Looks]:
    return [Looks(face.visibility, face.lpips) for face in result.faces]


def _tiles(results: Sequence[PhotoResult], measured: Sequence[PhotoResult], looks: Sequence[Looks]) -> Iterable[Tile]:
    copies = sum(result.status in ("protected", "skipped", "already protected") for result in results)
    tone: Tone = "good" if copies == len(results) else "warn" if copies else "bad"
    videos = any(result.video for result in results)
    one, kinds = ("video is", "photos and videos are") if videos else ("photo is", "photos are")
    yield Tile(f"{copies} of {len(results)}", f"{by_number(len(results), one, kinds)} protected", tone)
    if not measured:
        return
    linked = sum(bool(result.linked_by) for result in measured)
    label = f"{by_number(len(measured), 'photo is', 'photos are')} still linked to you by a recogniser that measured"
    yield Tile(f"{linked} of {len(measured)}", label, "warn" if linked else "good")
    reader = [face.links[0] for result in measured for face in result.faces]
    before, after = _means(reader)
    figure = f"{before:.2f} → " + ("no face" if after is None else f"{after:.2f}")
    yield Tile(figure, f"mean similarity to you, by {printable(reader[0].recogniser)}; 1 is the same picture")
    yield worst_tile([look.visibility for look in looks])


def _means(links: Sequence[LinkMeasurement]) -> tuple[float, float | None]:
    after = [link.similarity_after for link in links if link.similarity_after is not None]
    return fmean(link.similarity_before for link in links), fmean(after) if after else None


_HOW = (
    "Measured on all that the mask changed, where a screen shows the whole photo. What counts is what you see: look at "
    "the photos below.",
)


def _who(measured_by: str) -> tuple[str, ...]:
    return measured_by, SCALE


def _recognisers(photos: ProtectedPhotos) -> Table:
    rows = []
    links = [link for result in photos.results for face in result.faces for link in face.links]
    for name in dict.fromkeys(link.recogniser for link in links):
        its = [link for link in links if link.recogniser == name]
        by = [result for result in photos.results if name in result.recognisers]
        before = sum(any(link.linked_before for link in _of(result, name)) for result in by)
        after = sum(name in result.linked_by for result in by)
        learnt = "yes" if name in photos.made.recognisers else "no"
        rows.append((printable(name), Change(*_means(its)), f"{before} → {after} of {len(by)}", learnt))
    return Table(("recogniser", "mean similarity", "photos linked", "learnt against"), tuple(rows))


def _of(result: PhotoResult, recogniser: str) -> list[LinkMeasurement]:
    return [link for face in result.faces for link in face.links if link.recogniser == recogniser]


def _card(result: PhotoResult, pictures: Pictures) -> Card:
    linked, notes = result.linked_by, list(result.notes)
    if result.status == "skipped":
        notes.insert(0, result.reason)
    scale = pictures.scales.get(result.photo)
    if linked and scale is not None:
        height = max(face.box[3] - face.box[1] for face in result.faces) * scale
        if height > _LARGE:
            large = f"Its face is large on a screen ({height:.0f} pixels). People see more there, so less mask fits"
            notes.insert(0, f"{large}: a photo in which your face is smaller is protected better.")
    return Card(
        name=result.photo,
        state=f"still linked by {', '.join(map(printable, linked))}" if linked else "linked by nobody",
        tone="warn" if linked else "good",
        looks=sentence(_looks(result)),
        views=pictures.views.get(result.photo, ()),
        missing=pictures.missing.get(result.photo, ""),
        tables=tuple(_tables(result)),
        notes=tuple(notes),
    )


def _tables(result: PhotoResult) -> Iterable[Table]:
    for number, face in enumerate(result.faces, 1):
        title = "recogniser" if len(result.faces) == 1 else f"face {number}, by"
        rows = (
            (
                printable(link.recogniser),
                Change(link.similarity_before, link.similarity_after),
                f"{_yes(link.linked_before)} → {_yes(link.linked_after)}",
            )
            for link in face.links
        )
        yield Table((title, "similarity", "linked"), tuple(rows))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _about_linked(photos: ProtectedPhotos) -> Iterable[str]:
    linked = [result for result in photos.results if result.linked_by]
    if not linked:
        return
    each = [f"{printable(result.photo)} (by {', '.join(map(printable, result.linked_by))})" for result in linked]
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    yield f"Some recogniser still links {len(linked)} of your photos: {', '.join(each[:_NAMED])}{more}."
    if photos.budget is not None and photos.budget != STRENGTHS["high"]:
        yield "More mask protects more and is easier to see: run the same command again with `--strength high`."
    yield "Or post other photos in place of these: photos on which your face is smaller are easier to protect."


def _about_failed(failed: Sequence[PhotoResult]) -> Iterable[str]:
    if any(result.status == "failed" for result in failed):
        yield "Save photos that could not be read anew, as JPEG or PNG, and run the same command again."
    if any(result.status == "no face" for result in failed):
        who = "`--user-face` with a photo that shows you alone says who you are, and `--user-face all` masks all faces"
        yield f"If you are on a photo in which no face of yours was found: {who}."


def _always(photos: ProtectedPhotos) -> Iterable[str]:
    made = photos.made
    if any(result.faces for result in photos.results):
        yield (
            f"Look at the photos below, then post the copies in {printable(photos.out)} only. Who has an original and "
            "its copy has the mask."
        )
        names = (printable(folder) for folder in (photos.folder, photos.out))
        command = " ".join(["guise verify", *map(shlex.quote, names), "--recogniser NAME"])
        yield f"Ask recognisers that took no part: `{command}`. `guise models list` names them."
    if made.photos < _FEW_PHOTOS:
        learnt = counted(made.photos, "photo")
        yield f"The mask was learnt on {learnt}. Learnt on 12 or more it holds better on new ones."
    yield f"Keep {printable(photos.key_file)} and the files next to it private: they take the mask off."
