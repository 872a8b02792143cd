"""Make a small colour dataset for private synthesis: faces of LFW with two classes, as npz.

    python -m benchmarks.synthesis.lfw_gender ../shared/data/lfw ../shared/data/lfw-gender lfw-gender.npz
    guise dpaf train --data lfw-gender.npz --epsilon 10 --out runs/lfw-gender

The labels come from AFIF4's lists of file names. No person is both in the training set and in the test set. One photo
is protected, not one person: LFW has up to 60 photos of some people.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image

from guise.models.files import atomic_write

_TEST = 1500
_FACE = (60, 60, 190, 190)  # in the deep-funneled photos of 250 pixels
_LISTS = ("female_names.txt", "male_names.txt")


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("lists", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--size", default=32, show_default=True, help="Height and width in pixels.")
def main(photos: Path, lists: Path, out: Path, size: int) -> None:
    files = {path.name: path for path in photos.rglob("*.jpg")}
    named = [
        (files[line], label)
        for label, name in enumerate(_LISTS)
        for line in (lists / name).read_text().split()
        if line in files
    ]
    people = sorted({path.parent.name for path, _ in named})
    order = np.random.default_rng(0).permutation(len(people))
    is_test, tested = np.zeros(len(named), bool), 0
    of = np.array([path.parent.name for path, _ in named])
    for person in (people[at] for at in order):
        if tested >= _TEST:
            break
        is_test |= of == person
        tested = int(is_test.sum())
    images = [np.asarray(Image.open(path).convert("RGB").crop(_FACE).resize((size, size))) for path, _ in named]
    labels = np.array([label for _, label in named])
    with atomic_write(out) as file:
        np.savez_compressed(file, images=np.stack(images), labels=labels, is_test=is_test)
    click.echo(f"{(~is_test).sum()} to train on, {tested} to test with; {labels.mean():.0%} of class 1")


if __name__ == "__main__":
    main()
