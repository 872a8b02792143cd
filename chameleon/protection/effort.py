"""How much is done for each photo."""

from __future__ import annotations

from dataclasses import dataclass, replace

from guise.chameleon.learning.refine import RefinementSettings
from guise.chameleon.protection.patience import MOST_PATIENCE, PATIENCE
from guise.models.errors import InputError


@dataclass(frozen=True)
class Effort:
    """What is done for each photo.

    Attributes:
        refinement: how the mask is fitted to it.
        patience: how often it is fitted again if a recogniser still links it.
    """

    refinement: RefinementSettings
    patience: int

    def with_own(self, refine: int | None, patience: int | None) -> Effort:
        """Change what the user asked for.

        Args:
            refine: steps of the refinement; None leaves them.
            patience: None leaves it.

        Returns:
            The effort.

        Raises:
            InputError: one is out of range.
        """
        if refine is not None and (type(refine) is not int or not 0 <= refine <= _MOST_STEPS):
            what = f"give a whole number of steps from 0 to {_MOST_STEPS}"
            raise InputError(f"`refine={refine}` is out of range: {what}")
        if patience is not None and (type(patience) is not int or not 0 <= patience <= MOST_PATIENCE):
            raise InputError(f"`patience={patience}` is out of range: give a whole number from 0 to {MOST_PATIENCE}")
        refinement = self.refinement if refine is None else replace(self.refinement, steps=refine)
        return Effort(refinement, self.patience if patience is None else patience)


_MOST_STEPS = 1000

USUAL = Effort(RefinementSettings(), PATIENCE)
"""What `protect` does unless it is told otherwise."""
