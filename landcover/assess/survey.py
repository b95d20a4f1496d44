"""What a map shows in all: the pixels and the ground of each class, and pixels drawn from them at random."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.area import pixel_areas
from landcover.classraster import CONFIDENCE, CONTENT_TAG
from landcover.errors import ImageError
from landcover.grid import Grid, cut
from landcover.histogram import byte_counts
from landcover.parallel import Each, on_all_cores
from landcover.progress import Progress, silent
from landcover.raster import BLOCK, MASKED, OpenInThreads, grid_of, has_mask, open_raster, read_band
from landcover.scheme import BACKGROUND
from landcover.sources import VECTOR_SUFFIXES

CELL = 2048
"""Pixels a side of what is read at a time."""

WHOLE = 0
"""The stratum of a sample that has no strata: all that is mapped. No class has this value."""


@dataclass(frozen=True)
class Survey:
    """`pixels` and `square_metres` of each value of a map, 0 not among them. `by_cell` (cells, 256): the pixels of each
    value in each cell; `row_areas` (rows,): square metres of a pixel."""

    grid: Grid
    pixels: dict[int, int]
    square_metres: dict[int, float]
    cells: tuple[Window, ...]
    by_cell: NDArray[np.int32]
    row_areas: NDArray[np.float64]


@contextmanager
def open_map(path: Path) -> Iterator[DatasetReader]:
    """A raster that can be a map. Raises ImageError for one that cannot."""
    if path.suffix.lower() in VECTOR_SUFFIXES:
        raise ImageError(f"{path}: is a layer of features, not a map: name the map first, then the reference")
    with open_raster(path) as dataset:
        if dataset.count != 1 or dataset.dtypes[0] != "uint8":
            raise ImageError(f"{path}: is no map: {dataset.count} bands of {dataset.dtypes[0]}, expected one of uint8")
        if dataset.tags().get(CONTENT_TAG) == CONFIDENCE:
            raise ImageError(f"{path}: is the confidence of a map, not a map: name the map")
        if has_mask(dataset):
            raise ImageError(f"{path}: {MASKED}")
        yield dataset


def read_map(dataset: DatasetReader, window: Window) -> NDArray[np.uint8]:
    """Class values (rows, columns) of an open map, 0 where there is no data, whatever the file declares for that."""
    values: NDArray[np.uint8] = read_band(dataset, window, fill=BACKGROUND)
    if dataset.nodata not in (None, BACKGROUND):
        values[values == dataset.nodata] = BACKGROUND
    return values


def survey(path: Path, progress: Progress = silent, each: Each = on_all_cores) -> Survey:
    """Read a map once; `each`: who counts the cells. Raises ImageError for one that is none, or that shows no class."""
    with open_map(path) as dataset:
        grid = grid_of(dataset)
        areas = pixel_areas(grid)
        even = bool(np.ptp(areas) == 0)
        cells = tuple(cut(grid.whole, CELL))
    by_cell = np.zeros((len(cells), 256), np.int32)
    ground = np.zeros(256)

    def count(cell: Window) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        values = read_map(files(path), cell)
        if even:
            return byte_counts(values), None
        heights = areas[cell.row_off : cell.row_off + cell.height]
        ground = np.bincount(values.ravel(), np.repeat(heights, cell.width), minlength=256)
        return byte_counts(values), np.asarray(ground, np.float64)

    with OpenInThreads() as files, progress("reading the map", len(cells), "cells") as advance:
        for index, (counts, covered) in enumerate(each(count, cells)):
            by_cell[index] = counts
            if covered is not None:
                ground += covered
            advance(1)
    pixels = by_cell.sum(axis=0, dtype=np.int64)
    if even:
        ground = pixels * areas[0]
    found = [value for value in np.flatnonzero(pixels).tolist() if value]
    if not found:
        raise ImageError(f"{path}: shows no class anywhere: all of it is 0")
    return Survey(
        grid, {v: int(pixels[v]) for v in found}, {v: float(ground[v]) for v in found}, cells, by_cell, areas
    )  # fmt: skip


def draw(
    path: Path, known: Survey, wanted: Mapping[int, int], seed: int, progress: Progress = silent
) -> dict[int, NDArray[np.int64]]:
    """Pixels (n, 2: row, column) of each value, `wanted` of each, every pixel of a value as likely as any other and
    none twice; of `WHOLE`, from all that is mapped.

    Only the ranks of the drawn pixels among those of their value are kept, so that memory does not grow with the map.
    """
    random = np.random.default_rng(seed)
    drawn: dict[int, list[NDArray[np.int64]]] = {value: [] for value in wanted}
    ranks: dict[int, NDArray[np.int64]] = {}
    starts: dict[int, NDArray[np.int64]] = {}
    for value, number in wanted.items():
        counts = (known.by_cell[:, 1:].sum(axis=1) if value == WHOLE else known.by_cell[:, value]).astype(np.int64)
        starts[value] = np.concatenate([[0], np.cumsum(counts)])
        ranks[value] = np.sort(random.choice(int(starts[value][-1]), number, replace=False))
    with open_raster(path) as dataset, progress("drawing points", len(known.cells), "cells") as advance:
        for index, cell in enumerate(known.cells):
            here = {v: _between(r, starts[v][index], starts[v][index + 1]) for v, r in ranks.items()}
            if any(len(r) for r in here.values()):
                values = read_map(dataset, cell)
                for value, local in here.items():
                    rows, columns = np.nonzero(values if value == WHOLE else values == value)
                    place = np.stack([rows[local] + cell.row_off, columns[local] + cell.col_off], axis=1)
                    drawn[value].append(place.astype(np.int64))
            advance(1)
    return {value: np.concatenate([*places, np.zeros((0, 2), np.int64)]) for value, places in drawn.items()}


def _between(ranks: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
    """The ranks of a cell, counted from its own first pixel."""
    first, last = np.searchsorted(ranks, [start, stop])
    return ranks[first:last] - start


def draw_systematically(
    path: Path, known: Survey, number: int, seed: int, progress: Progress = silent
) -> NDArray[np.int64]:
    """Pixels (n, 2: row, column) on a square net with a random start, as wide as gives about `number` of them on what
    is mapped; those where the map shows nothing are left out."""
    random = np.random.default_rng(seed)
    width = (sum(known.pixels.values()) / number) ** 0.5
    first_row, first_column = random.uniform(0, width, 2)
    rows = np.floor(np.arange(first_row, known.grid.height, width)).astype(np.int64)
    columns = np.floor(np.arange(first_column, known.grid.width, width)).astype(np.int64)
    drawn = []
    with open_raster(path) as dataset, progress("drawing points", len(known.cells), "cells") as advance:
        for cell in known.cells:
            down = rows[(rows >= cell.row_off) & (rows < cell.row_off + cell.height)]
            across = columns[(columns >= cell.col_off) & (columns < cell.col_off + cell.width)]
            if len(down) and len(across):
                values = read_map(dataset, cell)[np.ix_(down - cell.row_off, across - cell.col_off)]
                found_rows, found_columns = np.nonzero(values)
                drawn.append(np.stack([down[found_rows], across[found_columns]], axis=1))
            advance(1)
    return np.concatenate([*drawn, np.zeros((0, 2), np.int64)])


def values_at(path: Path, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) what a map shows at pixels (n, 2: row, column), 0 outside it."""
    values = np.zeros(len(places), np.int64)
    with open_raster(path) as dataset:
        height, width = dataset.height, dataset.width
        # in the order of the file, so that no block is read twice
        for index in np.lexsort((places[:, 1] // BLOCK, places[:, 0] // BLOCK)).tolist():
            row, column = places[index].tolist()
            if 0 <= row < height and 0 <= column < width:
                values[index] = int(read_map(dataset, Window(column, row, 1, 1))[0, 0])
    return values
