"""Measuring what a run's images are worth, and whether they repeat private ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from guise.dpaf import validate
from guise.dpaf.baseline.classifier import Classifier, trained_classifier
from guise.dpaf.data import ImageDataset, Source, load
from guise.dpaf.evaluation.fidelity import Distance, check_extractor, frechet
from guise.dpaf.evaluation.repetition import Repetition, repetition
from guise.dpaf.evaluation.utility import FULL_SAMPLES, LEAST_SAMPLES, QUICK_SAMPLES, Utility, networks, scored, utility
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.pictures import grid
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.models.devices import best_device
from guise.models.errors import InputError
from guise.models.files import check_writable, printable
from guise.models.files.pictures import check_picture, save_picture
from guise.models.watching import Announce, Progress

BASELINE = "no images: DP-SGD on scattering features"
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
        baseline: how well a classifier does that was trained privately on the real images themselves; None without one.
    """

    protocol: str
    samples: int
    test_images: int
    classes: tuple[str, ...]
    networks: tuple[Utility, ...]
    frechet: Distance
    repetition: Repetition | None
    baseline: Utility | None = None

    @property
    def mean(self) -> float:
        """The classifiers' mean accuracy on real images, in [0, 1]."""
        return sum(network.accuracy for network in self.networks) / len(self.networks)

    def to_json(self) -> str:
        """The figures as JSON."""
        values = {
            "protocol": self.protocol,
            "samples": self.samples,
            "test_images": self.test_images,
            "classes": list(self.classes),
            "mean": self.mean,
            "networks": [asdict(network) for network in self.networks],
            "frechet": asdict(self.frechet),
        }
        if self.repetition is not None:
            values["nearer_to_training"] = self.repetition.nearer_to_training
            values["membership"] = self.repetition.membership
            values["membership_attack"] = asdict(self.repetition.attack)
        if self.baseline is not None:
            values["baseline"] = asdict(self.baseline)
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
    baseline: Path | None = None,
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
        training: the private data: to attack the samples by them, and for `neighbours`.
        baseline: folder of a classifier that `guise dpaf baseline` made, to be tested with the same images.
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
    if neighbours is not None and training is None:
        raise InputError("`neighbours=` needs the private data: name them with `training=`")
    classifier = None if baseline is None else trained_classifier(RunFolder(baseline))
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
    real = _loaded(test, settings, split="test")
    where = "the test set" if isinstance(test, ImageDataset) else str(test)
    real = real.labelled_as(settings.classes, where=where)
    if len(real) == settings.records and announce is not None:
        announce(f"{printable(where)} holds as many images as the run was trained on: if it is the same, no test")
    tell: Progress = progress or (lambda *_: None)
    drawn = synthesise(trained_state(folder), count, seed=seed, progress=partial(tell, "drawing"))
    repeated = None
    if training is not None:
        tell("repetition", 0, 1)
        private = _loaded(training, settings, split="train")
        repeated = repetition(drawn.images[:_COMPARED], private, real)
        if neighbours is not None:
            _draw_pairs(drawn.images, private, repeated, neighbours)
        tell("repetition", 1, 1)
    compared = drawn.images[: max(len(real), 2)]
    distance = frechet(compared, real, extractor=extractor, progress=partial(tell, "Frechet distance"))
    results = utility(drawn.images, drawn.labels, real, protocol=protocol, seed=seed, device=device, progress=tell)
    beside = None
    if classifier is not None:
        beside = score_classifier(classifier, real)
    return Evaluation(protocol, count, len(real), settings.classes, tuple(results), distance, repeated, beside)


def score_on(classifier: Classifier, test: Source) -> Utility:
    """Test a classifier on a source of real images.

    Args:
        classifier: that was trained privately on the real images themselves.
        test: real images that took no part in training, as for `load`.

    Raises:
        InputError: the images cannot be used, or are of another kind.
    """
    return score_classifier(classifier, _loaded(test, classifier.settings, split="test"))


def score_classifier(classifier: Classifier, real: ImageDataset) -> Utility:
    """Test a classifier on real images.

    Args:
        classifier: that was trained privately on the real images themselves.
        real: images that took no part in training, of its size and classes.

    Raises:
        InputError: the images are of another kind.
    """
    settings = classifier.settings
    if (settings.channels, settings.size) != (real.channels, real.size):
        shape = f"{settings.size}x{settings.size}x{settings.channels}"
        raise InputError(f"the classifier is for images of {shape}, the test has {real.size}: give a test of that kind")
    real = real.labelled_as(settings.classes, where="the test set")
    return scored(BASELINE, classifier.probabilities(real.images).numpy(), real.labels.numpy())


def _loaded(source: Source, settings: RunSettings, *, split: str) -> ImageDataset:
    if isinstance(source, ImageDataset):
        return source
    column, folders = settings.group_column, settings.group_folders
    return load(source, size=settings.size, split=split, group_column=column, group_folders=folders)


def _draw_pairs(images: np.ndarray, training: ImageDataset, repeated: Repetition, path: Path) -> None:
    """The synthetic images that are nearest to a private one, each above that one."""
    closest = repeated.distances.argsort()[:_PAIRS]
    private = training.images[repeated.nearest[closest]].permute(0, 2, 3, 1).numpy()
    lines = (part.reshape(-1, _COLUMNS, *part.shape[1:]) for part in (images[closest], private))
    save_picture(grid(np.stack([*lines], axis=1).reshape(-1, *images.shape[1:]), columns=_COLUMNS), path)
