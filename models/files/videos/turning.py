"""How a stored picture is turned before it is shown: the display matrix of a track (ISO/IEC 14496-12, 8.3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Turning:
    """Quarter turns and mirrors that lead from a stored picture to the one that people see.

    Attributes:
        transposed: rows become columns first.
        mirrored: left and right are exchanged then.
        upside_down: top and bottom are exchanged then.
        matrix: the nine numbers that a copy gets as they are; None where the file gives none.
    """

    transposed: bool = False
    mirrored: bool = False
    upside_down: bool = False
    matrix: tuple[int, ...] | None = None

    @classmethod
    def of(cls, matrix: tuple[int, ...] | None) -> Turning:
        """Read a display matrix.

        Args:
            matrix: nine numbers; None for none.

        Returns:
            The nearest turning: angles between quarter turns are not undone.
        """
        if matrix is None or len(matrix) != 9:
            return cls()
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0, matrix)
        return cls(False, a < 0, d < 0, matrix)

    def upright(self, stored: np.ndarray) -> np.ndarray:
        """Turn a stored picture.

        Args:
            stored: (H, W, ...).

        Returns:
            A view of it, as people see it.
        """
        shown = stored.swapaxes(0, 1) if self.transposed else stored
        return self._flipped(shown)

    def back(self, shown: np.ndarray) -> np.ndarray:
        """Turn a picture that people see.

        Args:
            shown: (H, W, ...).

        Returns:
            A view of it, as it is stored.
        """
        flipped = self._flipped(shown)
        return flipped.swapaxes(0, 1) if self.transposed else flipped

    def stored_part(self, rows: slice, columns: slice, height: int, width: int) -> tuple[slice, slice]:
        """Tell where a part of the shown picture is stored.

        Args:
            rows: of the shown picture.
            columns: of the shown picture.
            height: of the shown picture, in pixels.
            width: of the shown picture, in pixels.

        Returns:
            Rows and columns of the stored picture.
        """
        if self.mirrored:
            columns = slice(width - columns.stop, width - columns.start)
        if self.upside_down:
            rows = slice(height - rows.stop, height - rows.start)
        return (columns, rows) if self.transposed else (rows, columns)

    def _flipped(self, picture: np.ndarray) -> np.ndarray:
        picture = picture[:, ::-1] if self.mirrored else picture
        return picture[::-1] if self.upside_down else picture
