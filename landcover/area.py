"""How much ground the pixels of a grid cover."""

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from landcover.grid import Grid

SQUARES, HALF = 200, 500
"""How many squares the scale of area is taken from, and half their side in pixels."""

DISTORTED = 0.01
"""The areas of a projected CRS are taken as they are up to this share off the truth: those of UTM zones are up to 0.2 %
off, and are what other programs print."""


def pixel_areas(grid: Grid) -> NDArray[np.float64]:
    """(rows,) square metres of a pixel in each row, on the ellipsoid of the CRS.

    Exact in a geographic CRS. In a projected one the plane's own, unless that is over 1 % off in the middle, as in web
    Mercator: then corrected row by row by the scale of area in the middle column. A local CRS has metres of its own.
    """
    crs = CRS.from_wkt(grid.crs.to_wkt())
    x, y = grid.pixel_size
    if crs.is_geographic:
        return _of_degrees(crs, grid)
    if not crs.is_projected:
        return np.full(grid.height, x * y)
    factor = float(grid.crs.linear_units_factor[1])
    plane = x * y * factor**2
    scale = _scale(crs, grid)
    if abs(scale[len(scale) // 2] - 1) <= DISTORTED:
        return np.full(grid.height, plane)
    return plane / scale


def distortion(grid: Grid) -> float:
    """How many times as large as the ground the plane of a projected CRS is in the middle of the grid."""
    crs = CRS.from_wkt(grid.crs.to_wkt())
    return 1.0 if not crs.is_projected else float(_scale(crs, grid)[grid.height // 2])


def _of_degrees(crs: CRS, grid: Grid) -> NDArray[np.float64]:
    """By a cylinder of equal area around the same ellipsoid."""
    project = Transformer.from_crs(crs.geodetic_crs, equal_area(crs), always_xy=True)
    edges = np.clip(grid.transform.f + grid.transform.e * np.arange(grid.height + 1), -90, 90)
    across, _ = project.transform([0.0, grid.pixel_size[0]], [0.0, 0.0])
    _, up = project.transform(np.zeros(len(edges)), edges)
    return np.asarray(-np.diff(up) * (across[1] - across[0]))


def equal_area(crs: CRS) -> CRS:
    """A CRS in metres, on the same ellipsoid, in which areas are true."""
    body = crs.ellipsoid
    assert body is not None
    return CRS.from_dict({"proj": "cea", "a": body.semi_major_metre, "b": body.semi_minor_metre})


def _scale(crs: CRS, grid: Grid) -> NDArray[np.float64]:
    """(rows,) plane over ground, from squares in the middle column, large enough for the projection's precision."""
    project = Transformer.from_crs(crs, equal_area(crs), always_xy=True)
    x, y = grid.pixel_size
    rows = np.linspace(0, grid.height, min(grid.height, SQUARES) + 1)
    middle = grid.transform.c + x * grid.width / 2, grid.transform.f - y * rows
    corners = [
        project.transform(np.full(len(rows), middle[0] + i * x * HALF), middle[1] + j * y * HALF)
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    ground = np.zeros(len(rows))
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        ground += (x0 * y1 - x1 * y0) / 2
    plane = 4 * x * y * HALF**2 * float(grid.crs.linear_units_factor[1]) ** 2
    return np.interp(np.arange(grid.height) + 0.5, rows, plane / np.abs(ground))
