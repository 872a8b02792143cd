"""`guise restore`: take the mask off, with the key."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from guise.cli import console
from guise.models.counting import counted


@click.command()
@click.argument("protected", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Your key.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the restored copies go.")
@click.option("--device", default="auto", show_default=True, help="Where to compute: cpu, cuda, ...")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def restore(context: click.Context, protected: Path, key_file: Path, out: Path, device: str, as_json: bool) -> None:
    """Write copies of the photos in PROTECTED without the mask.

    The copies equal the originals to the bit where the format is lossless and the file is as `protect` wrote it. For
    JPEG, lossy WebP and photos that were changed on their way, they come near the originals.
    """
    console.warn_quietly()
    from guise import chameleon

    with console.steps() as step:
        report = chameleon.restore(protected, key_file, out=out, device=device, progress=step)
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table([asdict(photo) for photo in report.photos])
        click.echo(f"\n{len(report.exact)} of {counted(len(report.photos), 'photo')} restored exactly")
    if len(report.restored) < len(report.photos):
        context.exit(3 if report.restored else 1)
