"""A classifier trained on the private images themselves, by DP-SGD on public features: no synthetic image is made.

Source: F. Tramer, D. Boneh, "Differentially Private Learning Needs Better Features (or Much More Data)", ICLR 2021.
The steps are those of the class head (`training/head.py`), by the same mechanism, ledger, budgets and audit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.accounting.settings import HEAD, PrivacySettings
from guise.dpaf.baseline.features import BaselineFeatures
from guise.dpaf.data import ImageDataset, scaled
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.units import Units
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.claim import Claim
from guise.dpaf.training.head import ClassHead, averaged_steps
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.models.errors import BudgetError, InputError, PrivacyError
from guise.models.files import printable
from guise.models.watching import Progress

KIND = "classifier"
PRIVACY = PrivacySettings(moments_noise=None, head_steps=150, head_rate=8192 / 50_000)
PERFORMANCE = PerformanceSettings(fitting_steps=0, head_learning_rate=0.3, physical_batch_size=512)
"""Shape of the noise, to be calibrated, and how to train with it; chosen on Fashion-MNIST."""
_STEADY = 1.5e-4  # learning rate for each record of a batch at noise multiplier 1; chosen on PneumoniaMNIST and LFW
_CHUNK = 200


def performance_for(privacy: PrivacySettings, records: int) -> PerformanceSettings:
    """How to train: where noise is large against a batch, slowly.

    Gradients shrink once a classifier knows the classes, and noise does not. Of few images, or at a small epsilon, the
    rate that suits many would make a classifier that is mostly noise.

    Args:
        privacy: calibrated.
        records: images, or people where they are protected.
    """
    steady = _STEADY * privacy.head_rate * records / privacy.head_noise
    return replace(PERFORMANCE, head_learning_rate=min(PERFORMANCE.head_learning_rate, steady))


class Classifier:
    """Public features and a linear layer that was learnt under privacy.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self.features = BaselineFeatures(settings.channels, settings.size)
        self.head = ClassHead(self.features.width, len(settings.classes))

    def tensors(self) -> dict[str, Tensor]:
        """All that was learnt, by name."""
        head = self.head
        named = {"head.weight": head.linear.weight.detach(), "head.momentum": head.momentum, "head.total": head.total}
        return {name: value.clone() for name, value in named.items()} | {"head.counted": torch.tensor(head.counted)}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `tensors` gave.

        Args:
            tensors: by name.

        Raises:
            KeyError, RuntimeError: they come from other settings.
        """
        self.head.linear.load_state_dict({"weight": tensors["head.weight"]})
        self.head.momentum, self.head.total = tensors["head.momentum"], tensors["head.total"]
        self.head.counted = int(tensors["head.counted"])

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Of each class: float32 (B, classes).

        Args:
            images: uint8 (B, channels, size, size).
        """
        parts = [self.head.logits(self.features(scaled(part))).softmax(1) for part in images.split(_CHUNK)]
        return torch.cat(parts)


def trained_classifier(folder: RunFolder) -> Classifier:
    """The classifier of a run's checkpoint. Post-processing: it needs no record.

    Args:
        folder: of the run.

    Raises:
        InputError: there is no such run, or nothing was trained yet.
        LedgerError: the ledger was edited.
    """
    settings, where = folder.settings(), printable(folder.path)
    if settings.kind != KIND:
        raise InputError(f"the run in {where} makes images: name a folder that `guise dpaf baseline` made")
    saved = folder.checkpoint()
    if saved is None:
        raise InputError(f"the run in {where} has no checkpoint yet: go on with it with `resume=True`")
    return _loaded(settings, saved, where)


def train_classifier(
    dataset: ImageDataset, claim: Claim, *, streams: Streams, progress: Progress | None = None
) -> Classifier:
    """Make the steps that a run's ledger has left.

    Guarantees:
        * Each step is charged before its batch is drawn; draw and noise come from that entry's streams.
        * What leaves a step is the noisy sum of clipped gradients of a Poisson batch of units (`PrivateStep`, `Units`).
        * Features are public functions of one image; they are clipped nowhere, for each gradient is.

    Args:
        dataset: the private data.
        claim: what `begin_run` gave.
        streams: where randomness comes from.
        progress: called with each step.

    Raises:
        BudgetError: the plan costs more than its budget.
        InputError: the data are not those of the run.
        LedgerError: the ledger was edited, or the plan is not reserved for these data.
        OutputError: ledger, budgets or checkpoint cannot be written.
        PrivacyError: noise would come from a seed, and the run does not say so.
    """
    folder, tell = claim.folder, progress or (lambda *_: None)
    settings, ledger = folder.settings(), folder.ledger()
    streams = streams.of_run(settings.run)
    if streams.reproducible and not settings.reproducible:
        raise PrivacyError("noise from a seed is no noise: begin the run as reproducible, or leave the seed out")
    saved = folder.checkpoint(ledger)
    classifier = Classifier(settings) if saved is None else _loaded(settings, saved, printable(folder.path))
    if not ledger.remaining(HEAD):
        return classifier
    _check(dataset, settings, claim, ledger.epsilon)
    units, steps = Units(dataset.people, len(dataset)), settings.privacy.head_steps
    features = _all_features(classifier.features, dataset, tell)
    folder.check_room(3 * sum(value.nbytes for value in classifier.tensors().values()))
    try:
        while left := ledger.remaining(HEAD):
            entry = ledger.charge(HEAD).entry
            claim.paid(ledger)
            rows = units.draw(settings.privacy.head_rate, streams.numpy("sampling", entry))
            noise = streams.numpy("noise", entry)
            _step(classifier, features[rows], dataset.labels[rows], units.weights(rows), noise, left=left)
            tell(HEAD, steps - left + 1, steps)
            if (left - 1) % settings.performance.checkpoint_every == 0:
                folder.save(classifier.tensors(), ledger)
    except KeyboardInterrupt:
        folder.save(classifier.tensors(), ledger)
        raise
    return classifier


def _step(
    classifier: Classifier,
    features: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    noise: np.random.Generator,
    *,
    left: int,
) -> None:
    privacy, performance = classifier.settings.privacy, classifier.settings.performance
    classifier.head.step(
        features,
        labels,
        noise,
        noise_multiplier=privacy.head_noise,
        divisor=privacy.head_rate * classifier.settings.records,
        learning_rate=performance.head_learning_rate,
        average=left <= averaged_steps(privacy.head_steps),
        physical_batch_size=performance.physical_batch_size,
        weights=weights,
    )


def _check(dataset: ImageDataset, settings: RunSettings, claim: Claim, epsilon: float) -> None:
    kinds = [(images.channels, images.size, images.classes) for images in (settings, dataset)]
    if kinds[0] != kinds[1] or settings.records != dataset.units:
        raise InputError("the data have another size, number or classes than the run began with: resume it with those")
    claim.check(dataset)
    cost = settings.privacy.cost()
    if cost > epsilon:
        raise BudgetError(f"the plan costs epsilon {cost:.4g}, the budget is {epsilon:g}: begin another run")


def _all_features(features: BaselineFeatures, dataset: ImageDataset, tell: Progress) -> Tensor:
    """Of all images, at half precision: gradients are clipped whatever they are."""
    cache = torch.empty(len(dataset), features.width, dtype=torch.float16)
    for start in range(0, len(dataset), _CHUNK):
        rows = slice(start, start + _CHUNK)
        cache[rows] = features(dataset.scaled(rows)).half()
        tell("features", min(start + _CHUNK, len(dataset)), len(dataset))
    return cache


def _loaded(settings: RunSettings, saved: dict[str, Tensor], where: str) -> Classifier:
    classifier = Classifier(settings)
    try:
        classifier.load(saved)
    except (KeyError, RuntimeError, ValueError):
        what = f"the checkpoint in {where} comes from other settings than run.json has"
        raise InputError(f"{what}: put back the run.json that belongs to it") from None
    return classifier
