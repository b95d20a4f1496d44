import re
from pathlib import Path

import numpy as np
import pytest

from landcover.classify.blend import inside
from landcover.classify.compute import SMALL, cover
from landcover.classify.predict import Classified
from landcover.classify.tiles import BASE, SUMS, Sight, Tiling, blended_tiling, choose_tiling
from landcover.cli import summary as tell
from landcover.errors import ConfigError


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3000), (700, 1100), (5000, 5000)])
@pytest.mark.parametrize("limit", [{}, {"tile": 256}, {"tile": 256, "batch": 3}])
def test_tiles_fill_the_image_once_in_one_shape(height, width, limit) -> None:
    tiling = choose_tiling(height, width, 96, 16, 400, 2e9, **limit)
    seen = np.zeros((height, width), np.uint8)
    tiles = list(tiling.tiles(height, width))
    for tile in tiles:
        rows, columns = tile.centre.toslices()
        seen[rows, columns] += 1
        assert tile.centre.row_off % 16 == tile.centre.col_off % 16 == 0
        assert (tile.read.row_off, tile.read.col_off) == (tile.centre.row_off - 96, tile.centre.col_off - 96)
    assert (seen == 1).all()
    assert {(t.read.height, t.read.width) for t in tiles} == {(tiling.rows + 192, tiling.columns + 192)}
    assert [t.index for t in tiles] == list(range(tiling.number(height, width)))
    assert tiling.rows % 16 == tiling.columns % 16 == 0
    assert tiling.rows <= limit.get("tile", 2048)


def test_tiles_are_as_large_as_memory_allows_and_about_equal() -> None:
    roomy, tight = (choose_tiling(5000, 20000, 96, 16, 400, memory) for memory in (2e9, 1.3e9))
    assert tight.rows < roomy.rows
    for tiling, memory in ((roomy, 2e9), (tight, 1.3e9)):
        assert BASE + 400 * (tiling.rows + 192) * (tiling.columns + 192) <= memory
        assert tiling.rows * -(-5000 // tiling.rows) - 5000 < 16 * -(-5000 // tiling.rows)
    vast = choose_tiling(10**6, 10**6, 96, 16, 400, 2e9)
    assert 1.9e9 < BASE + 400 * (vast.rows + 192) ** 2 <= 2e9


def test_small_tiles_are_computed_together() -> None:
    assert choose_tiling(5000, 5000, 96, 16, 400, 2e9, tile=256).batch > 1
    assert choose_tiling(300, 300, 96, 16, 400, 2e9, tile=256).batch <= 4
    assert choose_tiling(5000, 5000, 96, 16, 400, 2e9, tile=256, batch=2).batch == 2
    assert choose_tiling(5000, 5000, 96, 16, 400, 2e9).batch == 1
    # more at a time are smaller ones: memory is kept to
    four = choose_tiling(5000, 5000, 96, 16, 400, 2e9, batch=4)
    assert BASE + 400 * 4 * (four.rows + 192) * (four.columns + 192) <= 2e9


@pytest.mark.parametrize("seed", range(5))
def test_parts_hold_all_that_is_wanted_of_a_tile(seed) -> None:
    random = np.random.default_rng(seed)
    tiling = Tiling(1680, 1664, 96, 1)
    wanted = np.zeros((1600, 1664), bool)
    for _ in range(seed + 1):
        row, column = random.integers(0, 1500, 2)
        wanted[row : row + 90, column : column + 150] = True
    parts = cover(wanted, tiling, 16)
    assert 1 <= len(parts) <= 5
    left = wanted.copy()
    for rows, columns in parts:
        assert rows.start % 16 == columns.start % 16 == 0
        assert 0 <= rows.start < rows.stop == rows.start + SMALL <= tiling.rows
        assert 0 <= columns.start < columns.stop == columns.start + SMALL <= tiling.columns
        left[rows, columns] = False
    assert not left.any()


def test_a_tile_full_of_data_is_mapped_whole() -> None:
    tiling = Tiling(1680, 1680, 96, 1)
    assert cover(np.ones((1680, 1680), bool), tiling, 16) == []
    scattered = np.zeros((1680, 1680), bool)
    scattered[::300, ::300] = True
    assert cover(scattered, tiling, 16) == []
    assert cover(np.ones((400, 400), bool), Tiling(400, 400, 96, 1), 16) == []


def _blended(height: int, width: int, sight: Sight, memory: float = 2.6e9, **more: int) -> Tiling:
    return blended_tiling(height, width, -(-sight.side * 3 // 16 // 8) * 8, 8, sight, 260, memory, **more)


@pytest.mark.parametrize("chip", [64, 256, 512, 768, 1024])
def test_a_network_that_may_see_more_than_a_chip_sees_it(chip) -> None:
    tiling = _blended(8192, 8192, Sight(chip, True, 6))
    assert tiling.rows + 2 * tiling.halo > 1.1 * chip
    assert 1 < tiling.seen(8192, 8192) / 8192**2 < (1.5 if chip <= 256 else 2.7)


@pytest.mark.parametrize("classes", [6, 12, 20, 45])
def test_what_is_added_up_fits_in_memory_and_strips_cost_little(classes) -> None:
    tiling = _blended(16384, 16384, Sight(256, True, classes))
    assert (2 * tiling.strip + 2) * tiling.rows * tiling.columns * classes * 4 <= SUMS
    assert tiling.seen(16384, 16384) / 16384**2 < 2.6
    asked = _blended(16384, 16384, Sight(256, True, classes), 8e9, tile=2048)
    assert (2 * asked.strip + 2) * asked.rows * asked.columns * classes * 4 <= SUMS


@pytest.mark.parametrize("side", [100, 161, 200, 256, 300, 330, 500, 1000])
def test_a_network_that_pools_all_of_what_it_sees_sees_as_much_as_a_chip(side) -> None:
    tiling = _blended(side, side, Sight(256, False, 6))
    for tile in tiling.tiles(side, side):
        read = inside(tile.read, side, side, 8)
        assert read.height == read.width == min(256, -(-side // 8) * 8)


@pytest.mark.parametrize("larger", [True, False])
def test_what_fits_in_one_look_is_one_tile(larger) -> None:
    side = 600 if larger else 256
    assert _blended(side, side, Sight(256, larger, 6)).number(side, side) == 1
    assert _blended(side, side, Sight(256, larger, 6)).seen(side, side) == side**2
    assert _blended(side, side, Sight(256, larger, 6), tile=96).rows <= 96


@pytest.mark.parametrize("batch", [1, 4])
def test_the_memory_that_is_asked_for_is_enough(batch) -> None:
    with pytest.raises(ConfigError, match="--memory 1,200MB: this model needs at least") as told:
        _blended(5000, 5000, Sight(256, True, 6), 1.2e9, batch=batch)
    needed = float(re.search(r"least ([\d,]+)MB", str(told.value))[1].replace(",", "")) * 1e6
    assert _blended(5000, 5000, Sight(256, True, 6), needed + 1e6, batch=batch).rows >= 256
    with pytest.raises(ConfigError):
        _blended(5000, 5000, Sight(256, True, 6), needed - 20e6, batch=batch)


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(ConfigError, match="--tile 100: must be a multiple of 16"):
        choose_tiling(500, 500, 96, 16, 400, 2e9, tile=100)
    with pytest.raises(ConfigError, match="--halo 50: must be a multiple of 16"):
        choose_tiling(500, 500, 50, 16, 400, 2e9)
    with pytest.raises(ConfigError, match=r"--memory 500MB: this model needs at least 1,116MB"):
        choose_tiling(500, 500, 96, 16, 400, 5e8)
    assert choose_tiling(500, 500, 96, 16, 400, 1.116e9).rows == 256
    with pytest.raises(ConfigError, match=r"needs at least 1,374MB for batches of 4"):
        choose_tiling(500, 500, 96, 16, 400, 1.116e9, batch=4)


def test_a_tile_is_told_by_width_and_height_as_a_mosaic_is() -> None:
    made = Classified(Path("map.tif"), None, {"water": 4}, "float32", Tiling(rows=768, columns=256, halo=96, batch=1))
    assert "tiles of 256 x 768 px, halo 96 px" in tell.classified(made)
