"""One user, from photos to judges' verdicts: what `protect` does, on files in a temporary folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np

from benchmarks import scoring
from benchmarks.judges import Judge
from benchmarks.people import User
from chameleon import batch, keymaking, survey
from chameleon.key import Key, load_key, save_key
from chameleon.learning import LearningSettings
from chameleon.perception.budget import STRENGTHS
from chameleon.protection import FaceReader
from chameleon.refinement import RefinementSettings, Refiner
from models import Recogniser
from models.files import settings_hash

AS_LEARNT = "as-learnt"
"""In place of a strength: the mask is put on as learnt, whatever is seen of it."""

Preset = Literal["guise", "paper"]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        surrogates: to learn against, together.
        preset: how to learn.
        steps: updates of the mask.
        refine: updates of each photo's; none with the preset paper.
        learn_at: strength to learn for, "" for the one at which it is applied.
        seed: of the choice of people and of learning.
        judges: by name, each with the strangers as it sees them.
    """

    surrogates: Sequence[Recogniser]
    preset: Preset
    steps: int
    refine: int
    learn_at: str
    seed: int
    judges: dict[str, tuple[Judge, np.ndarray]]

    @property
    def label(self) -> str:
        """The way of learning, as the tables call it."""
        names = " + ".join(surrogate.record.name for surrogate in self.surrogates)
        how = "paper" if self.preset == "paper" else f"{self.steps} steps, refined in {self.refine}"
        return f"{names}, {how}" + (f", at {self.learn_at}" if self.learn_at else "")

    @property
    def digest(self) -> str:
        """Two plans that may give different numbers differ in it."""
        return settings_hash(
            {
                "surrogates": [[surrogate.record.name, surrogate.record.sha256] for surrogate in self.surrogates],
                "preset": self.preset,
                "steps": self.steps,
                "refine": self.refine,
                "learn_at": self.learn_at,
                "seed": self.seed,
                "judges": {name: len(strangers) for name, (_, strangers) in self.judges.items()},
            }
        )

    def learning(self, strength: str) -> keymaking.Learning:
        """How to learn for photos protected at `strength`."""
        settings = LearningSettings() if self.preset == "paper" else LearningSettings(steps=self.steps)
        strength = self.learn_at or strength
        return keymaking.Learning(self.surrogates, self.preset, strength, self.seed, settings)


class Session:
    """One user's photos in a temporary folder, and the keys learnt so far."""

    def __init__(self, user: User, folder: Path, plan: Plan, reader: FaceReader) -> None:
        user.copy_to(folder)
        self._folder, self._plan, self._reader = folder, plan, reader
        threshold = reader.recogniser.record.threshold
        self._found = self._survey("learn")
        self._chooser = survey.Chooser.from_survey(self._found, "recurring", threshold=threshold)
        picked = {photo: self._chooser.pick(faces) for photo, faces in self._survey("score").sightings.items()}
        self._photos = list(picked)
        self._boxes = {photo: faces[0].face.box for photo, faces in picked.items() if faces}
        self._clean = self._embeddings("score", self._boxes)
        self._keys: dict[str, tuple[Path, float]] = {}

    def _survey(self, name: str) -> survey.Survey:
        folder = self._folder / name
        return survey.find_faces(folder, sorted(path.relative_to(folder) for path in folder.iterdir()), self._reader)

    def _embeddings(self, name: str, boxes: scoring.Boxes) -> dict[str, list[np.ndarray | None]]:
        folder = self._folder / name
        return {name: scoring.embeddings(judge, folder, boxes) for name, (judge, _) in self._plan.judges.items()}

    def _key(self, strength: str, progress: Callable[[int, int], None]) -> tuple[Path, float]:
        """The key file for a strength, and the seconds that learning it took; learnt when first asked for."""
        how = self._plan.learning(strength)
        # The published procedure has a bound of its own, and makes one mask for all strengths.
        name = "paper" if how.preset == "paper" else how.strength
        if name not in self._keys:
            start = time.perf_counter()
            key = keymaking.learn_key(
                self._folder / "learn", self._found, self._chooser, how, progress=lambda _, *at: progress(*at)
            )
            seconds = time.perf_counter() - start
            file = self._folder / f"{name}.guise-key"
            save_key(key, file)
            self._keys[name] = file, seconds
        return self._keys[name]

    def measure(self, strength: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Protect the photos to score at `strength` and have the files judged."""
        key_file, learn_seconds = self._key(strength, progress)
        key = load_key(key_file)
        out = self._folder / f"protected-{strength}"
        start = time.perf_counter()
        results = self._protect(key, key_file, out, strength)
        apply_seconds = (time.perf_counter() - start) / len(results)
        written = {Path(result.photo) for result in results if result.status == "protected"}
        boxes = {photo: box for photo, box in self._boxes.items() if photo in written}
        seen = [face.visibility for result in results for face in result.faces]
        return {
            "ssim": fmean(visibility.ssim for visibility in seen) if seen else None,
            "flip": fmean(visibility.flip for visibility in seen) if seen else None,
            "unprotected": 1 - len(written) / len(results),
            "learn_seconds": learn_seconds,
            "apply_seconds": apply_seconds,
            "judges": self._verdicts(out.name, boxes),
        }

    def _protect(self, key: Key, key_file: Path, out: Path, strength: str) -> list[batch.PhotoResult]:
        plan, budget, refiner = self._plan, STRENGTHS.get(strength), None
        if plan.preset == "guise" and plan.refine and budget is not None:
            settings = RefinementSettings(steps=plan.refine)
            refiner = Refiner(key.mask, plan.surrogates, key.persons, budget=budget, settings=settings)
        job = batch.Job(
            folder=self._folder / "score", out=out, key=key, key_file=key_file, budget=budget, refiner=refiner
        )
        chooser = survey.Chooser("owner", key.owner)
        return list(batch.protect_folder(job, self._photos, chooser, self._reader))

    def _verdicts(self, out: str, boxes: scoring.Boxes) -> dict[str, Any]:
        protected = self._embeddings(out, boxes)
        surrogates = {surrogate.record.name for surrogate in self._plan.surrogates}
        verdicts = {}
        for name, (judge, strangers) in self._plan.judges.items():
            of_photo = dict(zip(self._boxes, self._clean[name], strict=True))
            clean = [of_photo[photo] for photo in boxes]
            verdicts[name] = {
                **scoring.judged(judge, clean, protected[name], strangers),
                "white_box": judge.kin in surrogates,
            }
        return verdicts
