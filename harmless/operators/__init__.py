"""Linear layers and preprocessing as operators: shapes, A x and A^T y, never a matrix."""

from harmless.operators.base import LinearOperator, Shape, columns, rows, to_matrix
from harmless.operators.combining import Composed, Stacked
from harmless.operators.convolution import Convolution, average_pooling, patch_embedding
from harmless.operators.elementary import LinearFunction, Resize, Scale, channel_mix, greyscale
from harmless.operators.gather import Gather, crop, reshaping
from harmless.operators.matrix import Matrix
from harmless.operators.simplify import simplified

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
