"""What a run shows while it trains: steps, epsilon spent so far, and samples."""

from __future__ import annotations

from guise.dpaf.accounting.accountants import epsilon_pld
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.pictures import grid
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.state import TrainingState
from guise.dpaf.training.trainer import FITTING
from guise.models.files.pictures import save_picture
from guise.models.watching import Announce, Progress

SAMPLES = "samples.png"
_COLUMNS, _ROWS = 10, 8


class Watcher:
    """Passes progress on, announces at each quarter of a phase what was spent so far, and draws samples.png.

    Args:
        folder: of the run.
        progress: called with each step.
        announce: called with a line at each quarter of a phase.
    """

    def __init__(self, folder: RunFolder, *, progress: Progress | None, announce: Announce | None) -> None:
        self._folder, self._progress, self._announce = folder, progress, announce
        self._last = ("", 0)

    def step(self, what: str, done: int, total: int) -> None:
        """One step of a run.

        Args:
            what: is being done.
            done: steps so far.
            total: steps in all.
        """
        if self._progress is not None:
            self._progress(what, done, total)
        quarter = done * 4 // total > (done - 1) * 4 // total
        if self._announce is None or what == FITTING or not done or not quarter or (what, done) == self._last:
            return
        self._last = (what, done)
        ledger, how_far = self._folder.ledger(), "done" if done == total else f"{done} of {total}"
        spent = epsilon_pld(ledger.spent(), ledger.delta)
        self._announce(f"{what}: {how_far}; epsilon spent so far {spent:.3f}")

    def draw(self, state: TrainingState) -> None:
        """Write samples.png: a column for each of the first ten classes, ten columns for one class.

        Args:
            state: of the run.

        Raises:
            OutputError: it cannot be written.
        """
        classes = state.generator.classes if state.generator.classes > 1 else _COLUMNS
        images = synthesise(state, _ROWS * classes, equal=True, seed=0).images
        shown = images.reshape(_ROWS, classes, *images.shape[1:])[:, :_COLUMNS]
        sheet = grid(shown.reshape(-1, *images.shape[1:]), columns=shown.shape[1])
        save_picture(sheet, self._folder.path / SAMPLES)
