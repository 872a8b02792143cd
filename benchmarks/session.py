"""All that one user goes through, from photos to the judges' figures. Files lie in a temporary folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
import torch

from benchmarks import attacks, opom, scoring
from benchmarks.judges import Judge
from benchmarks.lpips_distance import lpips_distance
from benchmarks.people import User
from benchmarks.report import SAVED
from guise import chameleon
from guise.chameleon.evaluation.pairs import psnr
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import WhoseFace
from guise.chameleon.faces.survey import Survey, cut_faces, find_faces
from guise.chameleon.learning.key import Learning, provenance
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.mask.key import Key, load_key, save_key
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.transforms import TRANSFORMS
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import Recogniser
from guise.models.files import list_photos, read_photo, settings_hash

AS_LEARNT = "as-learnt"
"""In place of a strength: the mask is put on as learnt, whatever is seen of it."""
CAPTURED = 8
"""Protected photos of the user that opponents hold; none of them is scored."""

Method = Literal["ours", "mask", "paper", "opom", "none"]
"""What `protect` does; the user's mask alone, on all photos; the published procedure; OPOM with the class centre;
no mask, to tell what processing alone does to recognition."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        surrogates: to learn against, together.
        method: how masks are made.
        steps: updates of the user's mask, where it is ours.
        refine: updates of each photo's, with the method "ours".
        learn_at: strength to learn for, "" for the one at which it is applied.
        seed: of the choice of people and of learning.
        judges: by name, each with the strangers as it sees them.
        users: the people to protect, by a digest of their photos' names.
        robust: judge also what software on the way makes of the photos.
        attack: judge also what opponents make of them.
        without: part of our procedure to do without, of `benchmarks.ablation`.
    """

    surrogates: Sequence[Recogniser]
    method: Method
    steps: int
    refine: int
    learn_at: str
    seed: int
    judges: dict[str, tuple[Judge, np.ndarray]]
    users: str
    robust: bool = False
    attack: bool = False
    without: str = ""

    @property
    def label(self) -> str:
        """The way of learning, as the tables call it."""
        if self.method == "none":
            return "no mask"
        names = " + ".join(surrogate.record.name for surrogate in self.surrogates)
        steps = {"ours": f"ours, {self.steps} steps + {self.refine} a photo", "mask": f"mask alone, {self.steps} steps"}
        how = steps.get(self.method, self.method)
        how += f", without {self.without}" if self.without else ""
        return f"{how}: {names}" + (f", at {self.learn_at}" if self.learn_at else "")

    @property
    def digest(self) -> str:
        """Two plans that may give different numbers with the same code differ in it; lines name their code.

        Threads decide on how sums are rounded, which some users' masks turn on.
        """
        return settings_hash(
            {
                "surrogates": [[surrogate.record.name, surrogate.record.sha256] for surrogate in self.surrogates],
                "method": self.method,
                "steps": self.steps,
                "refine": self.refine,
                "learn_at": self.learn_at,
                "seed": self.seed,
                "threads": torch.get_num_threads(),
                "users": self.users,
                "judges": {name: [judge.weights, len(seen)] for name, (judge, seen) in self.judges.items()},
                "versions": [self.robust, self.attack],
                "without": self.without,
            }
        )

    def learning(self, strength: str) -> Learning:
        """How to learn for photos protected at `strength`."""
        preset: Literal["guise", "paper"] = "paper" if self.method in ("paper", "opom") else "guise"
        settings = LearningSettings(steps=self.steps)
        return Learning(self.surrogates, preset, self.learn_at or strength, self.seed, settings)


class Session:
    """One user's photos in a temporary folder, and the keys learnt so far."""

    def __init__(self, user: User, folder: Path, plan: Plan, reader: FaceReader) -> None:
        user.copy_to(folder)
        self._folder, self._plan, self._reader = folder, plan, reader
        threshold = reader.recogniser.record.threshold
        self._learnt_on = self._survey("learn")
        self._selector = self._learnt_on.selector(WhoseFace.RECURRING, threshold=threshold)
        selected = {photo: self._selector.select(faces) for photo, faces in self._survey("score").faces.items()}
        self._boxes = {photo: faces[0].face.box for photo, faces in selected.items() if faces}
        self._clean = {
            name: scoring.embeddings(judge, folder / "score", self._boxes) for name, (judge, _) in plan.judges.items()
        }
        self._keys: dict[str, tuple[Path, float]] = {}

    def _survey(self, name: str) -> Survey:
        folder = self._folder / name
        return find_faces(folder, sorted(path.relative_to(folder) for path in folder.iterdir()), self._reader)

    def _key(self, strength: str, progress: Callable[[int, int], None]) -> tuple[Path, float]:
        """The key file for a strength, and the seconds that learning it took; learnt when first asked for."""
        how = self._plan.learning(strength)
        # Published procedures have a bound of their own, and make one mask for all strengths.
        name = self._plan.method if how.preset == "paper" else how.strength
        if name not in self._keys:
            file, start = self._folder / f"{name}.guise-key", time.perf_counter()
            self._learn(file, how, progress)
            self._keys[name] = file, time.perf_counter() - start
        return self._keys[name]

    def _learn(self, file: Path, how: Learning, progress: Callable[[int, int], None]) -> None:
        folder = self._folder / "learn"
        if self._plan.method != "opom":
            chameleon.learn(
                folder,
                key=file,
                strength=how.strength,
                recognisers=how.recognisers,
                preset=how.preset,
                seed=how.seed,
                settings=how.settings,
                reader=self._reader,
                progress=lambda _, *at: progress(*at),
            )
            return
        faces = cut_faces(folder, self._learnt_on, self._selector)
        mask = opom.learn_mask(faces, how.recognisers, seed=how.seed)
        save_key(Key(mask, self._selector, provenance(how, photos=len(faces))), file)

    def measure(self, strength: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Protect the photos to score at `strength` and have the files judged."""
        if self._plan.method == "none":
            judges = self._verdicts(self._folder / "score", list(self._boxes), self._versions())
            return {"unprotected": 1.0, "judges": judges}
        key_file, learn_seconds = self._key(strength, progress)
        key = load_key(key_file)
        out = self._folder / f"score-{strength}"
        start = time.perf_counter()
        results = self._protect(key, self._folder / "score", out, strength)
        apply_seconds = (time.perf_counter() - start) / len(results)
        written = [Path(result.photo) for result in results if result.status == "protected"]
        seen = [face.visibility for result in results for face in result.faces]
        return {
            "ssim": fmean(visibility.ssim for visibility in seen) if seen else None,
            "flip": fmean(visibility.flip for visibility in seen) if seen else None,
            "flip_peak": fmean(visibility.peak for visibility in seen) if seen else None,
            **self._other_visibility(out, results),
            "unprotected": 1 - len(written) / len(results),
            "learn_seconds": learn_seconds,
            "apply_seconds": apply_seconds,
            "judges": self._verdicts(out, written, self._versions() | self._estimates(key, strength)),
        }

    def _protect(self, key: Key, folder: Path, out: Path, strength: str) -> Sequence[PhotoResult]:
        """Protect a folder: by the library where it has this procedure, else by its parts."""
        plan, budget = self._plan, STRENGTHS.get(strength)
        if plan.method in ("ours", "mask") and budget is not None:
            refine = plan.refine if plan.method == "ours" else 0
            return chameleon.protect(
                folder,
                key,
                out=out,
                strength=strength,
                recognisers=plan.surrogates,
                refine=refine,
                reader=self._reader,
            ).photos
        assert key.file is not None
        job = Job(folder=folder, out=out, key=key, key_file=key.file, budget=budget)
        return list(protect_folder(job, list_photos(folder).photos, key.selector, self._reader))

    def _other_visibility(self, out: Path, results: Sequence[PhotoResult]) -> dict[str, float | None]:
        """PSNR in dB, and LPIPS where its weights are, on the faces' boxes of the written files."""
        pairs = []
        for result in results:
            for face in result.faces:
                left, top, right, bottom = (max(0, round(side)) for side in face.box)
                both = (read_photo(folder / result.photo).pixels for folder in (self._folder / "score", out))
                pairs.append(tuple(pixels[top:bottom, left:right] for pixels in both))
        distances = [lpips_distance(*pair) for pair in pairs]
        known = [distance for distance in distances if distance is not None]
        return {
            "psnr": fmean(psnr(*pair) for pair in pairs) if pairs else None,
            "lpips": fmean(known) if known else None,
        }

    def _versions(self) -> dict[str, scoring.Change | None]:
        """What to judge, by name: the photos as saved, and what becomes of them in other hands."""
        versions: dict[str, scoring.Change | None] = {SAVED: None}
        if self._plan.robust:
            versions |= TRANSFORMS
        if self._plan.attack:
            versions |= {"purified": attacks.purified}
        return versions

    def _estimates(self, key: Key, strength: str) -> dict[str, scoring.Change | None]:
        """Opponents who hold `CAPTURED` other protected photos of the user, perhaps some without the mask as well."""
        if not self._plan.attack:
            return {}
        detector, originals = self._reader.detector, self._folder / "learn"
        photos, out = list(self._learnt_on.faces)[:CAPTURED], self._folder / f"captured-{strength}"
        captured = self._folder / "captured"
        captured.mkdir(exist_ok=True)
        for photo in photos:
            shutil.copy(originals / photo, captured)
        results = self._protect(key, captured, out, strength)
        held = {Path(r.photo): read_photo(out / r.photo).pixels for r in results if r.status == "protected"}
        found: dict[str, scoring.Change | None] = {}
        if not held:
            return found
        boxes = {
            photo: chosen[0].face.box
            for photo, faces in self._learnt_on.faces.items()
            if (chosen := self._selector.select(faces))
        }
        masked = [(pixels, boxes[photo]) for photo, pixels in held.items()]
        rest = [photo for photo in boxes if photo not in photos]
        plain = [(read_photo(originals / photo).pixels, boxes[photo]) for photo in rest]
        first = next(iter(held))
        average, own = (attacks.average_of(seen, detector) for seen in (masked, plain))
        estimates = {
            f"average of {CAPTURED}": attacks.mask_in(average),
            f"average of {CAPTURED}, others plain": attacks.mask_in(average, own=own),
            "one pair": attacks.difference_of(read_photo(originals / first).pixels, *masked[0], detector),
        }
        for name, mask in estimates.items():
            for amplitude in attacks.AMPLITUDES if mask is not None else ():
                found[f"{name}, x {amplitude}"] = partial(
                    attacks.without, mask=mask, amplitude=amplitude, detector=detector
                )
        return found

    def _verdicts(
        self, out: Path, written: Sequence[Path], versions: dict[str, scoring.Change | None]
    ) -> dict[str, Any]:
        boxes = {photo: box for photo, box in self._boxes.items() if photo in set(written)}
        surrogates = {surrogate.record.name for surrogate in self._plan.surrogates}
        verdicts = {}
        for name, (judge, strangers) in self._plan.judges.items():
            of_photo = dict(zip(self._boxes, self._clean[name], strict=True))
            clean = [of_photo[photo] for photo in boxes]
            verdicts[name] = {
                "white_box": judge.kin in surrogates,
                "versions": {
                    version: scoring.judged(judge, clean, scoring.embeddings(judge, out, boxes, change), strangers)
                    for version, change in versions.items()
                },
            }
        return verdicts
