"""Draw the packaged portrait at each strength as docs/strengths.png, and write its figures as docs/strengths.json.

    python -m benchmarks.strengths

Each strength is what `protect --key KEY --strength` gives: one mask is learnt on the demo's photos, fitted to the photo
within that budget, written as JPEG and read again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import click
from PIL import Image

from benchmarks.provenance import code_version, environment
from guise import chameleon
from guise.chameleon import demo
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.protection.sheet import draw_sheet, face_crop
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.files import read_photo
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
        large, original = Path("photo-01.jpg"), Path("original.jpg")
        shown = folder / "shown"  # the original is shown only: no mask is learnt on it
        shown.mkdir()
        shutil.copy(photos / large, shown)
        Image.fromarray(demo.portrait()).save(shown / original, quality=97)
        versions = {path: [read_photo(shown / path).pixels] for path in (original, large)}
        boxes, captions, results = {}, {path: [] for path in versions}, []
        key = chameleon.learn(photos, key=folder / "user.guise-key", recognisers=team, reader=reader)
        for strength in STRENGTHS:
            report = chameleon.protect(
                shown, key, out=folder / strength, strength=strength, recognisers=team, reader=reader
            )
            for result in report.photos:
                path, face = Path(result.photo), result.faces[0]
                boxes[path] = face.box
                versions[path].append(read_photo(report.out / path).pixels)
                captions[path].append(f"{strength}: SSIM {face.visibility.ssim:.3f}, FLIP {face.visibility.flip:.3f}")
                results.append(
                    {
                        "strength": strength,
                        "photo": result.photo,
                        "ssim": face.visibility.ssim,
                        "flip": face.visibility.flip,
                        "fleck": face.visibility.fleck,
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


if __name__ == "__main__":
    main()
