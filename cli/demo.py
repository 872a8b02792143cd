"""`guise demo`: the main job on a portrait that comes with scikit-image."""

from __future__ import annotations

from pathlib import Path

import click

from guise.cli import console


@click.command()
@click.argument("folder", default="guise-demo", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def demo(context: click.Context, folder: Path) -> None:
    """Make FOLDER/photos out of a public-domain portrait and run `protect` on it."""
    console.warn_quietly()
    from guise.chameleon.demo import make_photos
    from guise.cli.protect import protect

    photos = folder / "photos"
    made = make_photos(photos)
    console.message(f"{made} photos in {photos}, varied from one public-domain portrait (E. Collins, NASA).")
    console.message(f"$ protect --user-photos {photos}")
    context.invoke(protect, folder=photos)
