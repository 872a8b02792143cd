"""Jobs of the tab of blind spots."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from guise import harmless
from guise.cli.app.worker.pictures import VIEW, draw
from guise.models.files import atomic_write, read_photo

_OPTIONS = ("input", "weights")


class BlindSpotJobs:
    """Inspects models and fills photos. The last model stays loaded."""

    def __init__(self, send: Any) -> None:
        """Start with nothing loaded.

        Args:
            send: called with the name of an event and its values, which become JSON.
        """
        self._send = send
        self._space: tuple[dict[str, str], harmless.NullSpace] | None = None
        self._number = 0

    def do(self, job: dict[str, Any]) -> None:
        """Do one job.

        Args:
            job: `do` says what: "inspect" or "fill"; the rest is what the tab gives.

        Raises:
            GuiseError: as the library raises it.
            KeyboardInterrupt: it was stopped.
        """
        {"inspect": self._inspect, "fill": self._fill}[job["do"]](job)

    def _load(self, job: dict[str, Any]) -> harmless.NullSpace:
        how = {name: job[name] for name in ("model", *_OPTIONS) if name in job}
        if self._space is None or self._space[0] != how:
            self._space = how, harmless.null_space(job["model"], offline=True, **_options(job))
        return self._space[1]

    def _inspect(self, job: dict[str, Any]) -> None:
        self._send("progress", what="inspecting", done=0, total=0)
        self._space = None
        space = self._load(job)
        rows = [
            {
                "name": part.name,
                "operation": part.operation,
                "n": part.size.n,
                "ignored": part.size.best,
                "measured": part.size.measured is not None,
                "upper": not part.converged,
                "unread": part.unread_pixels,
            }
            for part in space.spaces
        ]
        self._send("space", model=space.name, shape=list(space.loaded.input_shape), rows=rows)

    def _fill(self, job: dict[str, Any]) -> None:
        self._send("progress", what="filling", done=0, total=0)
        space, views = self._load(job), Path(job["views"])
        photo = read_photo(Path(job["photo"])).pixels
        shape = space.loaded.input_shape
        fitted = photo if len(shape) != 3 else _fitted(photo, shape[2], shape[1])
        copy, certificate = space.fill(fitted, job["target"])
        self._number += 1
        original, filled = (f"{self._number}-{side}.png" for side in ("original", "copy"))
        draw(fitted, views / original, longest=max(fitted.shape))
        draw(copy, views / filled, longest=max(copy.shape))
        with atomic_write(views / "certificate.json") as file:
            file.write(certificate.to_json().encode() + b"\n")
        fit = None if fitted.shape == photo.shape else [shape[2], shape[1]]
        self._send("filled", original=original, copy=filled, fitted=fit, certificate=asdict(certificate))
        self._send("progress", what="attacking", done=0, total=0)
        report = harmless.attack(fitted, [copy], job["model"], offline=True, **_options(job))
        attacks = []
        for place, (result, row) in enumerate(zip(report.recovered, report.rows(), strict=True)):
            name = f"{self._number}-attack-{place}.png"
            draw(result.picture, views / name, longest=VIEW)
            attacks.append({**row, "picture": name})
        self._send("attacks", attacks=attacks)


def _options(job: dict[str, Any]) -> dict[str, Any]:
    return {name: job[name] for name in _OPTIONS if name in job}


def _fitted(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    """The middle of a photo, in the size that the model reads."""
    if photo.shape[:2] == (height, width):
        return photo
    return np.asarray(ImageOps.fit(Image.fromarray(photo), (width, height), Image.Resampling.LANCZOS))
