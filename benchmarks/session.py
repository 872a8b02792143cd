"""All that one user goes through, from photos to the judges' figures. Files lie in a temporary folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks import attacks, opom, people, scoring, visibility_ruler
from benchmarks.pairs import linked_pairs
from benchmarks.people import User
from benchmarks.plan import Plan
from benchmarks.scoring import SAVED
from guise import chameleon
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import WhoseFace
from guise.chameleon.faces.survey import Survey, cut_faces, find_faces
from guise.chameleon.jobs.networks import Networks
from guise.chameleon.learning.key import Learning, provenance
from guise.chameleon.mask.key import Key, load_key, save_key
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.transforms import TRANSFORMS
from guise.chameleon.visibility.budget import STRENGTHS
from guise.chameleon.visibility.lpips import mean_lpips
from guise.chameleon.visibility.psnr import psnr
from guise.models.files import list_photos, read_photo

CAPTURED = 8
"""Protected photos of the user that opponents hold; none of them is scored."""


class Session:
    """One user's photos in a temporary folder, and the keys learnt so far."""

    def __init__(self, user: User, folder: Path, plan: Plan, reader: FaceReader, keys: Path | None = None) -> None:
        user.copy_to(folder, plan.enlargement)
        self._folder, self._plan, self._reader = folder, plan, reader
        threshold = reader.recogniser.record.threshold
        self._learnt_on = self._survey("learn")
        self._selector = self._learnt_on.selector(WhoseFace.RECURRING, threshold=threshold)
        self._unseen = {Path(photo.name) for photo in (folder / "score").iterdir()}
        if plan.pairs:  # copies are made of all photos together, as a user would
            shutil.copytree(folder / "learn", folder / "score", dirs_exist_ok=True)
        survey = self._survey("score")
        # The protected photos show one person; where few are learnt on, all together tell best who it is.
        judge_by = survey.selector(WhoseFace.RECURRING, threshold=threshold) if plan.pairs else self._selector
        selected = {photo: judge_by.select(faces) for photo, faces in survey.faces.items()}
        self._boxes = {photo: faces[0].face.box for photo, faces in selected.items() if faces}
        self._clean = {
            name: scoring.embeddings(judge, folder / "score", self._boxes) for name, (judge, _) in plan.judges.items()
        }
        self._keys: dict[str, tuple[Path, float]] = {}
        self._kept = None if keys is None else keys / f"{user.alias}-{people.digest([user])[:6]}-{plan.learnt}"
        self._lpips = Networks(device="cpu", offline=True).lpips()

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
            kept = None if self._kept is None else self._kept / file.name
            if kept is not None and kept.exists():
                shutil.copy(kept, file)
            else:
                self._learn(file, how, progress)
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, kept)
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
        """Protect the photos to score at `strength` and have the files judged.

        Where the library's face does the work, `learn_seconds` includes finding the faces, and `apply_seconds` includes
        each photo's share of the before/after sheet. `apply_cpu_seconds` is the time that cores were busy with that.
        """
        if self._plan.method == "none":
            judges = self._verdicts(self._folder / "score", list(self._boxes), self._versions())
            return {"unprotected": 1.0, "judges": judges}
        key_file, learn_seconds = self._key(strength, progress)
        key = load_key(key_file)
        out = self._folder / f"score-{strength}"
        start, busy = time.perf_counter(), time.process_time()
        results = self._protect(key, self._folder / "score", out, strength)
        apply_seconds, busy = (
            (now - then) / len(results) for now, then in ((time.perf_counter(), start), (time.process_time(), busy))
        )
        written = [Path(result.photo) for result in results if result.status == "protected"]
        seen = [face.visibility for result in results for face in result.faces]
        return {
            "ssim": fmean(visibility.ssim for visibility in seen) if seen else None,
            "flip": fmean(visibility.flip for visibility in seen) if seen else None,
            "fleck": fmean(visibility.fleck for visibility in seen) if seen else None,
            **self._other_visibility(out, results),
            **self._ruled(out, written),
            "unprotected": 1 - len(written) / len(results),
            "learn_seconds": learn_seconds,
            "apply_seconds": apply_seconds,
            "apply_cpu_seconds": busy,
            "judges": self._verdicts(out, written, self._versions() | self._estimates(key, strength)),
        }

    def _protect(self, key: Key, folder: Path, out: Path, strength: str) -> Sequence[PhotoResult]:
        """Protect a folder: by the library where it has this procedure, else by its parts."""
        plan, budget = self._plan, STRENGTHS.get(strength)
        if plan.method in ("ours", "mask") and budget is not None:
            return chameleon.protect(
                folder,
                key,
                out=out,
                strength=strength,
                recognisers=plan.surrogates,
                reader=self._reader,
                refine=plan.refine if plan.method == "ours" else 0,
                patience=plan.patience,
            ).photos
        assert key.file is not None
        job = Job(folder=folder, out=out, key=key, key_file=key.file, budget=budget, lpips=self._lpips)
        return list(protect_folder(job, list_photos(folder).photos, key.selector, self._reader))

    def _other_visibility(self, out: Path, results: Sequence[PhotoResult]) -> dict[str, float | None]:
        """PSNR in dB, and LPIPS where its weights are, on the faces' boxes of the written files."""
        pairs = []
        for result in results:
            for face in result.faces:
                left, top, right, bottom = (max(0, round(side)) for side in face.box)
                both = (read_photo(folder / result.photo).pixels for folder in (self._folder / "score", out))
                pairs.append(tuple(pixels[top:bottom, left:right] for pixels in both))
        return {
            "psnr": fmean(psnr(*pair) for pair in pairs) if pairs else None,
            "lpips": mean_lpips(face.lpips for result in results for face in result.faces),
        }

    def _ruled(self, out: Path, written: Sequence[Path]) -> dict[str, Any]:
        """Visibility on all that changed, against the originals written the same way: `screen` and `full`."""
        originals = self._folder / "score"
        copies = ((photo, read_photo(out / photo)) for photo in written)
        return visibility_ruler.summary(
            (visibility_ruler.original(originals / photo, copy), copy.pixels) for photo, copy in copies
        )

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
        opponents: dict[str, scoring.Change | None] = {}
        if not held:
            return opponents
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
                opponents[f"{name}, x {amplitude}"] = partial(
                    attacks.without, mask=mask, amplitude=amplitude, detector=detector
                )
        return opponents

    def _verdicts(
        self, out: Path, written: Sequence[Path], versions: dict[str, scoring.Change | None]
    ) -> dict[str, Any]:
        boxes = {photo: box for photo, box in self._boxes.items() if photo in set(written)}
        surrogates = {surrogate.record.name for surrogate in self._plan.surrogates}
        verdicts = {}
        for name, (judge, _) in self._plan.judges.items():
            after = {
                version: dict(zip(boxes, scoring.embeddings(judge, out, boxes, change), strict=True))
                for version, change in versions.items()
            }
            verdicts[name] = {
                "white_box": judge.kin in surrogates,
                "versions": {version: self._verdict(name, protected) for version, protected in after.items()},
            }
        return verdicts

    def _verdict(self, name: str, protected: dict[Path, np.ndarray | None]) -> dict[str, Any]:
        """What a judge finds among the photos that the mask never saw, and among pairs of all photos if asked for."""
        judge, strangers = self._plan.judges[name]
        clean = dict(zip(self._boxes, self._clean[name], strict=True))
        scored = [photo for photo in protected if photo in self._unseen]
        before, after = ([side[photo] for photo in scored] for side in (clean, protected))
        verdict = scoring.judged(judge, before, after, strangers)
        if self._plan.pairs:
            copies = [protected.get(photo) for photo in clean]
            unseen = [photo in self._unseen for photo in clean]
            verdict["pairs"] = linked_pairs(judge, list(clean.values()), copies, unseen=unseen, strangers=strangers)
        return verdict
