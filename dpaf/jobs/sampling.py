"""Drawing synthetic images from a run."""

from __future__ import annotations

from functools import partial

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
    progress: Progress | None = None,
) -> Synthetic:
    """Draw images from a run.

    Args:
        folder: of the run.
        count: how many, at least 1.
        class_: name of the one class to draw; None draws all, each as often as the private data has it.
        equal: draw equally many of each class.
        seed: draws the same images again.
        progress: called with "drawing", images made and images in all.

    Raises:
        InputError: nothing was trained yet, or an option is out of range.
        LedgerError: the ledger was edited.
    """
    classes = folder.settings().classes
    class_ = None if class_ is None else str(class_)
    if class_ is not None and class_ not in classes:
        known = ", ".join(map(printable, classes))
        raise InputError(f"no class {printable(class_)} in this run: choose one of {known}")
    if equal and class_ is not None:
        raise InputError("`class_=` draws one class, and `equal=True` as many of each: give one of them")
    return synthesise(
        trained_state(folder),
        count,
        classes=classes,
        label=None if class_ is None else classes.index(class_),
        equal=equal,
        seed=seed,
        progress=None if progress is None else partial(progress, "drawing"),
    )
