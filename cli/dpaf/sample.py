"""`guise dpaf sample`: synthetic images from a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from guise.cli import console
from guise.cli.dpaf import SEED, warn_if
from guise.models.errors import InputError


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1), required=True, help="Images to draw.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder for PNG files, or FILE.npz.")
@click.option("--class", "label", help="Name of the one class to draw. [default: all]")
@click.option("--equal", is_flag=True, help="As many images of each class. [default: as many as in the private data]")
@click.option("--seed", type=SEED, help="Draw the same images again.")
def sample(run: Path, count: int, out: Path, label: str | None, equal: bool, seed: int | None) -> None:
    """Draw synthetic images from RUN. It costs no privacy, however many they are."""
    import numpy as np

    from guise.dpaf.synthesis import synthesise
    from guise.dpaf.training.run_folder import RunFolder
    from guise.dpaf.training.trainer import trained_state
    from guise.models.files import atomic_write, check_writable, printable

    folder = RunFolder(run)
    settings = folder.settings()
    classes = settings.classes
    if label is not None and label not in classes:
        raise InputError(f"no class {printable(label)} in this run: choose one of {', '.join(map(printable, classes))}")
    if out.exists() and (not out.is_dir() or out.suffix == ".npz" or any(out.iterdir())):
        raise InputError(f"{printable(out)} exists already: choose another name")
    check_writable(out.parent)
    chosen = None if label is None else classes.index(label)
    if equal and chosen is not None:
        raise InputError("--class draws one class, and --equal as many of each: give one of them")
    with console.steps() as step:
        progress = partial(step, "drawing")
        found = synthesise(trained_state(folder), count, label=chosen, equal=equal, seed=seed, progress=progress)
    if out.suffix == ".npz":
        with atomic_write(out) as file:
            np.savez_compressed(file, images=found.images, labels=found.labels)
    else:
        folders = _folders(classes)
        for place, (image, which) in enumerate(zip(found.images, found.labels, strict=True)):
            console.save_picture(image, out / folders[which] / f"{place:06d}.png")
    shown = "" if found.accepted is None else f"; {found.accepted:.0%} of the first draws showed their class"
    console.message(f"{count} images in {printable(out)}{shown}")
    warn_if(seeded=settings.reproducible)


def _folders(classes: tuple[str, ...]) -> list[str]:
    """A folder's name for each class, no two alike."""
    plain = ["".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in name) for name in classes]
    if len({name.casefold() for name in plain}) == len(plain) and all(plain):
        return plain
    return [f"{place} {name}".strip() for place, name in enumerate(plain)]
