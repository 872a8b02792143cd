"""`guise verify`: how well recognisers still match protected photos, measured on the saved files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guise.cli import console
from guise.models.errors import OutputError
from guise.models.recognisers.registry import READER

if TYPE_CHECKING:
    from guise.chameleon.evaluation.verify import Report
    from guise.chameleon.faces.embedding import FaceReader
    from guise.chameleon.faces.selection import FaceSelector, WhoseFace

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_WHO = ("recurring", "largest")
_MOST_SHOWN = 6


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("originals", type=_FOLDER)
@click.argument("protected", type=_FOLDER)
@click.option("--others", type=_FOLDER, help="Folder with photos of other people, to search the user among.")
@click.option(
    "--recogniser",
    "names",
    multiple=True,
    default=[READER],
    show_default=True,
    help="Judge by this recogniser (repeatable): a name of `guise models list`, or file:PATH.",
)
@click.option("--robust", is_flag=True, help="Also after JPEG, resizing, WebP and blur.")
@click.option(
    "--user-face",
    metavar="PHOTO|recurring|largest",
    default="recurring",
    show_default=True,
    help="Whose faces: those of a reference photo, the person in most photos, each photo's largest face.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the before/after picture goes (PNG). [default: PROTECTED-before-after.png]",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...")
@click.option("--offline", is_flag=True, help="Open no connection.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def verify(
    context: click.Context,
    originals: Path,
    protected: Path,
    others: Path | None,
    names: tuple[str, ...],
    robust: bool,
    user_face: str,
    picture: Path | None,
    device: str,
    offline: bool,
    as_json: bool,
) -> None:
    """Measure how well recognisers still match the photos in PROTECTED with those in ORIGINALS.

    Photos are paired by their path, faces found anew in the saved files. It is a fair judgement only on photos from
    which the mask was not learnt, by recognisers against which it was not learnt; dlib-resnet took part unless
    `protect --recogniser` said otherwise. Judge by others, such as your own, with --recogniser file:PATH.
    """
    console.warn_quietly()
    from guise.chameleon.evaluation.verify import measure_folders
    from guise.chameleon.faces.detection import FaceDetector
    from guise.chameleon.faces.embedding import FaceReader
    from guise.cli import verify_report
    from guise.models.devices import best_device
    from guise.models.files import BEFORE_AFTER

    console.check_user_face(user_face, _WHO)
    picture = picture or protected.resolve().with_name(f"{protected.resolve().name}{BEFORE_AFTER}")
    console.check_picture(picture, "--picture", [folder for folder in (originals, protected, others) if folder])
    device, names = best_device(device), tuple(dict.fromkeys(names))
    loaded = console.load_all((*names, READER), lambda name: console.load(name, device=device, offline=offline))
    reader = FaceReader(FaceDetector(device=device), loaded[names.index(READER) if READER in names else -1])
    with console.steps() as step:
        report = measure_folders(
            originals,
            protected,
            reader,
            loaded[: len(names)],
            others=others,
            whose=_whose(user_face, reader),
            robust=robust,
            progress=step,
        )
    drawn = picture if _draw(report, originals, protected, picture) else None
    verify_report.complain(report)
    if as_json:
        click.echo(json.dumps(verify_report.as_json(report, drawn), indent=1, allow_nan=False))
    else:
        verify_report.show(report, drawn)
    if report.unmeasured or drawn is None:
        context.exit(3)


def _whose(user_face: str, reader: FaceReader) -> WhoseFace | FaceSelector:
    from guise.chameleon.faces.selection import WhoseFace, select_reference
    from guise.models.files import read_photo

    if user_face in _WHO:
        return WhoseFace(user_face)
    faces = reader.read(read_photo(Path(user_face)).pixels, name=user_face)
    return select_reference(faces, threshold=reader.recogniser.record.threshold)


def _draw(report: Report, originals: Path, protected: Path, picture: Path) -> bool:
    """The photos that changed most to the eye, before and after; False where that cannot be written."""
    from guise.chameleon.protection.sheet import Pair, draw_pairs, face_crop
    from guise.cli.verify_report import change
    from guise.models.files import read_photo

    first, pairs = report.recognisers[0], []
    most_changed = sorted(enumerate(report.photos), key=lambda item: item[1].visibility.ssim)[:_MOST_SHOWN]
    for i, photo in most_changed:
        files = (folder / photo.photo for folder in (originals, protected))
        before, after = (face_crop(read_photo(file).pixels, photo.face.box) for file in files)
        alike = change(first.similarities[i], first.saved.similarities[i])
        pairs.append(Pair(before, after, f"similarity {alike}, SSIM {photo.visibility.ssim:.3f}"))
    try:
        draw_pairs(pairs, picture)
    except OutputError as error:
        console.message(str(error))
        return False
    return True
