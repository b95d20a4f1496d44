"""Grids of pixels and windows over them: arithmetic alone, no files."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, cos, floor, radians

from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

ALIGNED = 0.05
"""Two grids are the same when nowhere more than this share of a pixel apart: real files round their pixel sizes."""

METRES_A_DEGREE = 111_195.0
"""Along a meridian of a sphere of 6,371 km radius."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a north-up raster lie. Height and width in pixels, the rest in units of the CRS."""

    crs: CRS
    transform: Affine
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.height, self.width

    @property
    def pixel_size(self) -> tuple[float, float]:
        """(x, y), both positive."""
        return self.transform.a, -self.transform.e

    @property
    def pixel_metres(self) -> tuple[float, float]:
        """(x, y) on the ground, in metres; of a geographic CRS in the middle of the grid, on a sphere."""
        x, y = self.pixel_size
        if self.crs.is_geographic:
            latitude = radians(self.transform.f + self.transform.e * self.height / 2)
            return x * METRES_A_DEGREE * cos(latitude), y * METRES_A_DEGREE
        metres = float(self.crs.units_factor[1])
        return x * metres, y * metres

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top)."""
        left, top = self.transform.c, self.transform.f
        return left, top + self.transform.e * self.height, left + self.transform.a * self.width, top

    @property
    def whole(self) -> Window:
        return Window(0, 0, self.width, self.height)

    def position(self, other: "Grid", column: float = 0, row: float = 0) -> tuple[float, float]:
        """Where a (column, row) of the other grid lies on this one, in pixels."""
        return ~self.transform @ (other.transform @ (column, row))

    def aligned(self, other: "Grid") -> bool:
        """Whether each pixel of the other lies on a pixel of this lattice, inside it or beyond its edges."""
        if self.crs != other.crs:
            return False
        left, top = self.position(other)
        right, bottom = self.position(other, other.width, other.height)
        return (
            all(abs(v - round(v)) < ALIGNED for v in (left, top, right, bottom))
            and round(right) - round(left) == other.width
            and round(bottom) - round(top) == other.height
        )

    def same(self, other: "Grid") -> bool:
        """Whether each pixel of the other lies on this one's of the same row and column, and none is left."""
        return self.aligned(other) and self.place(other) == self.whole

    def place(self, other: "Grid") -> Window:
        """The window of an aligned grid on this one; it may reach beyond the edges."""
        column, row = self.position(other)
        return Window(round(column), round(row), other.width, other.height)

    def part(self, window: Window) -> "Grid":
        """The grid of a window of this one."""
        transform = self.transform @ Affine.translation(window.col_off, window.row_off)
        return Grid(self.crs, transform, int(window.height), int(window.width))

    def cover(self, bounds: tuple[float, float, float, float]) -> Window:
        """The smallest window whose pixels cover (left, bottom, right, top); it may reach beyond the edges."""
        left, bottom, right, top = bounds
        first_column, first_row = ~self.transform @ (left, top)
        last_column, last_row = ~self.transform @ (right, bottom)
        slack = 1e-6
        column, row = floor(first_column + slack), floor(first_row + slack)
        return Window(column, row, ceil(last_column - slack) - column, ceil(last_row - slack) - row)

    def box(self, window: Window) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) of a window."""
        return self.part(window).bounds

    def __str__(self) -> str:
        x, y = self.pixel_size
        return f"{self.width} x {self.height} px of {x:g} x {y:g} in {name_of(self.crs)}"


def name_of(crs: CRS) -> str:
    """EPSG:26916, or the name of a CRS without a code."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_dict(projjson=True).get("name", "a CRS without a name"))


def clip(window: Window, height: int, width: int) -> Window | None:
    """The part of a window inside (0, 0, height, width), None if there is none."""
    left, top = max(0, window.col_off), max(0, window.row_off)
    right = min(width, window.col_off + window.width)
    bottom = min(height, window.row_off + window.height)
    return Window(left, top, right - left, bottom - top) if right > left and bottom > top else None


def grow(window: Window, halo: int) -> Window:
    """The window with a margin on every side."""
    return Window(window.col_off - halo, window.row_off - halo, window.width + 2 * halo, window.height + 2 * halo)


def cut(window: Window, size: int) -> Iterator[Window]:
    """Cells of at most size x size pixels that fill the window, row by row, on multiples of size."""
    bottom, right = window.row_off + window.height, window.col_off + window.width
    for row in range(window.row_off - window.row_off % size, bottom, size):
        for column in range(window.col_off - window.col_off % size, right, size):
            top, left = max(row, window.row_off), max(column, window.col_off)
            yield Window(left, top, min(column + size, right) - left, min(row + size, bottom) - top)


def within(part: Window, whole: Window) -> tuple[slice, slice]:
    """The (rows, columns) of a window inside another, counted from the other's corner."""
    row, column = part.row_off - whole.row_off, part.col_off - whole.col_off
    return slice(row, row + part.height), slice(column, column + part.width)


def steps(start: int, stop: int, size: int, stride: int) -> list[int]:
    """Offsets of chips from start to stop, the last one drawn back so that it ends at the edge: nothing is lost."""
    if stop - start <= size:
        return [start]
    offsets = list(range(start, stop - size + 1, stride))
    if offsets[-1] != stop - size:
        offsets.append(stop - size)
    return offsets
