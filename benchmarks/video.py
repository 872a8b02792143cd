"""Measure how fast a video is protected, and what is left of the mask at several qualities.

    python -m benchmarks.video --key holiday.guise-key --video clip.mp4 --qualities 14,18,23,28 --out results

Times are of the processor, all threads together, so that they hold on a busy machine too: on two idle cores it is at
least as fast. Each quality is written, opened again, and measured on pictures evenly spread, as `protect` does.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import torch

from benchmarks.provenance import code_version, environment
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import load_key
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.patience import PATIENCE
from guise.chameleon.videos.fitting import fit_masks
from guise.chameleon.videos.measuring import Measured, measure_video
from guise.chameleon.videos.plan import changes_of
from guise.chameleon.videos.protect import track_faces
from guise.chameleon.visibility.budget import budget_of
from guise.models import load_recogniser
from guise.models.files import atomic_write
from guise.models.files.videos.encoders import compression_of
from guise.models.files.videos.video import read_video
from guise.models.files.videos.writing import write_video


@click.command()
@click.option("--key", "key_file", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--video", "clip", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--qualities", default="18", show_default=True, help="CRF of the encoder, parted by commas.")
@click.option("--refine", default=RefinementSettings().steps, show_default=True, help="As of `protect`.")
@click.option("--patience", default=PATIENCE, show_default=True, help="As of `protect`.")
@click.option("--strength", default="mid", show_default=True, help="As of `protect`.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for copies and video.json.")
def main(key_file: Path, clip: Path, qualities: str, refine: int, patience: int, strength: str, out: Path) -> None:
    torch.set_num_threads(1)
    key, video = load_key(key_file), read_video(clip)
    team = [load_recogniser(name) for name in key.provenance.recognisers]
    reader = FaceReader(FaceDetector(), team[0])
    enrolment, budget = Enrolment(reader, key.selector, team, key.templates), budget_of(strength)
    settings = RefinementSettings(steps=refine)
    refiner = Refiner(key.mask, team, key.templates, budget=budget, settings=settings) if refine else None
    job = Job(clip.parent, out, key, key_file, budget, refiner=refiner, patience=patience)

    seconds: dict[str, float] = {}
    started = time.process_time()

    def lap(what: str) -> None:
        nonlocal started
        now = time.process_time()
        seconds[what], started = now - started, now

    tracked = track_faces(video, enrolment)
    lap("follow")
    fitting = fit_masks(job, video, tracked, enrolment)
    lap("fit")
    width, height = video.size
    compression = compression_of(video.codec, video.pixel_format, video.kind)
    results = []
    for quality in qualities.split(","):
        encoder = replace(compression.encoder, options={**compression.encoder.options, "crf": quality})
        copy = out / f"crf-{quality}{clip.suffix}"
        changes = changes_of(fitting.plans, tracked.times, height=height, width=width)
        write_video(copy, video, changes, compression=replace(compression, encoder=encoder))
        lap("write")
        measured = measure_video(
            Path(clip.name), video, read_video(copy), tracked, enrolment, masked=len(tracked.masked), lpips=None
        )
        lap("measure")
        results.append({"crf": quality, "bytes": copy.stat().st_size / video.bytes, **_means(measured)})
    how = f"--refine {refine} --patience {patience} --strength {strength}"
    each = {what: spent / tracked.frames for what, spent in seconds.items()}
    text = json.dumps(
        {
            "command": f"python -m benchmarks.video --qualities {qualities} {how}",
            **code_version(),
            **environment(),
            "size": video.size,
            "frames": tracked.frames,
            "masked": len(tracked.masked),
            "processor_seconds_a_picture": each,
            "pictures_a_processor_second": 1 / sum(each.values()),
            "qualities": results,
        },
        indent=1,
    )
    with atomic_write(out / "video.json") as file:
        file.write(text.encode())
    click.echo(text)


def _means(measured: Measured) -> dict[str, Any]:
    """Over the pictures that were measured."""
    links = [link for face in measured.every for link in face.links]
    similarity = {}
    for name in dict.fromkeys(link.recogniser for link in links):
        its = [link for link in links if link.recogniser == name]
        after = [link.similarity_after for link in its if link.similarity_after is not None]
        similarity[name] = [fmean(link.similarity_before for link in its), fmean(after) if after else None]
    return {
        "ssim": fmean(face.visibility.ssim for face in measured.every),
        "flip": fmean(face.visibility.flip for face in measured.every),
        "similarity": similarity,
        "linked": measured.summary.linked,
    }


if __name__ == "__main__":
    main()
