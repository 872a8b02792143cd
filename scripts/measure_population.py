"""Measure recognisers' mean embedding over people at large, and write each to models/populations/NAME.json.

    python scripts/measure_population.py FACES --recogniser dlib-resnet --recogniser sface --people 1000

FACES holds one folder a person, as LFW does. People with a single photo count, so that nobody on whom masks are
scored has a part in it. The mean says where a recogniser puts faces in general; it describes nobody.
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
        detected = detector.detect(pixels)
        if detected:
            crops.append(FaceCrop.cut(pixels, detected[0]))
    for name in names:
        recogniser = load_recogniser(name)
        rows = np.stack([embed([(crop.pixels, crop.face)], recogniser)[0] for crop in crops])
        if recogniser.record.metric == "cosine":  # it compares at unit length
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        mean = [round(float(value), 6) for value in np.mean(rows, axis=0)]
        record = {"recogniser": name, "people": len(rows), "mean": mean}
        folder = Path(__file__).parents[1] / "models" / "populations"
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        click.echo(f"{name}: mean of {len(rows)} people", err=True)


if __name__ == "__main__":
    main()
