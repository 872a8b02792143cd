"""Linear layers and preprocessing as operators: shapes, A x and A^T y, never a matrix."""

from guise.harmless.operators.base import LinearOperator, Shape, columns, rows, to_matrix
from guise.harmless.operators.combining import Composed, Stacked
from guise.harmless.operators.convolution import Convolution, average_pooling, patch_embedding
from guise.harmless.operators.elementary import LinearFunction, Resize, Scale, channel_mix, greyscale
from guise.harmless.operators.gather import Gather, crop, reshaping
from guise.harmless.operators.matrix import Matrix
from guise.harmless.operators.simplify import simplified

__all__ = [
    "Composed",
    "Convolution",
    "Gather",
    "LinearFunction",
    "LinearOperator",
    "Matrix",
    "Resize",
    "Scale",
    "Shape",
    "Stacked",
    "average_pooling",
    "channel_mix",
    "columns",
    "crop",
    "greyscale",
    "patch_embedding",
    "reshaping",
    "rows",
    "simplified",
    "to_matrix",
]
