"""Measure, on real networks, pictures that change for people and not for the model.

    python -m benchmarks.harmless_pictures --data ../shared/data --out results

It measures outputs, top-1, faces, and several models at once, all on levels 0 to 255, as a PNG keeps them. It writes
figures only, no face.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks import cifar_resnet, people
from benchmarks.harmless_speed import smooth_filters
from benchmarks.provenance import code_version, environment
from benchmarks.scenes import NAMES, scene
from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.faces.embedding import distances, embed
from guise.harmless import LoadedModel, Source, load, load_jointly, null_space
from guise.harmless.pictures.targets import parse
from guise.models import load_recogniser
from guise.models.files import read_photo
from guise.models.recognisers.record import ARCFACE_SIZE

Result = dict[str, Any]
Picture = np.ndarray

_PHOTOS, _FACES = 25, 30
_ONLOOKERS = ("dlib-resnet", "sface", "guise-mobilefacenet")
_IN_PLACE = Face(np.array([0.0, 0.0, ARCFACE_SIZE, ARCFACE_SIZE]), geometry.ARCFACE_TEMPLATE, 1.0)


def cifar_on_grey(data: Path, name: str, file: str) -> Result:
    """A trained CIFAR ResNet fed grey photos: two thirds of the pixels' dimensions carry colour, which it ignores."""
    photos, labels = (part[:_PHOTOS] for part in cifar_resnet.test_photos(data / "cifar10"))
    source = Source(
        f"benchmarks.cifar_resnet:{name}", str(data / "cifar10" / file), (3, 32, 32), preprocess="gray,imagenet"
    )
    loaded = load(source)
    with torch.no_grad():
        batch = torch.from_numpy(photos).permute(0, 3, 1, 2).float()
        accuracy = float((loaded.model(batch).argmax(1).numpy() == labels).mean())
    return {"accuracy_on_grey": accuracy, **_changed(loaded, photos)}


def patches(kind: str) -> Result:
    """A network of CLIP's shape, ViT-B/32, with white or smooth filters in its patch embedding."""
    loaded = load(Source("vit_b_32"))
    if kind == "smooth":
        loaded.model.get_submodule("network.conv_proj").load_state_dict({"weight": smooth_filters()}, strict=False)
    return _changed(loaded, [scene(name, 224) for name in NAMES])


def jointly() -> Result:
    """Two models that read the same photo: what both ignore."""
    return _changed(load_jointly([Source("vit_b_32"), Source("vit_l_32")]), [scene(name, 224) for name in NAMES])


def faces(data: Path) -> Result:
    """Faces for guise-vit, noise put where it does not look: its own cosine, and what other recognisers make of it."""
    loaded, chosen = load(Source("guise-vit")), _aligned_faces(data / "lfw")
    measured = _changed(loaded, chosen, keep=True)
    copies = measured.pop("copies")
    detector = FaceDetector()
    measured["faces_still_found_by_mtcnn"] = sum(bool(detector.detect(copy)) for copy in copies)
    for name in ("guise-vit", *_ONLOOKERS):
        recogniser = load_recogniser(name)
        before, after = (
            embed([(picture, _IN_PLACE) for picture in pictures], recogniser) for pictures in (chosen, copies)
        )
        apart = distances(before, after, metric=recogniser.record.metric).diagonal()
        measured[f"taken for the same person by {name}"] = int((apart < recogniser.record.threshold).sum())
    return measured


def _changed(loaded: LoadedModel, photos: Sequence[Picture], *, keep: bool = False) -> Result:
    """Copies of photos with noise in their null part, certified."""
    space, (_, height, width) = null_space(loaded), loaded.input_shape
    filled = [
        space.fill(photo, parse("noise")(height, width, seed), exact_uint8=True) for seed, photo in enumerate(photos)
    ]
    certificates = [certificate for _, certificate in filled]
    singles = [certificate.changes["float32"] for certificate in certificates]
    return {
        "photos": len(filled),
        "null_share": space.nullity / space.n,
        "layer_change": _spread([change.layer for change in singles]),
        "output_change": _spread([change.output for change in singles]),
        "least_cosine": min(change.cosine for change in singles if change.cosine is not None),
        **({} if singles[0].top1 is None else {"same_top1": sum(bool(change.top1) for change in singles)}),
        "ssim_to_original": float(np.mean([certificate.to_original.ssim for certificate in certificates])),
        **({"copies": [copy for copy, _ in filled]} if keep else {}),
    }


def _spread(values: Sequence[float | None]) -> Result:
    known = [value for value in values if value is not None]
    return {"median": float(np.median(known)), "largest": max(known)}


def _aligned_faces(folder: Path) -> list[Picture]:
    """One face each of so many people, as an ArcFace-type network takes it."""
    detector, crops = FaceDetector(), []
    for path in people.strangers(folder, count=2 * _FACES, seed=0):
        pixels = read_photo(path).pixels
        seen = detector.detect(pixels)
        if seen and len(crops) < _FACES:
            crop = geometry.crop(pixels, seen[0].to_template(geometry.ARCFACE_TEMPLATE), size=ARCFACE_SIZE)
            crops.append((255 * crop).round().byte().permute(1, 2, 0).numpy())
    return crops


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True)
def main(data: Path, out: Path) -> None:
    cases: dict[str, Callable[[], Result]] = {
        "ResNet-20 on grey CIFAR-10": lambda: cifar_on_grey(data, "resnet20", "resnet20-12fca82f.th"),
        "ViT-B/32, white filters": lambda: patches("white"),
        "ViT-B/32, smooth filters": lambda: patches("smooth"),
        "ViT-B/32 and ViT-L/32 jointly": jointly,
        "faces for guise-vit": lambda: faces(data),
    }
    command = f"python -m benchmarks.harmless_pictures --data {data}"
    results: Result = {"command": command, **code_version(), "environment": environment()}
    for name, measure in cases.items():
        results[name] = measure()
        click.echo(json.dumps({name: results[name]}, indent=1))
    out.mkdir(parents=True, exist_ok=True)
    (out / "harmless_pictures.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
