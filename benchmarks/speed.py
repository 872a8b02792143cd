"""Measure what users wait for: learning a mask, and protecting photos with a known key.

    python -m benchmarks.speed --out results/speed

The same run compares learning with the paper's procedure, written as a plain loop over images. The photos are made from
the packaged portrait, so that anyone can repeat it.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from benchmarks.provenance import code_version, environment
from benchmarks.timing import timed
from guise.chameleon import demo
from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import WhoseFace
from guise.chameleon.faces.survey import cut_faces, find_faces
from guise.chameleon.learning import key as keymaking
from guise.chameleon.learning import paper
from guise.chameleon.learning.crops import aligned
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.mask.key import Key
from guise.chameleon.mask.mask import add
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.log import manifest_file
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import Recogniser, load_recogniser
from guise.models.files import list_photos, read_photo


@dataclass(frozen=True)
class Setting:
    """What all measurements share."""

    reader: FaceReader
    faces: list[FaceCrop]
    key: Key


def plain_loop(faces: list[FaceCrop], recogniser: Recogniser, *, passes: int) -> float:
    """Seconds of the paper's procedure, one image after the other, both embeddings at each step as its text reads.

    Faces are aligned beforehand; the network is the same object, in single precision.
    """
    squares, window = aligned(faces, geometry.ARCFACE_TEMPLATE, size=paper.SIDE), _window()
    mask, weight = paper.STEP * (2 * torch.rand(1, 3, paper.SIDE, paper.SIDE) - 1), 1.0
    start = time.perf_counter()
    for index in range(passes):
        face = squares[index % len(squares), None]
        mask.requires_grad_(True)
        masked = (face + mask).clamp(0, 1)
        size = recogniser.record.input_size
        clean_input, masked_input = (F.interpolate(x, size=(size, size), mode="bilinear") for x in (face, masked))
        angle = paper.angle(recogniser(masked_input), recogniser(clean_input)).mean()
        dissimilarity = (1 - _ssim(face, masked, window)) / 2
        loss = weight * (dissimilarity - paper.DISSIMILARITY).clamp(min=0) - angle
        (gradient,) = torch.autograd.grad(loss, mask)
        mask = paper.update(mask.detach(), gradient)
        weight = paper.next_lambda(weight, dissimilarity.item())
    return time.perf_counter() - start


def _window() -> torch.Tensor:
    x = torch.arange(11) - 5.0
    bell = torch.exp(-(x**2) / (2 * 1.5**2))
    window = torch.outer(bell, bell)
    return (window / window.sum()).expand(3, 1, 11, 11)


def _ssim(a: torch.Tensor, b: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    mean_a, mean_b, aa, bb, ab = (F.conv2d(x, window, groups=3) for x in (a, b, a * a, b * b, a * b))
    luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    structure = (2 * (ab - mean_a * mean_b) + 9e-4) / (aa - mean_a**2 + bb - mean_b**2 + 9e-4)
    return (luminance * structure).mean()


def learning(setting: Setting, *, steps: int) -> dict[str, Any]:
    """Our learning and the plain loop, turn about, for the same number of image passes."""
    recogniser, faces = setting.reader.recogniser, setting.faces
    settings = LearningSettings(steps=steps)
    passes = steps * len(faces)

    def ours() -> float:
        start = time.perf_counter()
        learn_mask(faces, [recogniser], budget=STRENGTHS["mid"], settings=settings)
        return time.perf_counter() - start

    plain_loop(faces, recogniser, passes=24)  # warm caches
    rounds = [(ours(), plain_loop(faces, recogniser, passes=passes)) for _ in range(2)]
    a, b = np.median(rounds, axis=0)
    return {
        "photos": len(faces),
        "image_passes": passes,
        "ours_s": float(a),
        "plain_loop_s": float(b),
        "ratio": float(b / a),
        "rounds": rounds,
    }


def applying(setting: Setting, folder: Path, *, width: int, height: int) -> dict[str, Any]:
    """One photo with a known key: all of it from file to measured file, and the mask alone."""
    photos = folder / f"{width}x{height}"
    photos.mkdir()
    _photo(width, height).save(photos / "photo.jpg", quality=92)
    photo = read_photo(photos / "photo.jpg")
    faces = [face.face for face in setting.reader.read(photo.pixels, name="photo")]
    budget, mask = STRENGTHS["mid"], setting.key.mask
    placement = protect_photo(photo, faces, mask, budget=budget).placements[0]
    return {
        "width": width,
        "height": height,
        "face_px": int(faces[0].box[3] - faces[0].box[1]),
        "file_to_measured_file_s": _median(lambda: _protect_again(setting, photos, folder / "out")),
        "fit_and_add_s": _median(lambda: protect_photo(photo, faces, mask, budget=budget)),
        "add_s": _median(lambda: add(photo.pixels, mask.patch(placement, height=height, width=width))),
    }


def _photo(width: int, height: int) -> Image.Image:
    """A half-length photo: the head takes about a sixth of the height, as in most people's photos."""
    photo = Image.fromarray(demo.portrait())
    side = int(height * 0.9)
    photo = photo.resize((side, side), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (width, height), (120, 130, 140))
    canvas.paste(photo, ((width - side) // 2, height - side))
    return canvas


def _protect_again(setting: Setting, photos: Path, out: Path) -> None:
    for file in (*out.glob("*.jpg"), manifest_file(out.parent / "key")):
        file.unlink(missing_ok=True)
    job = Job(photos, out, setting.key, out.parent / "key", STRENGTHS["mid"])
    results = list(protect_folder(job, list_photos(photos).photos, setting.key.selector, setting.reader))
    assert [result.status for result in results] == ["protected"]


def memory(setting: Setting, folder: Path, *, photos: int) -> dict[str, Any]:
    """Peak resident memory over a folder of 1-megapixel photos."""
    many = folder / "many"
    many.mkdir()
    _photo(1154, 866).save(many / "0000.jpg", quality=92)
    for index in range(1, photos):
        (many / f"{index:04}.jpg").hardlink_to(many / "0000.jpg")
    start = time.perf_counter()
    survey = find_faces(many, list_photos(many).photos, setting.reader)
    job = Job(many, folder / "many-out", setting.key, folder / "many-key", STRENGTHS["mid"])
    done = list(protect_folder(job, list_photos(many).photos, setting.key.selector, setting.reader, survey=survey))
    return {
        "photos": len(done),
        "seconds": time.perf_counter() - start,
        "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _median(run: Callable[[], object], *, rounds: int = 7) -> float:
    return float(np.median(timed(run, rounds=rounds)))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/speed"), show_default=True)
@click.option("--steps", default=LearningSettings().steps, show_default=True)
@click.option("--photos", default=500, show_default=True, help="In the folder over which memory is measured.")
def main(out: Path, steps: int, photos: int) -> None:
    reader = FaceReader(FaceDetector(), load_recogniser("dlib-resnet"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo.make_photos(folder / "demo")
        survey = find_faces(folder / "demo", list_photos(folder / "demo").photos, reader)
        selector = survey.selector(WhoseFace.RECURRING, threshold=reader.recogniser.record.threshold)
        faces = cut_faces(folder / "demo", survey, selector)
        how = keymaking.Learning([reader.recogniser], settings=LearningSettings(steps=60))
        setting = Setting(reader, faces, keymaking.learn_key(folder / "demo", survey, selector, how))
        results: dict[str, Any] = {"command": f"python -m benchmarks.speed --steps {steps} --photos {photos}"}
        results |= {**code_version(), "environment": environment()}
        for part, measure in (
            ("1 megapixel", lambda: applying(setting, folder, width=1154, height=866)),
            ("12 megapixels", lambda: applying(setting, folder, width=4000, height=3000)),
            ("learning", lambda: learning(setting, steps=steps)),
            ("memory", lambda: memory(setting, folder, photos=photos)),
        ):
            results[part] = measure()
            click.echo(json.dumps(results[part], indent=1))
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
