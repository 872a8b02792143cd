"""Draw the packaged portrait at each strength as docs/strengths.png, and write its figures as docs/strengths.json.

    python -m benchmarks.strengths

Each strength is what `protect --strength` gives on the demo's photos: the mask is learnt for that budget, fitted to the
photo, written as JPEG and read again.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import click
from PIL import Image

from benchmarks.report import code_version, environment
from guise.chameleon import demo
from guise.chameleon.faces import survey
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.template import Sighting
from guise.chameleon.learning import key as keymaking
from guise.chameleon.learning.refine import Refiner
from guise.chameleon.protection import folder as batch
from guise.chameleon.protection.sheet import draw_sheet, face_crop
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.files import list_photos, read_photo
from guise.models.recognisers.registry import TEAM


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs"), show_default=True)
def main(out: Path) -> None:
    team = [load_recogniser(name) for name in TEAM]
    reader = FaceReader(FaceDetector(), team[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = folder / "photos"
        demo.make_photos(photos)
        Image.fromarray(demo.portrait()).save(photos / "original.jpg", quality=97)
        listing = list_photos(photos).photos
        found = survey.find_faces(photos, listing, reader)
        chooser = survey.Chooser.from_survey(found, "recurring", threshold=reader.recogniser.record.threshold)
        large, shown = Path("photo-01.jpg"), Path("original.jpg")
        versions = {path: [read_photo(photos / path).pixels] for path in (shown, large)}
        boxes, captions, results = {}, {path: [] for path in versions}, []
        for strength, budget in STRENGTHS.items():
            how = keymaking.Learning(team, strength=strength)
            key = keymaking.learn_key(photos, replace(found, sightings=_learnt_from(found)), chooser, how)
            refiner = Refiner(key.mask, team, key.persons, budget=budget)
            job = batch.Job(photos, folder / strength, key, folder / f"key-{strength}", budget, refiner=refiner)
            for result in batch.protect_folder(job, list(versions), chooser, reader, found=found):
                path, face = Path(result.photo), result.faces[0]
                boxes[path] = face.box
                versions[path].append(read_photo(job.out / path).pixels)
                captions[path].append(f"{strength}: SSIM {face.visibility.ssim:.3f}, FLIP {face.visibility.flip:.3f}")
                results.append(
                    {
                        "strength": strength,
                        "photo": result.photo,
                        "ssim": face.visibility.ssim,
                        "flip": face.visibility.flip,
                        "flip_peak": face.visibility.peak,
                        "similarity_before": face.similarity_before,
                        "similarity_after": face.similarity_after,
                    }
                )
    rows = [
        ([face_crop(pixels, boxes[path]) for pixels in versions[path]], "   ".join(captions[path])) for path in versions
    ]
    draw_sheet(("original", *STRENGTHS), rows, out / "strengths.png")
    record = {"command": "python -m benchmarks.strengths", **code_version(), "environment": environment()}
    record["photos"] = results
    (out / "strengths.json").write_text(json.dumps(record, indent=1) + "\n")


def _learnt_from(found: survey.Survey) -> dict[Path, list[Sighting]]:
    """The demo's photos; the original that is shown takes no part."""
    return {path: faces for path, faces in found.sightings.items() if path.name.startswith("photo-")}


if __name__ == "__main__":
    main()
