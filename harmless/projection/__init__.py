"""Projection onto null spaces: one way for each structure that an operator may have."""

from guise.harmless.projection.banded import Banded
from guise.harmless.projection.base import Projector
from guise.harmless.projection.blocks import Blocks
from guise.harmless.projection.choice import leakage, projector
from guise.harmless.projection.dense import Dense
from guise.harmless.projection.fourier import Fourier
from guise.harmless.projection.iterative import CGSettings, ConjugateGradients, largest_singular_value
from guise.harmless.projection.mask import MaskProjector
from guise.harmless.projection.near_null import NearNull
from guise.harmless.projection.selection import SelectionProjector

__all__ = [
    "Banded",
    "Blocks",
    "CGSettings",
    "ConjugateGradients",
    "Dense",
    "Fourier",
    "MaskProjector",
    "NearNull",
    "Projector",
    "SelectionProjector",
    "largest_singular_value",
    "leakage",
    "projector",
]
