"""Labels are looked for where they are: the same chips as if all had been read, and little of it read."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import write_image, write_polygons
from rasterio.windows import Window

from landcover.image import find_image
from landcover.imagereader import ImageReader
from landcover.prepare.candidates import Candidates, find_candidates
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import FOOTPRINTS, mosaic
from landcover.progress import silent
from landcover.raster import stored_blocks
from landcover.settings import ChipSettings, LabelSettings, MosaicSettings
from landcover.vector import read_layer

SIZE, STRIDE = 64, 24
SETTINGS = ChipSettings(size=SIZE, stride=STRIDE, max_background=0.8, max_nodata=0.3)


@pytest.fixture
def read(monkeypatch) -> list[Window]:
    """The windows of images that are read."""
    seen: list[Window] = []
    known = ImageReader.read

    def counted(self, window):
        seen.append(window)
        return known(self, window)

    monkeypatch.setattr(ImageReader, "read", counted)
    return seen


def _candidates(folder: Path, scheme) -> Candidates:
    made = mosaic(MosaicSettings(images=(str(folder / "naip"),)), folder / "mosaic", True)
    drawn = labels(made.path, LabelSettings(source=(str(folder / "l.gpkg"),)), scheme, folder / "labels.tif", True)
    outlines = read_layer(made.path.with_name(FOOTPRINTS), "boundary").geometry
    return find_candidates(find_image(made.path), drawn.path, outlines, SETTINGS, scheme, silent)


def test_the_chips_are_those_of_every_window_counted_by_itself(tmp_path, noise, scheme) -> None:
    image = noise(610, 700)
    image[:, 100:180, 90:300] = 0  # no data
    write_image(tmp_path / "naip/a.tif", image)
    random = np.random.default_rng(5)
    corners = random.integers(0, (650, 560), (25, 2)).tolist()
    boxes = [(x, y, x + 45, y + 50, (1, 2, 7)[n % 3]) for n, (x, y) in enumerate(corners)]
    write_polygons(tmp_path / "l.gpkg", [*boxes, (40, 60, 110, 220, 7)])
    found = _candidates(tmp_path, scheme)
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        classes = dataset.read(1)
    valid = image.any(axis=0)
    expected, taken, seen = {}, [0, 0, 0], 0
    for row in (*range(0, 610 - SIZE, STRIDE), 610 - SIZE):
        for column in (*range(0, 700 - SIZE, STRIDE), 700 - SIZE):
            seen += 1
            here = np.s_[row : row + SIZE, column : column + SIZE]
            shown = classes[here][valid[here]]
            if not shown.any():
                taken[0] += 1
            elif (shown > 0).sum() < 0.2 * SIZE**2:
                taken[1] += 1
            elif valid[here].mean() < 0.7:
                taken[2] += 1
            else:
                expected[column, row] = [int((shown == value).sum()) for value in scheme.values]
    assert dict(zip(map(tuple, found.corners.tolist()), found.pixels.tolist(), strict=True)) == expected
    assert (found.seen, list(found.filtered.values())) == (seen, taken)
    assert all(taken)
    assert len(expected) > 20


def test_of_a_larger_mosaic_with_the_same_labels_no_more_is_read_and_each_pixel_once(
    tmp_path, noise, scheme, read
) -> None:
    boxes = [(300, 300, 350, 350, 1), (340, 330, 390, 380, 2), (600, 700, 660, 730, 7)]
    for name, rows, columns in (("small", 900, 800), ("large", 1700, 2300)):
        write_image(tmp_path / name / "naip/a.tif", noise(rows, columns))
        write_polygons(tmp_path / name / "l.gpkg", boxes)
    found = _candidates(tmp_path / "small", scheme)
    places = {(w.row_off, w.col_off) for w in read}
    assert len(places) == len(read) > 0
    assert all((w.height, w.width) == (128, 128) and not (w.row_off % 128 or w.col_off % 128) for w in read)
    # of 56 cells those within a chip of a label, and some about them
    assert len(read) <= 24
    read.clear()
    again = _candidates(tmp_path / "large", scheme)
    assert {(w.row_off, w.col_off) for w in read} == places
    assert len(read) == len(places)
    np.testing.assert_array_equal(again.corners, found.corners)
    np.testing.assert_array_equal(again.pixels, found.pixels)


def test_labels_tif_holds_the_blocks_with_labels_alone(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(1100, 1600))
    write_polygons(tmp_path / "l.gpkg", [(600, 520, 650, 560, 1), (1020, 10, 1030, 20, 2)])
    _candidates(tmp_path, scheme)
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        stored = [(w.row_off, w.col_off, w.height, w.width) for w in stored_blocks(dataset)]
        assert stored == [(0, 512, 512, 512), (0, 1024, 512, 512), (512, 512, 512, 512)]
        assert dataset.read(1).sum() == 50 * 40 + 2 * 10 * 10
    with rasterio.open(tmp_path / "mosaic/mosaic.vrt") as dataset:
        assert len(list(stored_blocks(dataset))) == len(list(dataset.block_windows(1)))
