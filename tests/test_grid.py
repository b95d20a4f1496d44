import numpy as np
import pytest
from affine import Affine
from conftest import CRS
from rasterio.crs import CRS as Crs
from rasterio.windows import Window

from landcover.grid import Grid, clip, cut, grow, steps


def grid(column: float = 0, row: float = 0, size: float = 0.6, shape: tuple[int, int] = (100, 200)) -> Grid:
    transform = Affine(size, 0, 5000 + column * size, 0, -size, 9000 - row * size)
    return Grid(Crs.from_string(CRS), transform, *shape)


def test_grids_are_aligned_where_pixels_lie_on_pixels() -> None:
    assert grid().aligned(grid(30, -20))
    assert grid().aligned(grid(30, -20, size=0.6000000006))
    assert not grid().aligned(grid(30.5, 0))
    assert not grid().aligned(grid(size=0.61))
    assert grid().place(grid(30, -20)) == Window(30, -20, 200, 100)


def test_pixels_have_a_size_on_the_ground() -> None:
    assert grid().pixel_metres == pytest.approx((0.6, 0.6))
    feet = Grid(Crs.from_epsg(2228), Affine(2, 0, 0, 0, -2, 0), 10, 10)
    assert feet.pixel_metres == pytest.approx((0.6096, 0.6096), rel=1e-4)
    degrees = Grid(Crs.from_epsg(4326), Affine(1e-5, 0, 10, 0, -1e-5, 60), 10, 10)
    assert degrees.pixel_metres == pytest.approx((0.556, 1.112), rel=1e-3)
    local = Grid(Crs.from_wkt('LOCAL_CS["site",UNIT["foot",0.3048]]'), Affine(2, 0, 0, 0, -2, 0), 10, 10)
    assert local.pixel_metres == pytest.approx((0.6096, 0.6096))


def test_a_part_lies_where_its_window_does() -> None:
    part = grid().part(Window(10, 20, 30, 40))
    assert part.shape == (40, 30)
    assert grid().place(part) == Window(10, 20, 30, 40)
    assert grid().cover(part.bounds) == Window(10, 20, 30, 40)


@pytest.mark.parametrize(("start", "stop", "expected"), [
    (0, 10, [0]), (0, 32, [0]), (0, 33, [0, 1]), (5, 69, [5, 21, 37]), (0, 70, [0, 16, 32, 38]),
])  # fmt: skip
def test_steps_reach_the_edge(start, stop, expected) -> None:
    assert steps(start, stop, 32, 16) == expected


def test_cells_fill_a_window_once() -> None:
    seen = np.zeros((100, 120), int)
    for cell in cut(Window(7, 9, 90, 70), 32):
        seen[cell.row_off : cell.row_off + cell.height, cell.col_off : cell.col_off + cell.width] += 1
    assert seen.sum() == 90 * 70
    assert (seen[9:79, 7:97] == 1).all()


def test_windows_grow_and_are_clipped() -> None:
    assert grow(Window(10, 20, 30, 40), 5) == Window(5, 15, 40, 50)
    assert clip(Window(-5, 90, 20, 20), 100, 200) == Window(0, 90, 15, 10)
    assert clip(Window(200, 0, 5, 5), 100, 200) is None
