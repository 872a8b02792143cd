"""The bounds on what one record adds to each release: clipping keeps to them, noise is scaled by them."""

MOMENTS_NORM = 1.0
"""Of a record's mean features."""
HEAD_NORM = 10.0
"""Of a record's gradient of the class head."""
STEM_NORM = 1.0
"""Of a record's gradient of the classifier that the first layer is trained with."""
FEATURE_NORM = 1.0
"""Of a record's feature in an aggregation step: release 1."""
GRADIENT_NORM = 1.0
"""Of a record's gradient in an aggregation step: release 2."""
