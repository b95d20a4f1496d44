"""A map and a byte raster on its grid, counted as they lie: large rasters are read once, whatever their codes mean."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landcover.assess.pieces import LARGEST
from landcover.assess.survey import open_map, read_map
from landcover.grid import Grid, cut
from landcover.histogram import joint_counts
from landcover.owners import BLOCK, block_names
from landcover.parallel import Each, on_all_cores
from landcover.progress import Progress
from landcover.raster import OpenInThreads, grid_of, has_mask, open_raster, read_band

MANY = 64
"""In a reference raster of more cells than this, blocks are the cells."""


@dataclass(frozen=True)
class RawPairs:
    """Four (n,): in a block, `mapped` and `codes` met so many `pixels` times; `blocks` are names as of owners."""

    blocks: NDArray[np.int64]
    mapped: NDArray[np.int64]
    codes: NDArray[np.int64]
    pixels: NDArray[np.int64]

    def values(self) -> Counter[int]:
        """How often each code of the reference occurs."""
        found: Counter[int] = Counter()
        for code in np.unique(self.codes).tolist():
            found[code] = int(self.pixels[self.codes == code].sum())
        return found

    def shown(self) -> dict[int, int]:
        """The pixels of each value of the map, 0 not among them."""
        values = np.unique(self.mapped[self.mapped > 0]).tolist()
        return {value: int(self.pixels[self.mapped == value].sum()) for value in values}


def count_raw(
    map_path: Path, reference: str, block: int | None, progress: Progress, each: Each = on_all_cores
) -> RawPairs | None:
    """In blocks of the largest size; None where blocks shall be smaller, or where the reference is no raster of bytes
    whose pixels are those of the map and cover it all, without a mask. Raises ImageError."""
    with open_map(map_path) as dataset:
        grid = grid_of(dataset)
    cells = list(cut(grid.whole, LARGEST))
    if (block is None and len(cells) <= MANY) or block not in (None, LARGEST):
        return None
    with open_raster(reference) as dataset:
        own = grid_of(dataset)
        if dataset.count != 1 or dataset.dtypes[0] != "uint8" or has_mask(dataset) or not _covers(own, grid):
            return None
    place = own.place(grid)

    def count(cell: Window) -> tuple[NDArray[np.int64], ...]:
        there = Window(cell.col_off + place.col_off, cell.row_off + place.row_off, cell.width, cell.height)
        mapped, codes, pixels = joint_counts(read_map(files(map_path), cell), read_band(files(reference), there))
        name = block_names(np.array([cell.row_off // BLOCK]), np.array([cell.col_off // BLOCK]))
        return np.repeat(name, len(pixels)), mapped, codes, pixels

    parts = []
    with OpenInThreads() as files, progress("comparing", len(cells), "cells") as advance:
        for part in each(count, cells):
            parts.append(part)
            advance(1)
    return RawPairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _covers(own: Grid, grid: Grid) -> bool:
    if not grid.aligned(own):
        return False
    part = grid.place(own)
    right, bottom = part.col_off + part.width, part.row_off + part.height
    return part.col_off <= 0 and part.row_off <= 0 and right >= grid.width and bottom >= grid.height
