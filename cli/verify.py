"""`guise verify`: how well recognisers still match protected photos, measured on the saved files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.models.recognisers.registry import READER

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


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
@click.option("--robust", is_flag=True, help="Measure also after JPEG, resizing, WebP and blur.")
@click.option(
    "--user-face",
    metavar="PHOTO|recurring|largest",
    default="recurring",
    show_default=True,
    help="Whose faces count: the person who is alone on PHOTO, the person in most photos, or the largest face of each "
    "photo.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the before/after picture goes (PNG), with the page of the report next to it. "
    "[default: PROTECTED-before-after.png]",
)
@click.option("--device", default="auto", show_default=True, help="Where to compute: cpu, cuda, ...")
@click.option("--offline", is_flag=True, help="Open no connection.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def verify(
    context: click.Context,
    /,
    originals: Path,
    protected: Path,
    names: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how well recognisers still match the photos in PROTECTED with those in ORIGINALS.

    Photos are paired by their path, and faces are found anew in the saved files. The result is fair only for photos
    from which the mask was not learnt, and for recognisers against which it was not learnt. dlib-resnet took part in
    learning, unless `protect --recogniser` said otherwise. Name other recognisers with --recogniser NAME or file:PATH.
    """
    console.warn_quietly()
    from guise import chameleon
    from guise.cli import verify_report

    with console.steps() as step:
        report = chameleon.verify(
            originals, protected, recognisers=names or None, **options, progress=step, announce=console.message
        )
    verify_report.complain(report)
    if as_json:
        console.show_json(report.to_json())
    else:
        verify_report.show(report)
    if report.unmeasured or report.picture is None or report.page is None:
        context.exit(3)
