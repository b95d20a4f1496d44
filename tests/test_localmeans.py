"""Networks that pool parts of an image, on larger ones."""

from pathlib import Path

import keras
import numpy as np
import pytest
import rasterio
from conftest import textured, write_image
from keras import layers
from rasterio.windows import Window

from landcover.classify.blend import inside
from landcover.classify.journal import Journal
from landcover.classify.mapper import open_mapper
from landcover.classify.predict import classify_image
from landcover.errors import Interrupted
from landcover.localmeans import LocalMeans, localised
from landcover.model import ModelCard, in_precision, load_network, save_model
from landcover.pooling import Enlarged, PartMeans
from landcover.settings import ClassifySettings, TrainSettings
from landcover.train.networks import build_network


@pytest.mark.parametrize("window", [1.0, 4.0, 5.0, 16 / 3, 40.0])
def test_means_are_of_a_square_around_each_pixel(window: float) -> None:
    image = np.random.default_rng(0).normal(3, 1, (2, 11, 14, 3)).astype(np.float32)

    def shares(length: int) -> np.ndarray:
        # in tenths of thirds of a pixel, to which the windows are cut
        fine = (np.arange(length * 30) + 0.5) / 30
        inside = np.abs(fine[None] - (np.arange(length)[:, None] + 0.5)) <= window / 2
        counts = inside.reshape(length, length, 30).sum(axis=2)
        return counts / counts.sum(axis=1, keepdims=True)

    expected = np.einsum("ir,jc,brcd->bijd", shares(11), shares(14), image)
    np.testing.assert_allclose(LocalMeans(window)(image), expected, atol=1e-5)


def _network(pool: object, kernel: int = 1) -> keras.Model:
    """Compares a pixel with what is around it."""
    image = keras.Input((None, None, 4), name="image")
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(image)
    parts = layers.BatchNormalization()(layers.Conv2D(5, kernel, padding="same")(pool(x)))
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Concatenate()([x, Enlarged()([parts, x])]))
    return keras.Model(image, layers.Softmax(name="probabilities")(layers.Conv2D(4, 1, name="logits")(x)))


def test_what_is_far_from_where_an_image_is_cut_stays_the_same() -> None:
    keras.utils.set_random_seed(1)
    network = _network(PartMeans(2))
    local = localised(network, 64)
    assert [layer.window for layer in local.layers if isinstance(layer, LocalMeans)] == [16.0]
    image = np.moveaxis(textured(160, 192), 0, -1)[None].astype(np.float32)
    whole, part = np.asarray(local(image)), np.asarray(local(image[:, 16:144, 32:176]))
    # 16 pixels of the window on either side, and those of convolution and enlarging
    np.testing.assert_allclose(part[:, 20:-20, 20:-20], whole[:, 36:124, 52:156], atol=1e-4)
    whole, part = np.asarray(network(image)), np.asarray(network(image[:, 16:144, 32:176]))
    assert np.abs(part[:, 20:-20, 20:-20] - whole[:, 36:124, 52:156]).max() > 1e-2


def test_at_the_middle_of_an_image_as_large_as_in_the_training_means_are_the_same() -> None:
    image = np.random.default_rng(0).normal(3, 1, (1, 17, 17, 3)).astype(np.float32)
    np.testing.assert_allclose(LocalMeans(17.0)(image)[:, 8, 8], PartMeans(1)(image)[:, 0, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("pool", "kernel"),
    [
        (PartMeans(2), 3),
        (layers.GlobalAveragePooling2D(keepdims=True), 1),
        (lambda x: layers.Add()([PartMeans(2)(x), PartMeans(2)(x)]), 1),
        (lambda x: PartMeans(1)(PartMeans(2)(x)), 1),
        (lambda x: PartMeans(2)(layers.Softmax(axis=1)(x)), 1),
        (lambda x: PartMeans(2)(layers.Activation("relu")(x) + 1), 1),
        (layers.Activation("relu"), 1),
    ],
)
def test_networks_that_look_at_all_of_an_image_in_other_ways_are_left_as_they_are(pool, kernel: int) -> None:
    assert localised(_network(pool, kernel), 64) is None


def test_parts_enlarged_to_another_size_are_left_as_they_are() -> None:
    image = keras.Input((None, None, 4))
    x = layers.Conv2D(4, 1)(layers.MaxPooling2D(2)(image))
    assert localised(keras.Model(image, Enlarged()([PartMeans(2)(x), image])), 64) is None


def _trained(name: str) -> keras.Model:
    """With weights and statistics that are none of a beginning."""
    network = build_network(TrainSettings(model=name), 4, 3, [120.0] * 4, [60.0] * 4)
    random = np.random.default_rng(3)
    network.set_weights([w + random.uniform(0, 0.2, w.shape) for w in network.get_weights()])
    return network


@pytest.mark.parametrize(("name", "windows"), [("pspnet", [32, 16, 32 / 3, 16 / 3]), ("deeplab", [16])])
def test_the_networks_of_the_program_map_larger_images(name: str, windows: list[float]) -> None:
    network = _trained(name)
    local = localised(network, 256)
    found = [layer.window for layer in local.layers if isinstance(layer, LocalMeans)]
    assert sorted(found, reverse=True) == pytest.approx(windows)
    for layer in local.layers:
        for one, other in zip(layer.weights, network.get_layer(layer.name).weights, strict=True):
            np.testing.assert_array_equal(one, other)
    image = np.moveaxis(textured(96, 128), 0, -1)[None].astype(np.float32)
    for made in (local, in_precision(local, "bfloat16")):
        scores = np.asarray(made.predict_on_batch(image))
        assert scores.shape == (1, 96, 128, 4)
        np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-3)


@pytest.fixture
def settings(tmp_path: Path, scheme) -> ClassifySettings:
    """Of a small network that pools parts of its chips, of 64 px."""
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 4), name="image")
    x = layers.Normalization(mean=[128.0] * 4, variance=[900.0] * 4, name="normalisation", dtype="float32")(image)
    around = layers.Conv2D(6, 1, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))(PartMeans(2)(x))
    x = layers.Concatenate()([x, Enlarged()([around, x])])
    logits = layers.Conv2D(4, 1, name="logits", kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))(x)
    network = keras.Model(image, layers.Softmax(name="probabilities", dtype="float32")(logits))
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(30.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=64, halo=None, multiple=1, split="blocks", pixels={}, scores={}, model="pspnet",
    )  # fmt: skip
    save_model(network, card, tmp_path / "model.keras")
    return ClassifySettings(model=tmp_path / "model.keras", precision="float32", halo=16)


def _map(image: Path, settings: ClassifySettings, out: Path) -> np.ndarray:
    classify_image(image, settings, out)
    with rasterio.open(out) as dataset:
        return dataset.read(1)


def test_maps_hardly_depend_on_how_they_are_cut(tmp_path: Path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(700, 600))
    tiling = open_mapper(settings).tiling(700, 600)
    # of about one size, read in 608 pixels at most
    assert (tiling.rows, tiling.columns, tiling.halo) == (350, 300, 16)
    whole = _map(path, settings, tmp_path / "one.tif")
    parts = _map(path, settings.model_copy(update={"tile": 128}), tmp_path / "two.tif")
    # a halo of 16 holds windows of 32 pixels at a border, and half of them at the edge of what is blended
    assert (whole == parts).mean() > 0.99
    assert open_mapper(settings).side is None


def test_one_tile_shows_what_the_network_says_and_one_that_was_cut_off_goes_on(
    tmp_path: Path, settings, scheme, monkeypatch
) -> None:
    image = textured(310, 280)
    image[:, :90, 200:] = 0
    path = write_image(tmp_path / "a.tif", image)
    network = localised(load_network(settings.model), 64)
    filled = np.moveaxis(np.where(image.any(axis=0), image, 128), 0, -1)[None].astype(np.float32)
    scores = np.asarray(network.predict_on_batch(filled))[0, ..., 1:]
    expected = np.where(image.any(axis=0), np.array(scheme.values)[scores.argmax(axis=-1)], 0)
    assert (_map(path, settings, tmp_path / "one.tif") == expected).mean() > 0.9999
    small = settings.model_copy(update={"tile": 96, "batch": 2})
    parts, kept, added = _map(path, small, tmp_path / "parts.tif"), Journal.add, []

    def struck(self, index, *what) -> None:
        if len(added) == 5:
            raise KeyboardInterrupt
        kept(self, index, *what)
        added.append(index)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", struck)
        with pytest.raises(Interrupted, match="5 tiles are done and kept"):
            classify_image(path, small, tmp_path / "cut.tif")
    np.testing.assert_array_equal(_map(path, small, tmp_path / "cut.tif"), parts)


def test_no_more_is_read_than_there_is() -> None:
    for start in (-48, 0, 100):
        assert inside(Window(start, -48, 608, 608), 250, 1000, 16) == Window(max(start, 0), 0, 608, 256)
    assert inside(Window(464, 464, 608, 608), 1000, 1000, 16) == Window(400, 400, 608, 608)
    assert inside(Window(-48, -48, 60, 60), 30, 30, 1) == Window(0, 0, 30, 30)
