"""A mosaic cut into cells: each has the images that it sees, and looks at few others."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from landcover.classify import cells
from landcover.classify.cells import cut_image, part_of
from landcover.grid import Grid, cut
from landcover.image import Image
from landcover.scene import ZEROS, Layer


def _mosaic(windows: list[Window], side: int) -> Image:
    grid = Grid(CRS.from_epsg(26916), Affine(1, 0, 5e5, 0, -1, 3.6e6), side, side)
    layers = tuple(Layer(f"/x/{number}.tif", at, ZEROS, "x") for number, at in enumerate(windows))
    return Image("/x/m.vrt", grid, 4, "uint8", layers, tuple((layer.path,) for layer in layers), "/x/m.vrt")


@pytest.mark.parametrize("halo", [0, 32, 700])
def test_cells_have_the_images_that_they_and_their_halo_show(halo) -> None:
    random = np.random.default_rng(0)
    places = random.integers(-100, 2900, (40, 2)).tolist()
    sizes = random.integers(1, 700, (40, 2)).tolist()
    # images that end where a cell does, and one that lies in no cell but in the halo of some
    windows = [Window(*place, *size) for place, size in zip(places, sizes, strict=True)]
    windows += [Window(512, 512, 512, 512), Window(1023, 0, 1, 1), Window(3000, 0, 20, 20)]
    image = _mosaic(windows, 3000)
    found = {cell.window: cell.image for cell in cut_image(image, 512, halo, 16, Path("/out"))}
    for window in cut(image.grid.whole, 512):
        part = part_of(image, window, halo)
        own = part_of(image, window, 0)
        assert found.get(window) == (part if own.layers else None)
    assert len(found) > 20


def test_the_work_of_cutting_grows_with_the_images_and_not_with_their_square(monkeypatch) -> None:
    meet, looks = cells._meet, []
    monkeypatch.setattr(cells, "_meet", lambda *given: looks.append(given) or meet(*given))
    number = 20
    windows = [Window(512 * column, 512 * row, 530, 530) for row in range(number) for column in range(number)]
    assert len(cut_image(_mosaic(windows, 512 * number), 512, 32, 16, Path("/out"))) == number**2
    # nine neighbours of each, and whether any lies in the cell itself
    assert len(looks) <= 18 * number**2
