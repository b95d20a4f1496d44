import numpy as np
import pytest
import rasterio
from affine import Affine
from conftest import CRS, ORIGIN, write_image

from landcover.classify.predict import classify_image
from landcover.config import ClassifySettings, MosaicSettings
from landcover.errors import ConfigError, ImageError, LandcoverError, ModelError, OutputExists
from landcover.grid import Grid
from landcover.model import ModelCard, load_network, read_card, save_model
from landcover.prepare.mosaic import mosaic
from landcover.raster import class_raster
from landcover.scheme import ClassScheme
from landcover.train.field import receptive_field
from landcover.train.unet import build_unet


@pytest.fixture(scope="module")
def settings(tmp_path_factory, scheme) -> ClassifySettings:
    """A model with random weights: its map is all the more fragile."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    network = build_unet(4, len(scheme), [128.0] * 4, [70.0] * 4, seed=5)
    random = np.random.default_rng(0)
    bias = network.get_layer("logits")
    bias.set_weights([random.normal(0, 1, w.shape) for w in bias.get_weights()])
    halo, multiple = receptive_field(network)
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(70.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=256, halo=halo, multiple=multiple, split="blocks", pixels={}, scores={},
    )  # fmt: skip
    save_model(network, card, path)
    return ClassifySettings(model=path, precision="float32")


def _map(path, settings, out, **changes) -> np.ndarray:
    classify_image(path, settings.model_copy(update=changes), out)
    with rasterio.open(out) as dataset:
        return dataset.read(1)


def _blurred(rows: int, columns: int) -> np.ndarray:
    """Noise with something to see at every scale."""
    random = np.random.default_rng(1)
    image = sum(
        np.kron(random.normal(0, 30, (4, rows // n + 1, columns // n + 1)), np.ones((n, n)))[:, :rows, :columns]
        for n in (1, 8, 40)
    )
    return np.clip(image + 128, 1, 255).astype(np.uint8)


def test_the_map_is_the_same_whatever_the_tile(tmp_path, settings, scheme) -> None:
    path = write_image(tmp_path / "a.tif", _blurred(700, 1100))
    one = _map(path, settings, tmp_path / "one.tif", tile=1104)
    assert set(np.unique(one)) <= set(scheme.values)
    assert len(np.unique(one)) > 1
    for tile in (256, 512, 1024):
        np.testing.assert_array_equal(_map(path, settings, tmp_path / f"{tile}.tif", tile=tile), one)
    # without a halo there are seams: the comparison can fail
    assert (_map(path, settings, tmp_path / "seams.tif", tile=256, halo=0) != one).any()


def test_no_data_in_gives_0_out_and_does_not_reach_its_neighbours(tmp_path, settings) -> None:
    image = _blurred(300, 300)
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
    path = write_image(tmp_path / "a.tif", _blurred(700, 600), 3, 5)
    out = tmp_path / "maps" / "a.tif"
    made = classify_image(path, settings, out)
    assert sum(made.pixels.values()) == 700 * 600
    assert (made.precision, made.halo) == ("float32", 96)
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
    assert sorted(p.name for p in out.parent.iterdir()) == ["a.tif", "a.tif.aux.xml"]


def test_a_mosaic_is_mapped_as_one_image(tmp_path, settings) -> None:
    image = _blurred(300, 500)
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
        (4, np.uint16, CRS, "pixels are uint16, but the model was trained on uint8"),
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
    path = write_image(tmp_path / "a.tif", _blurred(600, 600), tiled=True, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"a\.tif"):
        classify_image(path, settings, tmp_path / "m.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_a_class_that_no_chip_showed_is_not_mapped(tmp_path, settings, scheme) -> None:
    path = write_image(tmp_path / "a.tif", _blurred(200, 200))
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
    path = write_image(tmp_path / "a.tif", _blurred(64, 64))
    with pytest.raises(ImageError, match="a map is a GeoTIFF"):
        classify_image(path, settings, tmp_path / "map.png")


def test_pixels_of_another_size_are_warned_of(tmp_path, settings, caplog) -> None:
    with caplog.at_level("WARNING"):
        classify_image(write_image(tmp_path / "a.tif", _blurred(64, 64), size=0.8), settings, tmp_path / "a_map.tif")
        assert caplog.text == ""
        classify_image(write_image(tmp_path / "b.tif", _blurred(64, 64), size=0.6), settings, tmp_path / "b_map.tif")
    assert "b.tif has pixels of 0.6 x 0.6 m, but the model was trained on 1 x 1 m" in caplog.text


def test_the_map_does_not_replace_its_image(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", _blurred(64, 64))
    before = path.read_bytes()
    (tmp_path / "b.tif").mkdir()
    for out in (path, tmp_path / "b.tif"):
        with pytest.raises(ImageError, match="needs a file of its own"):
            classify_image(path, settings, out, overwrite=True)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "b.tif"]


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
        with class_raster(tmp_path / "m.tif", grid, scheme, cog=True) as dataset:
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
            target.counts[1] += 1

    with pytest.raises(LandcoverError, match="is the disk full"):
        lose()
    assert list(tmp_path.iterdir()) == []
