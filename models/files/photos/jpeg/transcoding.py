"""Change blocks of a JPEG and leave all others as they are, to the bit."""

import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np

from guise.models.errors import ImageError, first_line
from guise.models.files.photos.containers import bare_jpeg
from guise.models.files.photos.jpeg.blocks import BlockChange
from guise.models.files.photos.jpeg.layout import BLOCK, CompressedJpeg

_CHILD = Path(__file__).with_name("child.py")
_COMPONENTS = ("Y", "Cb", "Cr")
_LONGEST = 600  # seconds; 200 megapixels take 30
_last: dict[bytes, bytes] = {}  # by its task's hash: a copy is looked at, and then written


class BlockError(ImageError):
    """The blocks of a JPEG cannot be kept."""


def changed_blocks(original: CompressedJpeg, changes: Sequence[BlockChange]) -> bytes:
    """Write a JPEG with other blocks, upright.

    Args:
        original: whose blocks are kept.
        changes: what to add to some of them.

    Returns:
        A file without metadata. It has the layout's tables, and the original's sampling and kind of scans.

    Raises:
        BlockError: its blocks cannot be read.
    """
    layout = original.layout
    rows, columns = (side // BLOCK for side in layout.unit)
    how = (layout.progressive, layout.swaps, *layout.flips, rows, columns, len(changes))
    task = {"how": np.array(how, np.int64), "source": np.frombuffer(bare_jpeg(original.data), np.uint8)}
    for number, change in enumerate(changes):
        task[f"{number} at"] = np.array([change.row, change.column], np.int64)
        task |= {f"{number} {_COMPONENTS[at]}": steps for at, steps in enumerate(change.steps)}
    task |= {f"finer {_COMPONENTS[at]}": factors for at, factors in enumerate(original.factors or ())}
    np.savez(archive := BytesIO(), **task)  # type: ignore[arg-type]  # numpy's stubs take names for its own option
    asked = sha256(archive.getbuffer()).digest()
    if asked not in _last:
        done = _run(archive.getvalue())
        _last.clear()
        _last[asked] = done
    return _last[asked]


def _run(task: bytes) -> bytes:
    """Have the child do a task."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD)],
            input=task,
            capture_output=True,
            timeout=_LONGEST,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BlockError(f"its blocks cannot be changed ({first_line(error)})") from error
    if done.returncode or not done.stdout.startswith(b"\xff\xd8"):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BlockError(f"its blocks cannot be read ({said[-1] if said else f'exit code {done.returncode}'})")
    return done.stdout
