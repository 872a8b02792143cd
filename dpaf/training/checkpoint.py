"""The training state that a run begins with, and the one that its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.state import TrainingState
from guise.models.errors import InputError
from guise.models.files import printable


def fresh_state(settings: RunSettings, processes: Processes = ALONE) -> TrainingState:
    """The state that a run begins with.

    Args:
        settings: of the run.
        processes: that train it together.
    """
    return TrainingState(
        settings.channels,
        settings.size,
        len(settings.classes),
        records=settings.records,
        privacy=settings.privacy,
        performance=settings.performance,
        processes=processes,
        design=settings.design,
    )


def trained_state(folder: RunFolder) -> TrainingState:
    """The state of a run's checkpoint. Post-processing: it needs no record.

    Args:
        folder: of the run.

    Raises:
        InputError: there is no run, or nothing was trained yet.
        LedgerError: the ledger was edited.
    """
    settings = folder.settings()
    if settings.kind != "images":
        raise InputError(
            f"the run in {printable(folder.path)} is a {settings.kind}, which makes no images: name another"
        )
    state, saved = fresh_state(settings), folder.checkpoint()
    if saved is None:
        raise InputError(f"the run in {folder.path} has no checkpoint yet: go on with it with `resume=True`")
    load_state(state, saved, folder)
    return state


def load_state(state: TrainingState, saved: Mapping[str, Tensor], folder: RunFolder) -> None:
    """Take up what a checkpoint holds.

    Args:
        state: that is changed.
        saved: what the checkpoint holds.
        folder: of the run, for messages.

    Raises:
        InputError: the checkpoint comes from other settings.
    """
    try:
        state.load(saved)
    except (KeyError, RuntimeError, ValueError):
        what = f"the checkpoint in {printable(folder.path)} comes from other settings than run.json has"
        raise InputError(f"{what}: put back the run.json that belongs to it") from None
