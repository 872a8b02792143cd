"""Drawing synthetic images from a run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from guise.dpaf.jobs.reporting import read_evaluation, report_of
from guise.dpaf.synthesis.card import card
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.samples import Synthetic
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from guise.models.errors import InputError
from guise.models.files import printable
from guise.models.watching import Progress


def sample_run(
    folder: RunFolder,
    count: int,
    *,
    class_: str | None = None,
    equal: bool = False,
    seed: int | None = None,
    evaluation: Path | None = None,
    progress: Progress | None = None,
) -> Synthetic:
    """Draw images from a run.

    Args:
        folder: of the run.
        count: how many, at least 1.
        class_: name of the one class to draw; None draws all, each as often as the private data has it.
        equal: draw equally many of each class.
        seed: draws the same images again.
        evaluation: file of what `Evaluation.to_json` gave, for the card of the images.
        progress: called with "drawing", images made and images in all.

    Raises:
        InputError: nothing was trained yet, or an option is out of range.
        LedgerError: the ledger was edited.
    """
    settings = folder.settings()
    classes, figures = settings.classes, None if evaluation is None else read_evaluation(evaluation)
    class_ = None if class_ is None else str(class_)
    if class_ is not None and class_ not in classes:
        known = ", ".join(map(printable, classes))
        raise InputError(f"no class {printable(class_)} in this run: choose one of {known}")
    if equal and class_ is not None:
        raise InputError("`class_=` draws one class, and `equal=True` as many of each: give one of them")
    drawn = synthesise(
        trained_state(folder),
        count,
        classes=classes,
        label=None if class_ is None else classes.index(class_),
        equal=equal,
        seed=seed,
        progress=None if progress is None else partial(progress, "drawing"),
    )
    text = card(report_of(folder), size=settings.size, channels=settings.channels, evaluation=figures)
    return replace(drawn, card=text)
