"""Whether the borders of tiles can be seen in a map: how often neighbours differ across them, and beside them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

Line = NDArray[np.uint8]

FEW = 20
"""Of fewer tiles there is no interval: how tiles differ is not known."""


class Borders(NamedTuple):
    """The share of neighbours that differ across borders over that beside them, 1 without seams; the interval of 95 %
    by how tiles differ, None of few tiles."""

    ratio: float
    interval: tuple[float, float] | None


class Seams:
    """Counts pairs of neighbouring pixels with a class whose classes differ: across borders of tiles, and beside them
    where neighbours lie alike in the network's strides, `multiple` pixels apart, and as near to a border as tiles are
    blended, `halo` pixels: what is the mean of two tiles is smoother than what one of them says, seam or not. Without a
    halo in all of a tile."""

    def __init__(self, multiple: int, halo: int = 0) -> None:
        self._multiple, self._halo = multiple, halo
        # of a tile: pairs across its borders to those before it, and those that differ; pairs beside them, and those
        self._sums, self._products = np.zeros(4), np.zeros((4, 4))
        self._tiles = 0
        self._right: dict[tuple[int, int], Line] = {}
        self._below: dict[tuple[int, int], Line] = {}

    def add(self, classes: NDArray[np.uint8], window: Window) -> None:
        """A tile (rows, columns). Tiles come row by row."""
        row, column = window.row_off, window.col_off
        border, beside = np.zeros(2), np.zeros(2)
        for edges, first in ((self._right, classes[:, 0]), (self._below, classes[0])):
            before = edges.pop((row, column), None)
            if before is not None:
                border += _pairs(before, first)
        for turned in (classes, classes.T):
            lines = np.arange(self._multiple, len(turned), self._multiple)
            near = lines[np.minimum(lines, len(turned) - lines) <= (self._halo or len(turned))]
            beside += _pairs(turned[near - 1], turned[near])
        counted = np.concatenate([border, beside])
        self._sums += counted
        self._products += np.outer(counted, counted)
        self._tiles += bool(classes.any())
        self._right[row, column + window.width] = classes[:, -1].copy()
        self._below[row + window.height, column] = classes[-1].copy()

    @property
    def borders(self) -> Borders | None:
        """None where nothing can be told, for next to nothing changes."""
        border, changed, beside, also = self._sums
        if not (changed and also):
            return None
        ratio = float(changed / border / (also / beside))
        if self._tiles < FEW:
            return Borders(ratio, None)
        # by how much a tile moves the logarithm of the ratio (the delta method)
        moved = np.array([-1 / border, 1 / changed, 1 / beside, -1 / also])
        reach = 1.96 * np.sqrt(moved @ self._products @ moved)
        return Borders(ratio, (float(ratio * np.exp(-reach)), float(ratio * np.exp(reach))))


def _pairs(one: Line, other: Line) -> NDArray[np.int64]:
    """(pairs, those that differ)."""
    there = (one > 0) & (other > 0)
    return np.array([np.count_nonzero(there), np.count_nonzero(there & (one != other))], np.int64)
