"""Measure a recogniser's mean embedding over people at large, and write it to models/populations/NAME.json.

    python scripts/measure_population.py FACES --recogniser dlib-resnet --people 1000

FACES holds one folder a person, as LFW does. People with a single photo count, so that nobody on whom masks are
scored has a part in it. The mean says where a recogniser puts faces in general; it describes nobody.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from chameleon.faces import FaceDetector
from chameleon.protection import FaceReader
from models import load_recogniser
from models.files import read_photo


@click.command()
@click.argument("faces", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--recogniser", required=True)
@click.option("--people", default=1000, show_default=True)
def main(faces: Path, recogniser: str, people: int) -> None:
    reader = FaceReader(FaceDetector(), load_recogniser(recogniser))
    folders = sorted(folder for folder in faces.iterdir() if folder.is_dir() and len(list(folder.iterdir())) == 1)
    step = max(1, len(folders) // people)
    embeddings = []
    for folder in folders[::step][:people]:
        pixels = read_photo(min(folder.iterdir())).pixels
        found = reader.detector.detect(pixels)
        if found:
            embeddings.append(reader.embed([(pixels, found[0])])[0])
    mean = np.mean(embeddings, axis=0)
    folder = Path(__file__).parents[1] / "models" / "populations"
    record = {"recogniser": recogniser, "people": len(embeddings), "mean": [round(float(v), 6) for v in mean]}
    (folder / f"{recogniser}.json").write_text(json.dumps(record, indent=1) + "\n")
    click.echo(f"{recogniser}: mean of {len(embeddings)} people", err=True)


if __name__ == "__main__":
    main()
