"""What the pixels of a reference belong to: polygons, and square blocks of a raster."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

UNTOUCHED = 255
"""In a part of the labels: no polygon and no raster pixel here. Not a class, and not 0, which may be meant."""

BLOCK = 64
"""Pixels a side of the squares that the labels of a raster are told apart by."""

BLOCKS_ACROSS = 2**31
"""More than the widest grid has."""


@dataclass(frozen=True)
class Owners:
    """What the labels of a window belong to, a polygon or a block: `names[local]` (rows, columns), where there is a
    label. Polygons are numbered from 0, blocks from -1 down: see `block_place`."""

    local: NDArray[np.int32]
    names: NDArray[np.int64]

    @classmethod
    def of_blocks(cls, window: Window) -> "Owners":
        rows = np.arange(window.row_off, window.row_off + window.height, dtype=np.int64) // BLOCK
        columns = np.arange(window.col_off, window.col_off + window.width, dtype=np.int64) // BLOCK
        down, across = np.unique(rows), np.unique(columns)
        local = (rows - rows[0])[:, None] * len(across) + (columns - columns[0])[None, :]
        return cls(local.astype(np.int32), block_names(down[:, None], across[None, :]).ravel())

    def covered(self, others: "Owners", there: NDArray[np.bool_], start: int) -> "Owners":
        """With the others' where they are; `start`: how many polygons came before."""
        local = np.where(there, others.local + np.int32(len(self.names)), self.local)
        names = np.where(others.names >= 0, others.names + start, others.names)
        return Owners(local, np.concatenate([self.names, names]))


def block_names(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of blocks by their place on the grid, counted in blocks."""
    return -1 - (rows * BLOCKS_ACROSS + columns)


def block_place(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 2: row, column) of blocks on the grid, counted in blocks, from their names (n,)."""
    return np.stack(np.divmod(-1 - names, BLOCKS_ACROSS), axis=1)
