"""Whether the borders of tiles can be seen in a map: how often neighbours differ across them, and elsewhere."""

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

Line = NDArray[np.uint8]


class Seams:
    """Counts pairs of neighbouring pixels with a class whose classes differ: across borders of tiles, and inside them
    where neighbours lie alike in the network's strides, `multiple` pixels apart."""

    def __init__(self, multiple: int) -> None:
        self._multiple = multiple
        self._border, self._inside = np.zeros(2, np.int64), np.zeros(2, np.int64)
        self._right: dict[tuple[int, int], Line] = {}
        self._below: dict[tuple[int, int], Line] = {}

    def add(self, classes: NDArray[np.uint8], window: Window) -> None:
        """A tile (rows, columns). Tiles come row by row."""
        row, column = window.row_off, window.col_off
        for edges, first in ((self._right, classes[:, 0]), (self._below, classes[0])):
            before = edges.pop((row, column), None)
            if before is not None:
                self._border += _pairs(before, first)
        step = self._multiple
        for turned in (classes, classes.T):
            self._inside += _pairs(turned[step - 1 : -1 : step], turned[step::step])
        self._right[row, column + window.width] = classes[:, -1].copy()
        self._below[row + window.height, column] = classes[-1].copy()

    @property
    def ratio(self) -> float | None:
        """The share of pairs that differ across borders over that inside, 1 without seams; None where nothing can be
        told."""
        (border, changed), (inside, also) = self._border, self._inside
        return float(changed / border / (also / inside)) if border and also else None


def _pairs(one: Line, other: Line) -> NDArray[np.int64]:
    """(pairs, those that differ)."""
    there = (one > 0) & (other > 0)
    return np.array([np.count_nonzero(there), np.count_nonzero(there & (one != other))], np.int64)
