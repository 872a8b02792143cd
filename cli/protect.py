"""`protect`: learn (or load) a user's mask and write protected copies of a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.models.errors import GuiseError
from guise.models.recognisers import registry

if TYPE_CHECKING:
    from guise.chameleon import PhotoResult

_PHOTOS = click.Path(exists=True, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--user-photos", "folder", type=_PHOTOS, required=True, help="Your photos and videos: a folder, or one file."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where the copies go. [default: DIR-protected]")
@click.option("--key", "key_file", type=_FILE, help="Your key; it is made if it is missing. [default: DIR.guise-key]")
@click.option(
    "--user-face",
    metavar="PHOTO|recurring|largest|all",
    help="Whose faces get the mask: the person who is alone on PHOTO, the person in most photos, the largest face of "
    "each photo, or all faces. [default: the key's user, else recurring]",
)
@click.option(
    "--strength",
    type=click.Choice(["low", "mid", "high"]),
    help="How visible the mask may be where a screen shows the whole photo, on all that it changes: SSIM at least .97, "
    ".95, .92; FLIP at most .06, .09, .12; flecks of colour at most 2, 3, 4. [default: mid]",
)
@click.option(
    "--lpips",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MAX",
    help="The largest LPIPS of each face, such as .05. Run `guise models fetch lpips-squeeze` first.",
)
@click.option(
    "--recogniser",
    "recognisers",
    multiple=True,
    help="Learn against this recogniser (repeatable): a name of `guise models list`, or file:PATH. "
    f"[default: {', '.join(registry.TEAM)}]",
)
@click.option(
    "--team",
    type=click.Choice(["default", "wide"]),
    help="Instead of --recogniser: wide is the default team and, as far as they are here, recognisers of other kinds "
    "(`guise models team` shows it). It takes longer. [default: default]",
)
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    help="Steps in which the mask is fitted to each photo. 0 puts the same mask on all photos: quick, and it protects "
    "much less. [default: 40]",
)
@click.option(
    "--patience",
    type=click.IntRange(0, 10),
    help="How often a photo that a recogniser still links to you is fitted again, each time in as many steps. "
    "[default: 1]",
)
@click.option(
    "--preset",
    type=click.Choice(["guise", "paper"]),
    help="How to learn: our procedure, or the published one, which has a budget of its own. [default: guise]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of every random choice in learning. [default: 0]")
@click.option("--device", default="auto", show_default=True, help="Where to compute: cpu, cuda, ...")
@click.option("--keep-metadata", is_flag=True, help="Keep EXIF, GPS position included, in the copies.")
@click.option("--offline", is_flag=True, help="Open no connection.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def protect(
    context: click.Context,
    /,
    folder: Path,
    key_file: Path | None,
    recognisers: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write copies of your photos that look nearly the same and are harder for face recognition to link to you.

    The first run learns one mask for you and keeps it in a private key file. Later runs with the same key need no
    learning. Each run fits the mask to each photo, which takes some four seconds. Videos keep their sound. Your
    originals are never changed. If a run is interrupted, run the same command again.
    """
    console.warn_quietly()
    from guise import chameleon
    from guise.cli import protect_report

    options["recognisers"] = recognisers or None
    with console.steps() as step:
        if dry_run:
            for name in ("strength", "lpips", "refine", "patience", "keep_metadata"):
                del options[name]
            plan = chameleon.plan(folder, key_file, **options, progress=step, announce=console.message)
        else:
            results: list[PhotoResult] = []
            try:
                report = chameleon.protect(
                    folder, key_file, **options, on_photo=results.append, progress=step, announce=console.message
                )
            except (GuiseError, KeyboardInterrupt):
                if results and not as_json:  # what is finished counts even if the rest is not
                    protect_report.show_photos(results)
                raise
    if dry_run:
        protect_report.show_plan(plan, as_json=as_json)
        context.exit(3 if plan.failures else 0)
    if as_json:
        console.show_json(report.to_json())
    else:
        protect_report.show(report)
    if len(report.protected) < len(report.photos) or report.picture is None or report.page is None:
        context.exit(3 if report.protected or report.protected_before else 1)
