"""PyAV, which brings FFmpeg: loaded when the first video is read, and kept quiet."""

from __future__ import annotations

import os
from typing import Any

from guise.models.errors import ImageError

_QUIET = {"SVT_LOG": "0"}  # SVT-AV1 writes to stderr by itself


def pyav() -> Any:
    """Load PyAV.

    Returns:
        The module `av`.

    Raises:
        ImageError: it is not installed, or does not run here.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import av
        import av.logging
    except ImportError as error:
        raise ImageError("videos need PyAV, which is not here: `pip install 'av>=18'`") from error
    av.logging.set_level(None)
    av.logging.set_libav_level(av.logging.PANIC)
    return av
