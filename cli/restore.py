"""`guise restore`: take the mask off, with the key."""

from __future__ import annotations

import json
from pathlib import Path

import click

from guise.cli import console


@click.command()
@click.argument("protected", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the restored copies go.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def restore(context: click.Context, protected: Path, key_file: Path, out: Path, device: str, as_json: bool) -> None:
    """Write copies of the photos in PROTECTED without the mask.

    Exact to the bit for files of lossless formats that are as `protect` wrote them; near the original for JPEG, for
    lossy WebP and for photos that were changed on their way.
    """
    console.warn_quietly()
    from guise.chameleon.faces.detection import FaceDetector
    from guise.chameleon.mask.key import load_key
    from guise.chameleon.restoration.folder import restore_folder
    from guise.models.devices import best_device
    from guise.models.files import check_output_folder, check_writable, list_photos, only_one, remove_stale

    key = load_key(key_file)
    listing = list_photos(protected)
    check_output_folder(protected, out)
    check_writable(out)
    context.with_resource(only_one(out, remedy="name another --out"))
    remove_stale(out)
    detector = FaceDetector(device=best_device(device))
    with console.steps() as step:
        rows = []
        for done, row in enumerate(restore_folder(protected, listing.photos, key_file, key.mask, detector, out=out), 1):
            rows.append(row)
            step("restoring", done, len(listing.photos))
    if as_json:
        click.echo(json.dumps({"out": str(out), "photos": rows}, indent=1))
    else:
        console.table(rows)
        click.echo(f"\n{sum(row['status'] == 'exact' for row in rows)} of {len(rows)} photos restored exactly")
    restored = sum(row["status"] in ("exact", "near") for row in rows)
    if restored < len(rows):
        context.exit(3 if restored else 1)
