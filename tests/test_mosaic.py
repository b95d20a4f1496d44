from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import ORIGIN, write_image
from rasterio.windows import Window

from landcover.classify.cells import part_of
from landcover.errors import ImageError, OutputExists
from landcover.image import find_image
from landcover.prepare.mosaic import mosaic
from landcover.settings import MosaicSettings
from landcover.vector import read_layer


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with rasterio.open(path) as dataset:
        return dataset.read(), dataset.read_masks(1) > 0


def _two(folder: Path, noise) -> tuple[np.ndarray, np.ndarray]:
    old, new = noise(60, 80, seed=1), noise(50, 80, seed=2)
    new[:, :10] = 0  # a black collar
    new[3, 20:30] = 0  # water: NIR is 0 where the other bands are not
    write_image(folder / "m_3308501_nw_16_1_20170801.tif", old, 0, 10, photometric="RGB", alpha="YES")
    write_image(folder / "m_3308501_ne_16_1_20190801.tif", new, 50, 0, photometric="RGB", alpha="YES")
    return old, new


@pytest.mark.parametrize(("order", "top"), [("newest", "new"), ("oldest", "old"), ("first", "new"), ("last", "old")])
def test_overlaps_by_order_collars_never_cover_and_nir_never_masks(tmp_path: Path, noise, order: str, top: str) -> None:
    old, new = _two(tmp_path / "naip", noise)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),), order=order), tmp_path / "mosaic")
    expected, valid = np.zeros((4, 70, 130), np.uint8), np.zeros((70, 130), bool)
    layers = [(old, 10, 0), (new, 0, 50)] if top == "new" else [(new, 0, 50), (old, 10, 0)]
    for pixels, row, column in layers:
        there = pixels.any(axis=0)
        part = (slice(row, row + pixels.shape[1]), slice(column, column + pixels.shape[2]))
        expected[(slice(None), *part)] = np.where(there, pixels, expected[(slice(None), *part)])
        valid[part] |= there
    pixels, mask = _read(made.path)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(mask, valid)
    # our own reader sees what GDAL sees, also beyond the edges
    with find_image(made.path).open() as image:
        for window in (made.grid.whole, Window(45, 5, 20, 30)):
            ours, there = image.read(window)
            rows, columns = window.toslices()
            np.testing.assert_array_equal(np.moveaxis(ours, -1, 0), expected[:, rows, columns])
            np.testing.assert_array_equal(there, valid[rows, columns])
    assert made.grid.bounds == (ORIGIN[0], ORIGIN[1] - 70, ORIGIN[0] + 130, ORIGIN[1])


def test_footprints_carry_dates_and_the_boundary_joins_touching_images(tmp_path: Path, noise) -> None:
    _two(tmp_path / "naip", noise)
    write_image(tmp_path / "naip" / "apart.tif", noise(20, 20), 400, 0)
    mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    prints = read_layer(tmp_path / "mosaic/footprints.gpkg", "footprints")
    assert sorted(d for d in prints["acquired"] if d is not None and d == d) == ["2017-08-01", "2019-08-01"]
    assert len(read_layer(tmp_path / "mosaic/footprints.gpkg", "boundary")) == 2


def test_the_folder_can_be_moved_with_its_images(tmp_path: Path, noise) -> None:
    _two(tmp_path / "a/naip", noise)
    mosaic(MosaicSettings(images=(str(tmp_path / "a/naip"),)), tmp_path / "a/mosaic")
    before, _ = _read(tmp_path / "a/mosaic/mosaic.vrt")
    (tmp_path / "a").rename(tmp_path / "b")
    after, _ = _read(tmp_path / "b/mosaic/mosaic.vrt")
    np.testing.assert_array_equal(before, after)


def test_another_crs_is_warped_to_where_it_belongs(tmp_path: Path) -> None:
    first = np.full((4, 100, 100), 50, np.uint8)
    write_image(tmp_path / "naip/a.tif", first)
    write_image(tmp_path / "naip/b.tif", first, 0, 100)
    second = np.full((4, 100, 100), 200, np.uint8)
    from rasterio.warp import transform

    (x,), (y,) = transform("EPSG:26916", "EPSG:26917", [ORIGIN[0] + 150], [ORIGIN[1] - 50])
    from affine import Affine

    path = tmp_path / "naip/c.tif"
    profile = {"driver": "GTiff", "count": 4, "height": 100, "width": 100, "dtype": "uint8", "crs": "EPSG:26917"}
    with rasterio.open(path, "w", transform=Affine(1, 0, x - 50, 0, -1, y + 50), **profile) as dataset:
        dataset.write(second)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    assert (made.scenes, made.warped) == (3, 1)
    with rasterio.open(made.path) as dataset:
        assert dataset.crs.to_epsg() == 26916
        row, column = dataset.index(ORIGIN[0] + 150, ORIGIN[1] - 50)
        assert dataset.read(window=((row, row + 1), (column, column + 1))).ravel().tolist() == [200] * 4
        row, column = dataset.index(ORIGIN[0] + 50, ORIGIN[1] - 50)
        assert dataset.read(window=((row, row + 1), (column, column + 1))).ravel().tolist() == [50] * 4


def test_what_is_warped_is_a_mean_of_its_neighbours(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(10, 210, 2, dtype=np.uint8), (4, 40, 1))
    write_image(tmp_path / "naip/a.tif", ramp)
    # half a pixel off the grid of the first
    write_image(tmp_path / "naip/b.tif", ramp, 150.5)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    assert (made.grid.shape, made.warped) == ((40, 251), 1)
    pixels, _ = _read(made.path)
    np.testing.assert_array_equal(pixels[:, :, 151:250], ramp[:, :, :-1] + 1)


def test_odd_ones_out_are_named(tmp_path: Path, noise) -> None:
    _two(tmp_path / "naip", noise)
    odd = write_image(tmp_path / "naip/rgb.tif", noise(10, 10, bands=3))
    with pytest.raises(ImageError, match=r"rgb\.tif: bands 3, but 4"):
        mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    write_image(odd, noise(10, 10).astype(np.uint16))
    with pytest.raises(ImageError, match=r"rgb\.tif: pixel type uint16, but uint8"):
        mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    assert not (tmp_path / "mosaic").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p, a: None, "no such file"),
        (lambda p, a: p.write_text("no image"), "cannot be opened as a raster"),
        (lambda p, a: write_image(p, a.astype(np.float32)), "pixels are float32"),
        (lambda p, a: write_image(p, a, crs=None), "no coordinate reference system"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, noise, make, message: str) -> None:
    path = tmp_path / "x.tif"
    make(path, noise(20, 20))
    with pytest.raises(ImageError, match=message):
        mosaic(MosaicSettings(images=(str(path),)), tmp_path / "mosaic")


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_any_number_of_bands_has_its_data(tmp_path: Path, noise, bands) -> None:
    pixels = noise(40, 40, bands)
    pixels[:, :, 30:] = 0
    write_image(tmp_path / "a.tif", pixels)
    with find_image(tmp_path / "a.tif").open() as image:
        _, valid = image.read(Window(0, 0, 40, 40))
    assert valid[:, :30].all()
    assert not valid[:, 30:].any()


def test_a_block_that_cannot_be_read_is_named(tmp_path: Path, noise) -> None:
    path = write_image(tmp_path / "x.tif", noise(300, 300), tiled=True, blockxsize=128, blockysize=128, compress="lzw")
    with rasterio.open(path) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    with find_image(path).open() as image:
        assert image.read(Window(0, 0, 100, 100))[1].all()
        with pytest.raises(ImageError, match=r"x\.tif: cannot be read at column 120, row 120"):
            image.read(Window(120, 120, 50, 50))


def test_a_file_that_was_replaced_is_not_read_as_the_one_before(tmp_path: Path, noise) -> None:
    path = write_image(tmp_path / "a.tif", noise(60, 80))
    made = mosaic(MosaicSettings(images=(str(path),)), tmp_path / "mosaic")
    before = find_image(made.path).fingerprint()
    for pixels, column in (
        (noise(60, 80).astype(np.uint16), 0),
        (noise(60, 80, 3), 0),
        (noise(50, 80), 0),
        (noise(60, 80), 9),
    ):
        write_image(path, pixels, column)
        image = find_image(made.path)
        assert image.fingerprint() != before
        with image.open() as reader, pytest.raises(ImageError, match=r"a\.tif: is another image than when"):
            reader.read(Window(0, 0, 10, 10))


def test_a_part_changes_with_what_belongs_to_its_files(tmp_path: Path, noise) -> None:
    paths = [write_image(tmp_path / f"naip/{n}.tif", noise(64, 64), 64 * n) for n in range(2)]
    mask = np.full((64, 64), 255, np.uint8)
    for path in paths:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(mask)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")

    def prints() -> list[str]:
        image = find_image(made.path)
        parts = [part_of(image, Window(column, 0, 64, 64), 0) for column in (0, 64)]
        return [part.fingerprint() for part in (image, *parts)]

    before = prints()
    made.path.touch()
    assert [a == b for a, b in zip(before, prints(), strict=True)] == [False, True, True]
    before = prints()
    paths[0].with_name("0.tif.msk").touch()
    assert [a == b for a, b in zip(before, prints(), strict=True)] == [False, False, True]


def test_an_image_that_is_moved_is_another(tmp_path: Path, noise) -> None:
    image = find_image(write_image(tmp_path / "a.tif", noise(60, 80)))
    moved = replace(image, grid=image.grid.part(Window(9, 0, 80, 60)))
    assert image.fingerprint() != moved.fingerprint()


def test_the_collar_of_a_mosaic_is_an_option_too(tmp_path: Path, noise) -> None:
    _two(tmp_path / "naip", noise)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    for collar in (True, False):
        with find_image(made.path, collar=collar).open() as image:
            assert image.read_valid(Window(50, 0, 10, 10)).any() != collar


def test_existing_output_is_kept(tmp_path: Path, noise) -> None:
    _two(tmp_path / "naip", noise)
    settings = MosaicSettings(images=(str(tmp_path / "naip"),))
    mosaic(settings, tmp_path / "mosaic")
    with pytest.raises(OutputExists, match="--overwrite"):
        mosaic(settings, tmp_path / "mosaic")
    mosaic(settings, tmp_path / "mosaic", overwrite=True)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_ohio_chips_make_the_scene_pixel_for_pixel(tmp_path: Path, real_data: Path) -> None:
    site = real_data / "ohio-naip-landcover/test"
    made = mosaic(MosaicSettings(images=(str(site / "site02/img"),)), tmp_path / "mosaic")
    pixels, _ = _read(made.path)
    with rasterio.open(site / "site02_scene.tif") as scene:
        np.testing.assert_array_equal(pixels, scene.read())


@pytest.mark.parametrize("layout", [{"tiled": True, "compress": "deflate"}, {"interleave": "band"}, {}])
def test_a_truncated_image_is_named_before_the_work_starts(tmp_path, noise, layout) -> None:
    write_image(tmp_path / "a.tif", noise(600, 600), **layout)
    whole = (tmp_path / "a.tif").read_bytes()
    settings = MosaicSettings(images=(str(tmp_path / "a.tif"),))
    assert mosaic(settings, tmp_path / "mosaic").scenes == 1
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(ImageError, match=r"a\.tif: is cut short"):
        mosaic(settings, tmp_path / "mosaic", overwrite=True)
