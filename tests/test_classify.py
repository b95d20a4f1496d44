from functools import partial
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from affine import Affine
from conftest import CRS, ORIGIN, textured, write_image, write_model, write_polygons
from rio_cogeo.cogeo import cog_validate
from scipy.ndimage import gaussian_filter

from landcover.classify.kerasmapper import KerasMapper
from landcover.classify.predict import classify_image
from landcover.classraster import class_raster
from landcover.errors import ConfigError, ImageError, LabelError, LandcoverError, ModelError, OutputExists
from landcover.grid import Grid
from landcover.model import load_network, read_card, save_model
from landcover.prepare.mosaic import mosaic
from landcover.scheme import ClassScheme
from landcover.settings import ClassifySettings, MosaicSettings, NetSettings
from landcover.train.losses import masked_crossentropy
from landcover.train.unet import build_unet, logits_of


@pytest.fixture
def settings(random_model) -> ClassifySettings:
    return ClassifySettings(model=random_model, precision="float32")


def _map(path, settings, out, **changes) -> np.ndarray:
    classify_image(path, settings.model_copy(update=changes), out)
    with rasterio.open(out) as dataset:
        return dataset.read(1)


def test_the_map_is_the_same_whatever_the_tile(tmp_path, scheme) -> None:
    settings = ClassifySettings(model=write_model(tmp_path / "model.keras", scheme, NetSettings()), precision="float32")
    path = write_image(tmp_path / "a.tif", textured(350, 550))
    one = _map(path, settings, tmp_path / "one.tif", tile=560)
    assert set(np.unique(one)) <= set(scheme.values)
    assert len(np.unique(one)) > 1
    others = [{"tile": 256}, {"tile": 400}, {"tile": 256, "batch": 1}, {"tile": 128, "batch": 5},
              {"memory": 1_150_000_000}]  # fmt: skip
    for number, changes in enumerate(others):
        np.testing.assert_array_equal(_map(path, settings, tmp_path / f"{number}.tif", **changes), one)
    # without a halo there are seams: the comparison can fail
    assert (_map(path, settings, tmp_path / "seams.tif", tile=256, halo=0) != one).any()


def _changes_at(classes: np.ndarray, tile: int) -> tuple[float, float]:
    """The share of neighbours that differ across the borders of tiles, and where they lie alike in the pooling."""
    differ = classes[:, 1:] != classes[:, :-1]
    column = np.arange(1, classes.shape[1])
    border, elsewhere = column % tile == 0, (column % 16 == 0) & (column % tile > 0)
    return float(differ[:, border].mean()), float(differ[:, elsewhere].mean())


def _field(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (rows, columns, 4) of three kinds of ground in patches, and which is where: 1, 2 or 3."""
    random = np.random.default_rng(seed)
    heights = gaussian_filter(random.normal(0, 1, (rows, columns)), 12)
    kind = 1 + np.digitize(heights / heights.std(), (-0.4, 0.4))
    image = np.array([[60, 90, 50, 150], [120, 110, 100, 120], [90, 100, 75, 135]], float)[kind - 1]
    return np.clip(image + random.normal(0, 25, image.shape), 1, 255).astype(np.uint8), kind


def test_neighbours_across_tile_borders_are_as_alike_as_elsewhere(tmp_path, settings, scheme) -> None:
    network = build_unet(4, len(scheme), [90.0] * 4, [30.0] * 4, seed=2, settings=NetSettings(filters=8))
    learner = logits_of(network)
    learner.compile("adam", loss=partial(masked_crossentropy, weights=[1.0, 1.0, 1.0]))
    learner.optimizer.learning_rate = 0.003
    for step in range(40):
        images, kinds = zip(*(_field(96, 96, 10 * step + n) for n in range(4)), strict=True)
        learner.train_on_batch(np.stack(images).astype(np.float32), np.stack(kinds))
    card = read_card(settings.model).model_copy(update={"mean": (90.0,) * 4, "deviation": (30.0,) * 4})
    save_model(network, card, tmp_path / "model.keras")
    trained = settings.model_copy(update={"model": tmp_path / "model.keras"})
    image, kind = _field(900, 1290, 9999)
    path = write_image(tmp_path / "a.tif", np.moveaxis(image, -1, 0))
    shown = _map(path, trained, tmp_path / "m.tif", tile=128)
    assert (shown == np.array([0, *scheme.values])[kind]).mean() > 0.8
    border, elsewhere = _changes_at(shown, 128)
    seams = _changes_at(_map(path, trained, tmp_path / "s.tif", tile=128, halo=0), 128)
    assert border == pytest.approx(elsewhere, rel=0.1)
    assert seams[0] > 1.5 * seams[1]


def test_no_data_in_gives_0_out_and_does_not_reach_its_neighbours(tmp_path, settings) -> None:
    image = textured(300, 300)
    image[:, :, 200:] = 0
    dark = image.copy()
    dark[3, :, :200] = 0  # NIR of 0 is no hole
    whole = _map(write_image(tmp_path / "dark.tif", dark, photometric="RGB", alpha="YES"), settings, tmp_path / "d.tif")
    assert (whole[:, :200] > 0).all()
    assert not whole[:, 200:].any()
    declared = np.where(image == 0, 255, np.minimum(image, 254)).astype(np.uint8)
    by_value = _map(write_image(tmp_path / "v.tif", declared, nodata=255), settings, tmp_path / "vm.tif")
    collar = write_image(tmp_path / "c.tif", np.where(image == 0, 0, np.minimum(image, 254)).astype(np.uint8))
    np.testing.assert_array_equal(by_value, _map(collar, settings, tmp_path / "cm.tif"))


def test_a_map_says_what_it_is(tmp_path, settings, scheme) -> None:
    path = write_image(tmp_path / "a.tif", textured(700, 600), 3, 5)
    out = tmp_path / "maps" / "a.tif"
    made = classify_image(path, settings, out)
    assert sum(made.pixels.values()) == 700 * 600
    assert (made.precision, made.tiling.halo) == ("float32", 96)
    with rasterio.open(out) as dataset:
        assert dataset.transform == Affine(1, 0, ORIGIN[0] + 3, 0, -1, ORIGIN[1] - 5)
        assert (dataset.crs.to_string(), dataset.dtypes, dataset.nodata) == (CRS, ("uint8",), 0)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.compression.name == "deflate"
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1)
        assert dataset.colormap(1)[7] == (253, 191, 111, 255)
        assert len(dataset.tags()["LANDCOVER_MODEL_SHA256"]) == 64
        assert ClassScheme.model_validate_json(dataset.tags()["LANDCOVER_SCHEME"]) == scheme
    assert "bare land" in (tmp_path / "maps/a.tif.aux.xml").read_text()
    assert sorted(p.name for p in out.parent.iterdir()) == ["a.qml", "a.tif", "a.tif.aux.xml"]


def test_a_mosaic_is_mapped_as_one_image(tmp_path, settings) -> None:
    image = textured(300, 500)
    write_image(tmp_path / "naip/a.tif", image[:, :, :300])
    write_image(tmp_path / "naip/b.tif", image[:, :, 200:], 200)
    write_image(tmp_path / "whole.tif", image)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    np.testing.assert_array_equal(
        _map(made.path, settings, tmp_path / "m.tif"), _map(tmp_path / "whole.tif", settings, tmp_path / "w.tif")
    )


@pytest.mark.parametrize(
    ("bands", "dtype", "crs", "message"),
    [
        (3, np.uint8, CRS, "has 3 bands, but the model was trained on 4"),
        (4, np.float32, CRS, "pixels are float32; images must be"),
        (4, np.uint8, None, "has no coordinate reference system: assign one"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path, settings, bands, dtype, crs, message) -> None:
    path = write_image(tmp_path / "a.tif", np.ones((bands, 64, 64), dtype), crs=crs)
    with pytest.raises(ImageError, match=message):
        classify_image(path, settings, tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_a_truncated_image_is_named_and_leaves_no_map(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(600, 600), tiled=True, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"a\.tif"):
        classify_image(path, settings, tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_a_class_that_no_chip_showed_is_not_mapped(tmp_path, settings, scheme) -> None:
    path = write_image(tmp_path / "a.tif", textured(200, 200))
    before = _map(path, settings, tmp_path / "before.tif")
    card = read_card(settings.model)
    most = int(np.bincount(before.ravel()).argmax())
    seen = {c.name: 0 if c.value == most else 5 for c in scheme}
    again = settings.model_copy(update={"model": tmp_path / "model.keras"})
    save_model(load_network(settings.model), card.model_copy(update={"pixels": seen}), again.model)
    after = _map(path, again, tmp_path / "after.tif")
    assert most not in after
    assert (after > 0).all()
    np.testing.assert_array_equal(after[before != most], before[before != most])


def test_a_map_is_named_as_the_geotiff_that_it_is(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(64, 64))
    with pytest.raises(ImageError, match="a map is a GeoTIFF"):
        classify_image(path, settings, tmp_path / "map.png")


def test_pixels_of_another_size_are_warned_of(tmp_path, settings, caplog) -> None:
    with caplog.at_level("WARNING"):
        classify_image(write_image(tmp_path / "a.tif", textured(64, 64), size=0.8), settings, tmp_path / "a_map.tif")
        assert caplog.text == ""
        classify_image(write_image(tmp_path / "b.tif", textured(64, 64), size=0.6), settings, tmp_path / "b_map.tif")
    assert "b.tif has pixels of 0.6 x 0.6 m, but the model was trained on 1 x 1 m" in caplog.text


def test_the_map_does_not_replace_its_image(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(64, 64))
    before = path.read_bytes()
    (tmp_path / "b.tif").mkdir()
    for out in (path, tmp_path / "b.tif"):
        with pytest.raises(ImageError, match="needs a file of its own"):
            classify_image(path, settings, out, overwrite=True)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_16_bits_that_hold_8_are_mapped_and_real_ones_refused(tmp_path, settings) -> None:
    image = textured(300, 300)
    narrow = _map(write_image(tmp_path / "8.tif", image), settings, tmp_path / "8m.tif")
    wide = write_image(tmp_path / "16.tif", image.astype(np.uint16))
    np.testing.assert_array_equal(_map(wide, settings, tmp_path / "16m.tif"), narrow)
    real = write_image(tmp_path / "real.tif", image.astype(np.uint16) * 40)
    message = r"real\.tif: pixels are uint16 with values up to 10,200, but the model was trained on uint8: rescale"
    with pytest.raises(ImageError, match=message):
        classify_image(real, settings, tmp_path / "m.tif")
    # a value that no spot check meets
    image = np.tile(image.astype(np.uint16), (1, 3, 3))
    image[2, 450, 190] = 256
    with pytest.raises(ImageError, match="values up to 256"):
        classify_image(write_image(tmp_path / "one.tif", image), settings, tmp_path / "m.tif")
    assert not (tmp_path / "m.tif").exists()


def test_an_image_in_another_light_is_warned_of(tmp_path, settings, caplog) -> None:
    with caplog.at_level("WARNING"):
        classify_image(write_image(tmp_path / "a.tif", textured(200, 200)), settings, tmp_path / "am.tif")
        assert caplog.text == ""
        dark = textured(200, 200) // 80 + 1
        card = read_card(settings.model).model_copy(update={"deviation": (20.0, 20.0, 60.0, 60.0)})
        model = tmp_path / "model.keras"
        save_model(load_network(settings.model), card, model)
        path = write_image(tmp_path / "b.tif", dark.astype(np.uint8))
        classify_image(path, settings.model_copy(update={"model": model}), tmp_path / "bm.tif")
    assert "has a mean of about 2, 6.3 deviations from the 128 of the training" in caplog.text


def test_an_undeclared_collar_is_an_option(tmp_path, settings) -> None:
    image = textured(100, 100)
    image[:, :20] = 0
    path = write_image(tmp_path / "a.tif", image)
    assert not _map(path, settings, tmp_path / "on.tif")[:20].any()
    assert (_map(path, settings, tmp_path / "off.tif", collar=False) > 0).all()


def test_a_mask_and_nodata_by_band_are_heeded(tmp_path, settings) -> None:
    image = textured(100, 120)
    path = write_image(tmp_path / "masked.tif", image)
    holes = np.ones((100, 120), bool)
    holes[10:20, 30:60] = False
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(holes)
    np.testing.assert_array_equal(_map(path, settings, tmp_path / "m.tif") > 0, holes)
    # a value of its own for each band: only where all of them are met there is no data
    image[:, 40:50] = np.array([1, 2, 3, 4], np.uint8)[:, None, None]
    image[:, 60] = np.array([1, 2, 3, 5], np.uint8)[:, None]
    write_image(tmp_path / "plain.tif", image)
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{b}"><NoDataValue>{b}</NoDataValue><SimpleSource><SourceFilename '
        f'relativeToVRT="1">plain.tif</SourceFilename><SourceBand>{b}</SourceBand></SimpleSource></VRTRasterBand>'
        for b in range(1, 5)
    )
    (tmp_path / "each.vrt").write_text(
        f'<VRTDataset rasterXSize="120" rasterYSize="100"><SRS>{CRS}</SRS>'
        f"<GeoTransform>{ORIGIN[0]}, 1, 0, {ORIGIN[1]}, 0, -1</GeoTransform>{bands}</VRTDataset>"
    )
    shown = _map(tmp_path / "each.vrt", settings, tmp_path / "e.tif")
    assert not shown[40:50].any()
    assert (np.delete(shown, np.s_[40:50], axis=0) > 0).all()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 300), (300, 1), (256, 256), (17, 33)])
def test_an_image_of_any_size_is_mapped(tmp_path, settings, rows, columns) -> None:
    shown = _map(write_image(tmp_path / "a.tif", textured(rows, columns)), settings, tmp_path / "m.tif")
    assert shown.shape == (rows, columns)
    assert (shown > 0).all()


def test_what_is_no_image_or_lies_askew_is_refused(tmp_path, settings) -> None:
    (tmp_path / "empty.tif").write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty\.tif: is empty"):
        classify_image(tmp_path / "empty.tif", settings, tmp_path / "m.tif")
    path = write_image(tmp_path / "a.tif", textured(64, 64))
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = dataset.transform @ Affine.rotation(10)
    with pytest.raises(ImageError, match=r"a\.tif: is rotated or not north-up: warp it first"):
        classify_image(path, settings, tmp_path / "m.tif")


def test_only_what_has_data_is_computed(tmp_path, settings, monkeypatch) -> None:
    path = tmp_path / "sparse.tif"
    profile = {"driver": "GTiff", "count": 4, "height": 4000, "width": 6000, "dtype": "uint8", "crs": CRS}
    with rasterio.open(
        path, "w", transform=Affine(1, 0, *ORIGIN[:1], 0, -1, ORIGIN[1]), tiled=True, SPARSE_OK=True, **profile
    ) as dataset:
        for left, top in ((2560, 1400), (4600, 2800), (5700, 3700)):
            dataset.write(textured(256, 256), window=rasterio.windows.Window(left, top, 256, 256))
    calls = []
    compute = KerasMapper.map
    monkeypatch.setattr(KerasMapper, "map", lambda *given: calls.append(given[1].shape) or compute(*given))
    made = classify_image(path, settings.model_copy(update={"tile": 1536}), tmp_path / "m.tif")
    # two tiles of twelve, and of these three parts
    assert made.tiling.number(4000, 6000) == 12
    assert len(calls) == 3
    assert all(shape[1:3] == (512 + 192, 512 + 192) for shape in calls)
    assert sum(made.pixels.values()) == 3 * 256 * 256
    assert (tmp_path / "m.tif").stat().st_size < 100_000
    whole = classify_image(path, settings.model_copy(update={"tile": 256}), tmp_path / "n.tif")
    assert whole.pixels == made.pixels
    with rasterio.open(tmp_path / "m.tif") as one, rasterio.open(tmp_path / "n.tif") as other:
        np.testing.assert_array_equal(one.read(1), other.read(1))


def test_a_part_that_cannot_be_read_is_named_or_skipped(tmp_path, settings, caplog) -> None:
    path = write_image(tmp_path / "a.tif", textured(1024, 1024), tiled=True, blockxsize=256, compress="deflate")
    whole = _map(path, settings, tmp_path / "whole.tif")
    with rasterio.open(path) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_2_1", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[start + 20 : start + 400] = b"\xff" * 380
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.tif: cannot be read at column \d+, row \d+ \(.*\): is the file whole\?"):
        classify_image(path, settings, tmp_path / "m.tif")
    maps = [_map(path, settings, tmp_path / f"s{tile}.tif", tile=tile, skip_bad=True) for tile in (128, 400, 1024)]
    bad = np.zeros((1024, 1024), bool)
    bad[256:512, 512:768] = True
    for shown in maps:
        np.testing.assert_array_equal(shown == 0, bad)
        np.testing.assert_array_equal(shown, maps[0])
    np.testing.assert_array_equal(maps[0][700:], whole[700:])
    assert (
        "1 cells of 256 x 256 px could not be read and count as no data, the first at column 512, row 256"
        in caplog.text
    )


def test_what_is_given_up_does_not_depend_on_the_tiles(tmp_path, settings) -> None:
    # blocks smaller than the cells in which a file is given up, and tiles whose edges lie inside such a cell
    path = write_image(
        tmp_path / "a.tif", textured(600, 600), tiled=True, blockxsize=128, blockysize=128, compress="lzw"
    )
    with rasterio.open(path) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_2_2", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    maps = [_map(path, settings, tmp_path / f"{n}.tif", tile=n, skip_bad=True, halo=0) for n in (48, 128, 592)]
    for shown in maps:
        assert not shown[256:512, 256:512].any()
        assert (shown == 0).sum() == 256 * 256


def test_an_image_cut_short_can_be_mapped_as_far_as_it_goes(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(1024, 512), tiled=True, blockxsize=256, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    with pytest.raises(ImageError, match="is cut short"):
        classify_image(path, settings, tmp_path / "m.tif")
    shown = _map(path, settings, tmp_path / "m.tif", skip_bad=True)
    assert (shown[:512] > 0).all()
    assert not shown[768:].any()


def test_an_image_that_changes_while_it_is_read_is_not_mapped(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "a.tif", textured(300, 300))
    compute = KerasMapper.map

    def meddle(*given):
        write_image(path, textured(300, 300) // 2)
        return compute(*given)

    monkeypatch.setattr(KerasMapper, "map", meddle)
    with pytest.raises(ImageError, match=r"a\.tif: has changed while it was read"):
        classify_image(path, settings, tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_confidence_is_a_second_raster(tmp_path, settings) -> None:
    image = textured(300, 700)
    image[:, :, 600:] = 0
    path = write_image(tmp_path / "a.tif", image)
    plain = _map(path, settings, tmp_path / "plain.tif")
    np.testing.assert_array_equal(_map(path, settings, tmp_path / "m.tif", confidence=True), plain)
    one = {"tile": 1104, "confidence": True}
    np.testing.assert_array_equal(_map(path, settings, tmp_path / "one.tif", **one), plain)
    with rasterio.open(tmp_path / "m_confidence.tif") as dataset:
        percent = dataset.read(1)
        assert dataset.nodata == 255
        assert cog_validate(tmp_path / "m_confidence.tif")[0]
    with rasterio.open(tmp_path / "one_confidence.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), percent)
    assert (percent[:, 600:] == 255).all()
    # a new map without it leaves none of the old one beside it
    before = (tmp_path / "m_confidence.tif").read_bytes()
    with pytest.raises(OutputExists):
        classify_image(path, settings.model_copy(update={"confidence": True}), tmp_path / "m.tif")
    assert (tmp_path / "m_confidence.tif").read_bytes() == before
    classify_image(path, settings, tmp_path / "m.tif", overwrite=True)
    assert not (tmp_path / "m_confidence.tif").exists()
    # of three classes the likeliest has a third at least
    assert 33 <= percent[:, :600].min() < percent[:, :600].max() <= 100


def test_polygons_limit_the_map_to_their_inside(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "a.tif", textured(600, 600))
    whole = _map(path, settings, tmp_path / "whole.tif")
    aoi = write_polygons(tmp_path / "aoi.gpkg", [(10, 20, 110, 90, 1), (400, 300, 450, 500, 1)])
    calls = []
    compute = KerasMapper.map
    monkeypatch.setattr(KerasMapper, "map", lambda *given: calls.append(len(given[1])) or compute(*given))
    shown = _map(path, settings, tmp_path / "m.tif", aoi=aoi, tile=160, batch=1)
    inside = np.zeros((600, 600), bool)
    inside[20:90, 10:110] = inside[300:500, 400:450] = True
    np.testing.assert_array_equal(shown, np.where(inside, whole, 0))
    assert sum(calls) < 6
    far = write_polygons(tmp_path / "far.gpkg", [(2000, 20, 2100, 90, 1)])
    with pytest.raises(LabelError, match=r"far\.gpkg: no polygon lies on the image"):
        classify_image(path, settings.model_copy(update={"aoi": far}), tmp_path / "f.tif")


def test_other_programs_read_the_map_its_names_and_colours(tmp_path, settings, scheme) -> None:
    out = tmp_path / "m.tif"
    classify_image(write_image(tmp_path / "a.tif", textured(1100, 1200)), settings, out)
    valid, errors, warnings = cog_validate(out)
    assert (valid, errors, warnings) == (True, [], [])
    band = ET.parse(tmp_path / "m.tif.aux.xml").getroot().find("PAMRasterBand")
    names = [c.text or "" for c in band.iter("Category")]
    assert {c.value: names[c.value] for c in scheme} == {1: "water", 2: "forest", 7: "bare land"}
    table = band.find("GDALRasterAttributeTable")
    usages = [int(f.find("Usage").text) for f in table.iter("FieldDefn")]
    rows = [[cell.text for cell in row.iter("F")] for row in table.iter("Row")]
    assert usages == [5, 2, 6, 7, 8]
    assert rows[2] == ["7", "bare land", "253", "191", "111"]
    entries = [dict(e.attrib) for e in ET.parse(tmp_path / "m.qml").getroot().iter("paletteEntry")]
    assert [(e["value"], e["label"], e["color"]) for e in entries] == [(str(c.value), c.name, c.color) for c in scheme]
    # an overview shows the class that most of its pixels have, not a mean of class values
    with rasterio.open(out) as dataset, rasterio.open(out, overview_level=0) as smaller:
        assert smaller.height == 550
        assert set(np.unique(smaller.read(1))) <= set(np.unique(dataset.read(1)))


def test_too_little_room_is_told_before_the_work(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "a.tif", textured(600, 600))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=50_000))
    with pytest.raises(LandcoverError, match=r"m\.tif: needs up to"):
        classify_image(path, settings, tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_what_is_empty_or_wrong_stops_before_the_work(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", np.zeros((4, 64, 64), np.uint8))
    with pytest.raises(ImageError, match="no pixel with data"):
        classify_image(path, settings, tmp_path / "m.tif")
    assert not (tmp_path / "m.tif").exists()
    with pytest.raises(ConfigError, match="--halo 50: must be a multiple of 16"):
        classify_image(path, settings.model_copy(update={"halo": 50}), tmp_path / "m.tif")
    with pytest.raises(ModelError, match="is not a model"):
        classify_image(path, ClassifySettings(model=path), tmp_path / "m.tif")
    (tmp_path / "m.tif").write_text("mine")
    with pytest.raises(OutputExists):
        classify_image(path, settings, tmp_path / "m.tif")
    assert (tmp_path / "m.tif").read_text() == "mine"


def test_a_class_raster_that_fails_half_way_is_not_there(tmp_path, scheme) -> None:
    grid = Grid(rasterio.crs.CRS.from_string(CRS), Affine(1, 0, 9, 0, -1, 9), 64, 64)

    def fail() -> None:
        with class_raster(tmp_path / "m.tif", grid, scheme) as dataset:
            dataset.write(np.ones((64, 64), np.uint8), grid.whole)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_map_that_lost_blocks_is_not_kept(tmp_path, scheme) -> None:
    # what a full disk does: GDAL writes on, and says nothing
    grid = Grid(rasterio.crs.CRS.from_string(CRS), Affine(1, 0, 9, 0, -1, 9), 64, 64)

    def lose() -> None:
        with class_raster(tmp_path / "m.tif", grid, scheme) as target:
            target.write(np.ones((64, 64), np.uint8), grid.whole)
            target.total += 1

    with pytest.raises(LandcoverError, match="is the disk full"):
        lose()
    assert list(tmp_path.iterdir()) == []
