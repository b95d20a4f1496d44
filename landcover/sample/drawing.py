"""Polygons as a careful person draws them: small windows in which everything is drawn, and plain areas of one class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask, shapes
from rasterio.transform import Affine
from scipy.ndimage import binary_erosion, label, maximum_filter, minimum_filter
from shapely.affinity import translate
from shapely.geometry import Polygon, shape

from landcover.sample.landscape import Landscape
from landcover.sample.shapes import bend, polygons, rectangle
from landcover.sample.surfaces import BUILDINGS, ROADS, Surface

Drawn = list[tuple[Polygon, int]]
_SMALLEST = 20

# Where windows are put, in turn: mostly where edges are to be learned.
_WINDOWS = (
    Surface.ROOF, Surface.FLAT_ROOF, Surface.HARDWOOD, Surface.ASPHALT, Surface.ROOF, Surface.POND, Surface.LOT,
    Surface.ROWS, Surface.ROOF, Surface.PINE, Surface.RIVER, Surface.DRIVE, Surface.ROOF, Surface.PASTURE, Surface.ROWS,
    Surface.HARDWOOD, Surface.FLAT_ROOF, Surface.PAINT, Surface.PLOUGHED, Surface.ROOF, Surface.STUBBLE,
)  # fmt: skip
_PLAIN = (
    Surface.ROWS, Surface.STUBBLE, Surface.PLOUGHED, Surface.PASTURE, Surface.HARDWOOD, Surface.LAWN, Surface.RIVER,
    Surface.FLAT_ROOF, Surface.ROWS, Surface.STUBBLE, Surface.POND, Surface.PASTURE, Surface.SOIL, Surface.PINE,
    Surface.ASPHALT, Surface.LOT,
)  # fmt: skip


def draw(land: Landscape, cover: NDArray[np.uint8], rng: np.random.Generator, windows: float, plain: float) -> Drawn:
    """Polygons (pixels, x y) and their classes, over the given shares of the area; none overlaps another.

    `cover` (rows, columns) holds the class of each pixel, 0 where nothing may be drawn.
    """
    free = cover > 0
    drawn = _windows(land, cover, free, rng, windows * cover.size)
    return drawn + _plain(land, cover, free, rng, plain * cover.size)


def _windows(
    land: Landscape, cover: NDArray[np.uint8], free: NDArray[np.bool_], rng: np.random.Generator, wanted: float
) -> Drawn:
    """Everything inside small windows across edges, `wanted` square pixels of it; what is drawn is no longer `free`."""
    drawn: Drawn = []
    at_edges = maximum_filter(cover, 15) != minimum_filter(cover, 15)
    for row, column in _places(land, free & at_edges, rng, _WINDOWS, tries=400):
        if wanted <= 0:
            break
        tall, wide = rng.integers(*_spans(cover.shape), size=2)
        window = np.s_[max(row - tall // 2, 0) : row + tall // 2, max(column - wide // 2, 0) : column + wide // 2]
        if free[window].all() and free[window].size >= tall * wide * 0.9:
            free[window] = False
            wanted -= free[window].size
            drawn += _trace(cover[window], window[0].start, window[1].start)
    return drawn


def _plain(
    land: Landscape, cover: NDArray[np.uint8], free: NDArray[np.bool_], rng: np.random.Generator, wanted: float
) -> Drawn:
    """Single polygons well inside fields, stands, waters and lots, `wanted` square pixels of them."""
    drawn: Drawn = []
    for row, column in _places(land, free, rng, _PLAIN, tries=400):
        if wanted <= 0:
            break
        reach = int(rng.integers(*_spans(cover.shape)) / 2.5)
        window = np.s_[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach]
        value = cover[row, column]
        margin = 1 if value in (BUILDINGS, ROADS) else 3
        inside = binary_erosion(free[window] & (cover[window] == value), iterations=margin)
        polygon = _outline(inside, row - window[0].start, column - window[1].start, reach, rng)
        if polygon is not None:
            free[window] &= geometry_mask([polygon], inside.shape, Affine.identity())
            wanted -= polygon.area
            drawn.append((translate(polygon, window[1].start, window[0].start), int(value)))
    return drawn


def _spans(shape: Sequence[int]) -> tuple[int, int]:
    """Shortest and longest side of a window, in pixels: 60 to 110 m, less in a small sample."""
    longest = min(110, min(shape) // 6)
    return min(60, longest // 2), longest


def _places(
    land: Landscape,
    free: NDArray[np.bool_],
    rng: np.random.Generator,
    kinds: Sequence[Surface],
    tries: int,
) -> Iterable[tuple[int, int]]:
    """Random free pixels (row, column) of each kind of surface in turn, and of each patch of a kind in turn."""
    patches = {kind: np.flatnonzero(land.surfaces == kind) for kind in dict.fromkeys(kinds)}
    turns = {kind: cycle(rng.permutation(found).tolist() or [-1]) for kind, found in patches.items()}
    for kind, _ in zip(cycle(kinds), range(tries), strict=False):
        pixels = np.flatnonzero((land.patch == next(turns[kind])) & free)
        if len(pixels):
            row, column = divmod(int(rng.choice(pixels)), free.shape[1])
            yield row, column


def _trace(cover: NDArray[np.uint8], top: int, left: int) -> Drawn:
    """Outlines of every class in a window, smoothed where they touch so that they neither overlap nor part."""
    traced = [(shape(outline), int(value)) for outline, value in shapes(cover, transform=Affine.translation(left, top))]
    smooth = shapely.coverage_simplify(np.array([polygon for polygon, _ in traced]), 1.2, simplify_boundary=False)
    return [(p, value) for whole, (_, value) in zip(smooth, traced, strict=True) for p in polygons(whole, _SMALLEST)]


def _outline(inside: NDArray[np.bool_], row: int, column: int, reach: int, rng: np.random.Generator) -> Polygon | None:
    """An irregular polygon around a pixel that keeps inside the mask."""
    parts, _ = label(inside)
    if not parts[row, column]:
        return None
    part = (parts == parts[row, column]).astype(np.uint8)
    area = shapely.union_all([shape(outline) for outline, value in shapes(part) if value]).simplify(0.8)
    loose = bend(rectangle(column, row, rng.uniform(0, np.pi), 1.8 * reach, 1.2 * reach), rng, reach / 12, reach)
    found = max(polygons((area & loose).buffer(-0.5).simplify(0.5), 60), key=lambda p: p.area, default=None)
    return found if found is not None and found.is_valid else None
