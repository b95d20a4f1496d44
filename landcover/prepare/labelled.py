"""Labels and image data in windows that pass over a mosaic, read only where there are labels, and each pixel once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.grid import cut, within
from landcover.imagereader import ImageReader
from landcover.raster import read_band, read_window, stored_blocks

SQUARE = 64
"""Pixels a side of the squares by which it is known where labels are."""

CELL = 128
"""Pixels a side of what is read at a time."""


@dataclass(frozen=True)
class Squares:
    """In which squares (rows, columns) of a grid there is any label."""

    labelled: NDArray[np.bool_]

    def runs(self, strip: Window, columns: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
        """Which of the windows of `size` at columns of a strip, in ascending order, have labels in or near them: their
        indices, those of windows that overlap together."""
        rows = slice(max(strip.row_off, 0) // SQUARE, (strip.row_off + size - 1) // SQUARE + 1)
        sums = np.concatenate([[0], np.cumsum(self.labelled[rows].any(axis=0))])
        first, last = (np.clip(c // SQUARE, 0, len(sums) - 1) for c in (columns, columns + size + SQUARE - 1))
        near = np.flatnonzero(sums[last] > sums[first])
        return np.split(near, np.flatnonzero(np.diff(columns[near]) >= size) + 1) if len(near) else []

    def touch(self, cell: Window) -> bool:
        """Whether there is any in a cell."""
        rows, columns = (slice(n // SQUARE, (n + CELL) // SQUARE) for n in (cell.row_off, cell.col_off))
        return bool(self.labelled[rows, columns].any())


class Labelled:
    """What an image and its labels, both on one grid, hold under windows. These are to move from top to bottom: what
    lies above the last one is forgotten, and read again if a later window is above it."""

    def __init__(self, image: ImageReader, classes: DatasetReader, squares: Squares) -> None:
        self._image, self._classes, self._squares = image, classes, squares
        self._held: dict[tuple[int, int], tuple[NDArray[np.uint8], NDArray[np.bool_]]] = {}
        self._row = 0

    def read(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Labels (rows, columns), 0 where the image has no data, and where it has."""
        labels = np.zeros((window.height, window.width), np.uint8)
        valid = np.zeros(labels.shape, bool)
        self._forget(window.row_off)
        for part in cut(window, CELL):
            cell = Window(part.col_off // CELL * CELL, part.row_off // CELL * CELL, CELL, CELL)
            here, there = within(part, window), within(part, cell)
            held = self._cell(cell)
            labels[here], valid[here] = held[0][there], held[1][there]
        return labels, valid

    def _cell(self, cell: Window) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        place = cell.row_off, cell.col_off
        if place not in self._held:
            valid = self._image.read_valid(cell)
            touched = self._squares.touch(cell)
            labels = read_band(self._classes, cell) if touched else np.zeros(valid.shape, np.uint8)
            labels[~valid] = 0
            self._held[place] = labels, valid
        return self._held[place]

    def _forget(self, row: int) -> None:
        """Cells that end above a row; all of them if it lies above the last one."""
        if row < self._row:
            self._held.clear()
        elif row > self._row:
            self._held = {place: held for place, held in self._held.items() if place[0] + CELL > row}
        self._row = row


def labelled_squares(classes: DatasetReader) -> Squares:
    """Of a raster of labels, 0 where there is none."""
    found = np.zeros((-(-classes.height // SQUARE), -(-classes.width // SQUARE)), bool)
    for block in stored_blocks(classes):
        rows, columns = _starts(block.row_off, block.height), _starts(block.col_off, block.width)
        most = np.maximum.reduceat(
            np.maximum.reduceat(read_window(classes, block, band=1), rows, axis=0), columns, axis=1
        )
        top, left = block.row_off // SQUARE, block.col_off // SQUARE
        found[top : top + len(rows), left : left + len(columns)] |= most > 0
    return Squares(found)


def _starts(offset: int, length: int) -> NDArray[np.int64]:
    """Where squares start in a stretch of pixels, the first at its own start."""
    return np.maximum(np.arange(offset // SQUARE * SQUARE, offset + length, SQUARE) - offset, 0)
