"""Measure recognisers' mean embedding over many people, and write it to models/recognisers/populations/NAME.json.

    python scripts/measure_population.py FACES --recogniser dlib-resnet --recogniser sface --people 1000

FACES holds one folder for each person, as LFW does. Only people with a single photo count: masks are scored on others.
The mean says where a recogniser puts faces in general. It describes nobody.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import embed
from guise.models import load_recogniser
from guise.models.files import read_photo

POPULATIONS = Path(__file__).parents[1] / "models" / "recognisers" / "populations"


@click.command()
@click.argument("faces", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--recogniser", "names", required=True, multiple=True)
@click.option("--people", default=1000, show_default=True)
def main(faces: Path, names: tuple[str, ...], people: int) -> None:
    detector = FaceDetector()
    folders = sorted(folder for folder in faces.iterdir() if folder.is_dir() and len(list(folder.iterdir())) == 1)
    step = max(1, len(folders) // people)
    crops = []
    for folder in folders[::step][:people]:
        pixels = read_photo(min(folder.iterdir())).pixels
        faces_in_photo = detector.detect(pixels)
        if faces_in_photo:
            crops.append(FaceCrop.cut(pixels, faces_in_photo[0]))
    for name in names:
        recogniser = load_recogniser(name)
        rows = np.stack([embed([(crop.pixels, crop.face)], recogniser)[0] for crop in crops])
        if recogniser.record.metric == "cosine":  # it compares at unit length
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        mean = [round(float(value), 6) for value in np.mean(rows, axis=0)]
        record = {"recogniser": name, "people": len(rows), "mean": mean}
        (POPULATIONS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        click.echo(f"{name}: mean of {len(rows)} people", err=True)


if __name__ == "__main__":
    main()
