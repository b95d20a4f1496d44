"""Labels from a raster of class codes, on a grid."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from landcover.errors import LabelError
from landcover.grid import Grid, clip, cut, grow, name_of
from landcover.histogram import byte_counts
from landcover.owners import UNTOUCHED, Owners
from landcover.parallel import on_all_cores
from landcover.raster import MASKED, OpenInThreads, grid_of, has_mask, open_raster, read_band
from landcover.remap import NODATA, Code, Remap
from landcover.scheme import BACKGROUND

READ = 2048
"""A raster is looked through in cells of this many pixels a side."""


@dataclass(frozen=True)
class Pixels:
    """A raster of class codes. `values` is the class value of each pixel value that occurs, UNTOUCHED for one that
    says nothing: nodata and 0, unless the remap gives them a class."""

    path: str
    grid: Grid
    bounds: tuple[float, float, float, float]
    values: Mapping[int, int]
    codes: Mapping[Code, int]
    unused: int
    owned: ClassVar[int] = 0
    """It has no polygons."""

    def windows(self, grid: Grid) -> Iterator[Window]:
        yield grid.cover(self.bounds)

    def read_owned(self, grid: Grid, window: Window) -> tuple[NDArray[np.uint8], Owners]:
        """As `read`, and which square block of the grid each is in."""
        return self.read(grid, window), Owners.of_blocks(window)

    def read(self, grid: Grid, window: Window) -> NDArray[np.uint8]:
        """Class values (rows, columns), UNTOUCHED where nothing is said."""
        if clip(window, *grid.shape) is None or not _overlap(self.bounds, grid.box(window)):
            return np.full((int(window.height), int(window.width)), UNTOUCHED, np.uint8)
        with open_raster(self.path) as dataset:
            if grid.aligned(self.grid):
                return self._classes(dataset, self._place(grid, window))
            # a nodata value that does not occur: the real one may have a class
            with WarpedVRT(
                dataset, crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height,
                resampling=Resampling.nearest, src_nodata=self.unused, add_alpha=True,
            ) as warped:  # fmt: skip
                return self._classes(warped, window)

    def _classes(self, dataset: DatasetReader, window: Window) -> NDArray[np.uint8]:
        classes = np.full((int(window.height), int(window.width)), UNTOUCHED, np.uint8)
        inside = clip(window, dataset.height, dataset.width)
        if inside is None:
            return classes
        values = read_band(dataset, inside)
        # the alpha band of a warp is 0 outside the source
        there = np.asarray(dataset.read(dataset.count, window=inside)) > 0 if dataset.count > 1 else np.True_
        row, column = inside.row_off - window.row_off, inside.col_off - window.col_off
        part = classes[row : row + inside.height, column : column + inside.width]
        np.copyto(part, self._looked_up(values), where=there)
        return classes

    def _place(self, grid: Grid, window: Window) -> Window:
        column, row = self.grid.position(grid)
        return Window(window.col_off + round(column), window.row_off + round(row), window.width, window.height)

    def byte_classes(self) -> NDArray[np.uint8]:
        """(256,) the class value of each pixel value of a byte raster."""
        return np.array([self.values.get(v, UNTOUCHED) for v in range(256)], np.uint8)

    def _looked_up(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        # outside the source a warp may show a value that the source does not hold
        if values.dtype == np.uint8:
            return np.take(self.byte_classes(), values)
        found, position = np.unique(values, return_inverse=True)
        table = np.array([self.values.get(v, UNTOUCHED) for v in found.tolist()], np.uint8)
        return table[position.reshape(values.shape)]


def open_pixels(path: str, grid: Grid, remap: Remap, counted: Mapping[int, int] | None) -> Pixels:
    """`counted`: how often each value occurs on the grid, if that is known. Raises LabelError."""
    with open_raster(path) as dataset:
        own = grid_of(dataset)
        if dataset.count != 1:
            raise LabelError(f"{path}: has {dataset.count} bands; a label raster has one")
        if not np.issubdtype(np.dtype(dataset.dtypes[0]), np.integer):
            raise LabelError(f"{path}: pixels are {dataset.dtypes[0]}; class codes are whole numbers")
        if has_mask(dataset):
            raise LabelError(f"{path}: {MASKED}")
        nodata = dataset.nodata
    bounds = _bounds_on(path, own, grid)
    found = _values(path, _part_on(own, grid)) if counted is None else counted
    # a remap that names the nodata value itself means it
    meaning: dict[int, Code] = {v: NODATA if v == nodata and v not in remap.exact else v for v in found}
    codes: Counter[Code] = Counter()
    for value, code in meaning.items():
        codes[code] += found[value]
    classes = {v: UNTOUCHED if _says_nothing(code, remap) else remap(code) or 0 for v, code in meaning.items()}
    unused = next(v for v in range(len(found) + 1) if v not in found)
    return Pixels(path, own, bounds, classes, codes, unused)


def _part_on(own: Grid, grid: Grid) -> Window | None:
    """The window of a raster that a grid shows: of a country's labels, those of the image."""
    if grid.aligned(own):
        return clip(own.place(grid), *own.shape)
    try:
        window = own.cover(transform_bounds(grid.crs, own.crs, *grid.bounds))
    except (RasterioError, ValueError, OverflowError):
        return own.whole
    # the sides of a grid are curves elsewhere
    return clip(grow(window, 2 + max(window.height, window.width) // 100), *own.shape)


def _values(path: str, part: Window | None) -> Counter[int]:
    """How often each value of a raster occurs in a window."""
    found: Counter[int] = Counter()
    cells = [] if part is None else cut(part, READ)
    with OpenInThreads() as files:
        for counted in on_all_cores(lambda window: _counts(read_band(files(path), window)), cells):
            found.update(counted)
    return found


def _counts(values: NDArray[Any]) -> dict[int, int]:
    """How often each value occurs."""
    if values.dtype == np.uint8:
        several, number = np.arange(256), byte_counts(values)
        several, number = several[number > 0], number[number > 0]
    else:
        several, number = np.unique(values, return_counts=True)
    return dict(zip(several.tolist(), number.tolist(), strict=True))


def _says_nothing(code: Code, remap: Remap) -> bool:
    return code not in remap.exact and (code == NODATA or (code == BACKGROUND and remap(code) == BACKGROUND))


def _bounds_on(path: str, own: Grid, grid: Grid) -> tuple[float, float, float, float]:
    """Where a label raster lies in the CRS of another grid. Raises LabelError where it cannot."""
    try:
        bounds = transform_bounds(own.crs, grid.crs, *own.bounds)
    except RasterioError:
        bounds = (np.nan,) * 4
    if not np.isfinite(bounds).all():
        raise LabelError(
            f"{path}: cannot be brought from {name_of(own.crs)} to {name_of(grid.crs)}: is its CRS the right one?"
        )
    return bounds


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
