"""Labels as the scheme's classes on a grid, from polygons or rasters in any CRS: for training and for assessing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from shapely.geometry import box

from landcover.classfield import find_field
from landcover.errors import LabelError
from landcover.grid import Grid, clip, cut, grow, name_of
from landcover.histogram import byte_counts
from landcover.owners import Owners
from landcover.parallel import on_all_cores
from landcover.raster import MASKED, OpenInThreads, grid_of, has_mask, open_raster, read_band
from landcover.remap import NODATA, Code, Remap, code_of
from landcover.scheme import BACKGROUND
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.vector import read_polygons

UNTOUCHED = 255
"""In a part of the labels: no polygon and no raster pixel here. Not a class, and not 0, which may be meant."""

CELL = 1024
"""Labels are made in cells of this many pixels a side, always the same ones, so that a map has one answer."""


@dataclass(frozen=True)
class Polygons:
    """Polygons on the grid's CRS with the class value each stands for; a later one covers an earlier one."""

    path: str
    field: str
    frame: gpd.GeoDataFrame
    values: NDArray[np.uint8]
    codes: Mapping[Code, int]

    @property
    def owned(self) -> int:
        """How many polygons there are."""
        return len(self.values)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        left, bottom, right, top = self.frame.total_bounds.tolist()
        return left, bottom, right, top

    def windows(self, grid: Grid) -> Iterator[Window]:
        for bounds in self.frame.geometry.bounds.itertuples(index=False):
            yield grid.cover(tuple(bounds))

    def read(self, grid: Grid, window: Window) -> NDArray[np.uint8]:
        """Class values (rows, columns), UNTOUCHED where there is no polygon."""
        return self.read_owned(grid, window)[0]

    def read_owned(self, grid: Grid, window: Window) -> tuple[NDArray[np.uint8], "Owners"]:
        """As `read`, and which polygon each is of."""
        touched = np.sort(self.frame.sindex.query(box(*grid.box(window)))).astype(np.int64)
        part = grid.part(window)
        if not len(touched):
            return np.full(part.shape, UNTOUCHED, np.uint8), Owners(np.zeros(part.shape, np.int32), touched)
        shapes = zip(self.frame.geometry.iloc[touched], range(1, len(touched) + 1), strict=True)
        burnt = rasterize(shapes, part.shape, fill=0, transform=part.transform, dtype="int32")
        classes = np.concatenate([np.array([UNTOUCHED], np.uint8), self.values[touched]])[burnt]
        return classes, Owners(np.maximum(burnt - 1, 0), touched)


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

    def read_owned(self, grid: Grid, window: Window) -> tuple[NDArray[np.uint8], "Owners"]:
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


@dataclass(frozen=True)
class LabelSet:
    """Sources of labels over a grid; where two overlap, the later one holds."""

    grid: Grid
    sources: tuple[Polygons | Pixels, ...]

    def cells(self) -> list[Window]:
        """The cells of the grid that any label touches, row by row."""
        touched: set[tuple[int, int]] = set()
        for source in self.sources:
            for window in source.windows(self.grid):
                inside = clip(window, *self.grid.shape)
                if inside is not None:
                    touched.update((c.row_off // CELL, c.col_off // CELL) for c in cut(inside, CELL))
        corners = (Window(column * CELL, row * CELL, CELL, CELL) for row, column in sorted(touched))
        return [inside for cell in corners if (inside := clip(cell, *self.grid.shape)) is not None]

    @cached_property
    def _bounds(self) -> shapely.STRtree:
        return shapely.STRtree([box(*source.bounds) for source in self.sources])

    def near(self, window: Window) -> tuple[Polygons | Pixels, ...]:
        """The sources that may lie in a window of the grid, in their order: of a state there are thousands."""
        return tuple(self.sources[number] for number in np.sort(self._bounds.query(box(*self.grid.box(window)))))

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Class values (rows, columns) in a window of the grid, 0 where nothing is labelled."""
        classes = np.full((int(window.height), int(window.width)), BACKGROUND, np.uint8)
        for source in self.near(window):
            part = source.read(self.grid, window)
            np.copyto(classes, part, where=part != UNTOUCHED)
        return classes

    def read_owned(self, window: Window) -> tuple[NDArray[np.uint8], "Owners"]:
        """As `read`, and what each label belongs to; the polygons of a second file are numbered after the first's."""
        classes, owners = self.sources[0].read_owned(self.grid, window)
        classes[classes == UNTOUCHED] = BACKGROUND
        start = self.sources[0].owned
        for source in self.sources[1:]:
            part, others = source.read_owned(self.grid, window)
            there = part != UNTOUCHED
            np.copyto(classes, part, where=there)
            owners = owners.covered(others, there, start)
            start += source.owned
        return classes, owners


def open_labels(
    sources: Sequence[str],
    grid: Grid,
    remap: Remap,
    field: str | None = None,
    counted: Mapping[str, Mapping[int, int]] | None = None,
) -> LabelSet:
    """Find, check and reclassify the labels for a grid. Raises LabelError.

    Codes that neither the scheme nor the remap table knows stop here, all of them listed with their counts. `counted`:
    how often each value occurs on the grid, of rasters that were read already.
    """
    known = counted or {}
    paths = expand(sources, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    opened: list[Polygons | Pixels] = []
    unknown: Counter[Code] = Counter()
    unit = "features"
    for path in paths:
        if path.lower().endswith(RASTER_SUFFIXES):
            source: Polygons | Pixels = _open_pixels(path, grid, remap, known.get(path))
            unit = "pixels"
        else:
            source = _open_polygons(path, grid, remap, field)
        unknown.update({code: n for code, n in source.codes.items() if remap(code) is None and code != NODATA})
        if isinstance(source, Polygons) and NODATA in source.codes and NODATA not in remap.exact:
            unknown["(no value)"] += source.codes[NODATA]
        opened.append(source)
    if unknown:
        listed = ", ".join(
            f"{code} ({n:,} {unit}{remap.scheme.meant(code)})"
            for code, n in sorted(unknown.items(), key=lambda i: str(i[0]))
        )
        raise LabelError(
            f"{paths[0] if len(paths) == 1 else 'the labels'}: codes that are neither in scheme nor in "
            f"labels.reclassify: {listed}"
        )
    labels = LabelSet(grid, tuple(opened))
    if not labels.cells():
        raise LabelError(
            f"{', '.join(sources)}: no label lies on the image ({grid}, {_rounded(grid.bounds)}): "
            "is the CRS of the labels the one they were drawn in?"
        )
    return labels


def _open_polygons(path: str, grid: Grid, remap: Remap, field: str | None) -> Polygons:
    frame = read_polygons(path, grid.crs)
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    field = find_field(path, frame, columns, remap, field)
    codes = [code_of(value) for value in frame[field]]
    values = [remap(code) for code in codes]
    return Polygons(
        path, field, frame[[frame.geometry.name]], np.array([v or 0 for v in values], np.uint8), Counter(codes)
    )


def _open_pixels(path: str, grid: Grid, remap: Remap, counted: Mapping[int, int] | None) -> Pixels:
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
    cells = [] if part is None else cut(part, 2 * CELL)
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


def _rounded(bounds: tuple[float, float, float, float]) -> str:
    return "left {:.6g}, bottom {:.7g}, right {:.6g}, top {:.7g}".format(*bounds)
