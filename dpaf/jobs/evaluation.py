"""Measuring what a run's images are worth, and whether they repeat private ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from guise.dpaf import validate
from guise.dpaf.data import ImageDataset, Source, load
from guise.dpaf.evaluation.fidelity import Distance, check_extractor, frechet
from guise.dpaf.evaluation.repetition import Repetition, repetition
from guise.dpaf.evaluation.utility import FULL_SAMPLES, LEAST_SAMPLES, QUICK_SAMPLES, Utility, networks, utility
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.pictures import grid
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from guise.models.devices import best_device
from guise.models.errors import InputError
from guise.models.files import check_writable, printable
from guise.models.files.pictures import check_picture, save_picture
from guise.models.watching import Announce, Progress

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
    test: Source,
    protocol: str = "quick",
    extractor: str = "scattering",
    count: int | None = None,
    neighbours: Path | None = None,
    training: Source | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Evaluation:
    """Measure what a run's images are worth.

    Args:
        folder: of the run.
        test: real images that took no part in training.
        protocol: "quick" or "full".
        extractor: of the features for the Frechet distance: "scattering" or "inception".
        count: synthetic images, at least 24; None takes the protocol's number.
        neighbours: a new PNG file of synthetic images, each above the private one nearest to it.
        training: the private data, for `neighbours`.
        seed: of the samples and the classifiers.
        device: to train classifiers on; "auto" takes a GPU where there is one.
        progress: called with what is being done, steps done and steps in all.
        announce: called with a line if the test set may be the training set.

    Raises:
        InputError: an option is out of range, or the images do not go together.
        LedgerError: the ledger was edited.
        OutputError: the picture cannot be written.
        WeightsError: the extractor's weights are damaged.
    """
    if (neighbours is None) != (training is None):
        raise InputError("`neighbours=` and `training=` go together: give both or neither")
    networks(protocol)  # what is wrong is told before anything is drawn, which takes minutes
    check_extractor(extractor)
    if count is None:
        count = FULL_SAMPLES if protocol == "full" else QUICK_SAMPLES
    validate.count("`count=`", count, least=LEAST_SAMPLES)
    if neighbours is not None:
        folders = [Path(source) for source in (test, training) if isinstance(source, str | Path)]
        check_picture(neighbours, "neighbours", [folder.path, *(path for path in folders if path.is_dir())])
        check_writable(neighbours.resolve().parent)
    device, settings = best_device(device), folder.settings()
    real = _loaded(test, settings.size, split="test")
    where = "the test set" if isinstance(test, ImageDataset) else str(test)
    real = real.labelled_as(settings.classes, where=where)
    if len(real) == settings.records and announce is not None:
        announce(f"{printable(where)} holds as many images as the run was trained on: if it is the same, no test")
    tell: Progress = progress or (lambda *_: None)
    drawn = synthesise(trained_state(folder), count, seed=seed, progress=partial(tell, "drawing"))
    repeated = None
    if neighbours is not None and training is not None:
        tell("repetition", 0, 1)
        private = _loaded(training, settings.size, split="train")
        repeated = repetition(drawn.images[:_COMPARED], private, real)
        _draw_pairs(drawn.images, private, repeated, neighbours)
        tell("repetition", 1, 1)
    compared = drawn.images[: max(len(real), 2)]
    distance = frechet(compared, real, extractor=extractor, progress=partial(tell, "Frechet distance"))
    results = utility(drawn.images, drawn.labels, real, protocol=protocol, seed=seed, device=device, progress=tell)
    return Evaluation(protocol, count, len(real), settings.classes, tuple(results), distance, repeated)


def _loaded(source: Source, size: int, *, split: str) -> ImageDataset:
    return source if isinstance(source, ImageDataset) else load(source, size=size, split=split)


def _draw_pairs(images: np.ndarray, training: ImageDataset, repeated: Repetition, path: Path) -> None:
    """The synthetic images that are nearest to a private one, each above that one."""
    closest = repeated.distances.argsort()[:_PAIRS]
    private = training.images[repeated.nearest[closest]].permute(0, 2, 3, 1).numpy()
    lines = (part.reshape(-1, _COLUMNS, *part.shape[1:]) for part in (images[closest], private))
    save_picture(grid(np.stack([*lines], axis=1).reshape(-1, *images.shape[1:]), columns=_COLUMNS), path)
