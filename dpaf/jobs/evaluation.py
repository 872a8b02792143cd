"""Measuring what a run's images are worth, and whether they repeat private ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from guise.dpaf.data import ImageDataset, load
from guise.dpaf.evaluation.fidelity import Distance, frechet
from guise.dpaf.evaluation.repetition import Repetition, repetition
from guise.dpaf.evaluation.utility import FULL_SAMPLES, QUICK_SAMPLES, Utility, utility
from guise.dpaf.jobs.watching import Announce, Progress
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.pictures import grid
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from guise.models.devices import best_device
from guise.models.errors import InputError
from guise.models.files import check_writable, printable
from guise.models.files.pictures import check_picture, save_picture

_COMPARED, _PAIRS, _COLUMNS = 1000, 40, 10


@dataclass(frozen=True)
class Evaluation:
    """What a run's images are worth. Where the real images are private, so are these figures.

    Attributes:
        protocol: "quick" or "full".
        samples: synthetic images that were drawn.
        test_images: real images that were tested with.
        classes: names of the labels.
        networks: how well each classifier does that was trained on synthetic images.
        frechet: the distance of synthetic from real images.
        repetition: whether synthetic images repeat private ones; None where that was not looked for.
    """

    protocol: str
    samples: int
    test_images: int
    classes: tuple[str, ...]
    networks: tuple[Utility, ...]
    frechet: Distance
    repetition: Repetition | None

    @property
    def mean(self) -> float:
        """The classifiers' mean accuracy on real images, in [0, 1]."""
        return sum(network.accuracy for network in self.networks) / len(self.networks)

    def to_json(self) -> str:
        """The figures as JSON."""
        values = {
            "protocol": self.protocol,
            "samples": self.samples,
            "mean": self.mean,
            "networks": [asdict(network) for network in self.networks],
            "frechet": asdict(self.frechet),
        }
        if self.repetition is not None:
            values["nearer_to_training"] = self.repetition.nearer_to_training
            values["membership"] = self.repetition.membership
        return json.dumps(values, indent=1)


def evaluate_run(
    folder: RunFolder,
    *,
    test: str | Path | ImageDataset,
    protocol: str = "quick",
    extractor: str = "scattering",
    count: int | None = None,
    neighbours: Path | None = None,
    training: str | Path | ImageDataset | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Evaluation:
    """Measure what a run's images are worth.

    Args:
        folder: of the run.
        test: as for `Run.evaluate`.
        protocol: as for `Run.evaluate`.
        extractor: as for `Run.evaluate`.
        count: as for `Run.evaluate`.
        neighbours: as for `Run.evaluate`.
        training: as for `Run.evaluate`.
        seed: as for `Run.evaluate`.
        device: as for `Run.evaluate`.
        progress: as for `Run.evaluate`.
        announce: as for `Run.evaluate`.

    Raises:
        As `Run.evaluate`.
    """
    if (neighbours is None) != (training is None):
        raise InputError("`neighbours=` and `training=` go together: give both or neither")
    if neighbours is not None:
        folders = [Path(source) for source in (test, training) if isinstance(source, str | Path)]
        check_picture(neighbours, "neighbours", [folder.path, *(path for path in folders if path.is_dir())])
        check_writable(neighbours.resolve().parent)
    device, settings = best_device(device), folder.settings()
    real = _loaded(test, settings.size, split="test")
    real = real.labelled_as(settings.classes, where="the test set" if isinstance(test, ImageDataset) else str(test))
    if len(real) == settings.records and announce is not None:
        where = "the test set" if isinstance(test, ImageDataset) else printable(test)
        announce(f"{where} holds as many images as the run was trained on: if it is the same, no test")
    if count is None:
        count = FULL_SAMPLES if protocol == "full" else QUICK_SAMPLES
    tell = progress or (lambda *_: None)
    drawn = synthesise(trained_state(folder), count, seed=seed, progress=_as(tell, "drawing"))
    repeated = None
    if neighbours is not None and training is not None:
        tell("repetition", 0, 1)
        private = _loaded(training, settings.size, split="train")
        repeated = repetition(drawn.images[:_COMPARED], private, real)
        _draw_pairs(drawn.images, private, repeated, neighbours)
        tell("repetition", 1, 1)
    compared = drawn.images[: max(len(real), 2)]
    distance = frechet(compared, real, extractor=extractor, progress=_as(tell, "Frechet distance"))
    networks = utility(drawn.images, drawn.labels, real, protocol=protocol, seed=seed, device=device, progress=tell)
    return Evaluation(protocol, count, len(real), settings.classes, tuple(networks), distance, repeated)


def _loaded(source: str | Path | ImageDataset, size: int, *, split: str) -> ImageDataset:
    return source if isinstance(source, ImageDataset) else load(source, size=size, split=split)


def _as(progress: Progress, what: str) -> Callable[[int, int], None]:
    return partial(progress, what)


def _draw_pairs(images: np.ndarray, training: ImageDataset, repeated: Repetition, path: Path) -> None:
    """The synthetic images that are nearest to a private one, each above that one."""
    closest = repeated.distances.argsort()[:_PAIRS]
    private = training.images[repeated.nearest[closest]].permute(0, 2, 3, 1).numpy()
    lines = (part.reshape(-1, _COLUMNS, *part.shape[1:]) for part in (images[closest], private))
    save_picture(grid(np.stack([*lines], axis=1).reshape(-1, *images.shape[1:]), columns=_COLUMNS), path)
