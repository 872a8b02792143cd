"""The page of `verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from guise.chameleon.evaluation.pairs import PairMeasurement
from guise.chameleon.evaluation.retrieval import Scores
from guise.chameleon.evaluation.verify import Measurements, RecogniserReport
from guise.chameleon.pages.content import Card, Cell, Change, Page, Section, Table
from guise.chameleon.pages.pictures import Pictures, Shown, draw
from guise.chameleon.pages.protection import PRIVATE, SCALE, left_out
from guise.chameleon.pages.words import Looks, how_to_measure, sentence, visibility_table, worst_tile
from guise.models.counting import by_number
from guise.models.files import printable
from guise.models.pages.content import Tile

_SEARCHES = {
    "clean": "an original, among your originals",
    "1A": "an original, among your copies (1A)",
    "2B": "a copy, among your originals (2B)",
    "2A": "a copy, among your other copies (2A)",
}
_HOW = (
    "Measured on all that differs between original and copy, where a screen shows the whole photo. What counts is what "
    "you see: look at the photos below.",
)


def verification_page(
    measured: Measurements, originals: Path, protected: Path, *, progress: Callable[[int, int], None] | None = None
) -> Page:
    """Lay out the page of `verify`. Reads originals and copies.

    Args:
        measured: of the pairs of photos.
        originals: folder with the originals.
        protected: folder with their copies.
        progress: called with photos drawn and photos in all.

    Returns:
        The page.
    """
    order = [(photo.visibility.ssim,) for photo in measured.photos]
    boxes = [(tuple(map(float, photo.face.box)),) for photo in measured.photos]
    each = zip(measured.photos, boxes, order, strict=True)
    shown = (Shown(photo.photo, photo.photo, its_boxes, first) for photo, its_boxes, first in each)
    pictures = draw(originals, protected, shown, progress=progress)
    looks = [Looks(photo.visibility, photo.lpips) for photo in measured.photos]
    sections = [_similarity(measured)]
    sections += [_matches(report) for report in measured.recognisers if report.saved.settings]
    sections += [_after(report) for report in measured.recognisers if len(report.versions) > 1]
    sections.append(Section("How visible the changes are", _HOW, (visibility_table(looks, None),)))
    if measured.unmeasured:
        items = tuple(f"{printable(name)}: {reason}" for name, reason in measured.unmeasured.items())
        sections.append(Section("What was not measured", items=items))
    steps = (*_steps(measured), *how_to_measure(looks))
    sections.append(Section("What to do next", items=steps))
    return Page(
        title="How well your photos are protected",
        subtitle=f"Originals in {printable(originals)}, copies in {printable(protected)}",
        private=PRIVATE,
        tiles=tuple(_tiles(measured)),
        sections=tuple(sections),
        cards=tuple(_card(measured, i, photo, pictures) for i, photo in enumerate(measured.photos)),
        left_out=left_out(pictures),
    )


def _tiles(measured: Measurements) -> Iterable[Tile]:
    count, total = len(measured.photos), len(measured.photos) + len(measured.unmeasured)
    what = by_number(total, "photo was measured", "photos were measured")
    yield Tile(f"{count} of {total}", what, "good" if count == total else "warn")
    first = measured.recognisers[0]
    after = first.saved.similarity
    figure = f"{first.similarity:.2f} → " + ("no face" if after is None else f"{after:.2f}")
    yield Tile(figure, f"mean similarity to you, by {printable(first.name)}; 1 is the same picture")
    linked = [
        (report.saved.settings["1A"].linked, report.name) for report in measured.recognisers if report.saved.settings
    ]
    if linked:
        share, name = max(linked)
        label = f"of the pairs of an original and another photo's copy are linked by {printable(name)}"
        yield Tile(f"{_percent(share)} %", label, "warn" if share else "good")
    yield worst_tile([photo.visibility for photo in measured.photos])


def _similarity(measured: Measurements) -> Section:
    rows = tuple(
        (
            printable(report.name),
            Change(report.similarity, report.saved.similarity),
            f"{report.saved.undetected} of {len(measured.photos)}",
        )
        for report in measured.recognisers
    )
    fair = "It is fair only for recognisers and photos that took no part in learning the mask."
    table = Table(("recogniser", "mean similarity", "no face found in"), rows)
    return Section("How like you the copies look to recognisers", (fair, SCALE), (table,))


def _matches(report: RecogniserReport) -> Section:
    rows = tuple((_SEARCHES[name], *_figures(scores)) for name, scores in report.saved.settings.items())
    scores = report.saved.settings["clean"]
    retrieval = () if scores.recall is None else ("first hit is you", "your photos found")
    columns = ("somebody searches with", *retrieval, "pairs linked", *(f"at FAR {far}" for far in scores.linked_at_far))
    what = "In percent; lower is better protected."
    if scores.linked_at_far:
        what += " FAR is how often it links two strangers at that setting."
    return Section(f"Who {report.name} finds", (what,), (Table(columns, rows),))


def _figures(scores: Scores) -> list[str]:
    retrieval = [] if scores.rank1 is None or scores.recall is None else [scores.rank1, scores.recall]
    return [_percent(share) for share in (*retrieval, scores.linked, *scores.linked_at_far.values())]


def _after(report: RecogniserReport) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for name, version in report.versions.items():
        settings = version.settings
        linked = (_percent(settings[one].linked) if one in settings else "" for one in ("1A", "2B", "2A"))
        rows.append((name, Change(report.similarity, version.similarity), *linked))
    table = Table(("copies", "mean similarity", "linked 1A", "2B", "2A"), tuple(rows))
    return Section(f"What {report.name} sees after further processing", ("Pairs linked, in percent.",), (table,))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _card(measured: Measurements, i: int, photo: PairMeasurement, pictures: Pictures) -> Card:
    changes = [
        (report.name, Change(report.similarities[i], report.saved.similarities[i])) for report in measured.recognisers
    ]
    first = changes[0][1].after
    return Card(
        name=photo.photo,
        state="no face found in the copy" if first is None else f"similarity {first:.2f}",
        tone="good" if first is None else "plain",
        looks=sentence([Looks(photo.visibility, photo.lpips)]),
        views=pictures.views.get(photo.photo, ()),
        missing=pictures.missing.get(photo.photo, ""),
        tables=(Table(("recogniser", "similarity"), tuple((printable(name), change) for name, change in changes)),),
    )


def _steps(measured: Measurements) -> Iterable[str]:
    finding = [
        printable(report.name)
        for report in measured.recognisers
        if any(report.saved.settings[name].linked for name in ("1A", "2B", "2A") if name in report.saved.settings)
    ]
    if finding:
        yield (
            f"{', '.join(finding)} still links some of your photos: `protect --strength high` allows more mask. Photos "
            "on which your face is smaller are easier to protect."
        )
    if any("no protected copy" in reason for reason in measured.unmeasured.values()):
        yield "Photos without a copy: run `protect` again; it says why it makes none."
    if measured.no_retrieval:
        yield f"No search among strangers was made: {measured.no_retrieval}."
    if len(measured.recognisers) == 1:
        yield "Ask more recognisers, best such as took no part in learning: `--recogniser NAME`, as often as you like."
    if all(len(report.versions) == 1 for report in measured.recognisers):
        yield "`--robust` measures also what is left after JPEG, resizing, WebP and blur."
    yield "Post the copies only: who has an original and its copy has the mask."
