"""Maps of networks of a user's own: tiles show what the whole network gives."""

import json
from functools import cache

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import textured, write_image

from landcover.classify.kerasmapper import KerasMapper
from landcover.classify.network import map_network
from landcover.classify.predict import classify_image
from landcover.errors import ModelError
from landcover.export import export
from landcover.export.onnxgraph import to_onnx
from landcover.field import receptive_field
from landcover.memory import bytes_a_pixel
from landcover.model import CARD_KEY, ModelCard, save_model
from landcover.scheme import ClassScheme
from landcover.settings import ClassifySettings, TrainSettings
from landcover.train.networks import build_network

SIDE = 96
EXACT = {
    "joined_before_pooling": (20, 4), "joined_before_pooling_with_skip": (8, 2), "even_kernels_behind_a_skip": (8, 2),
    "softmax_over_bands": (1, 1), "one_layer_three_times": (7, 1), "one_pooling_throughout": (12, 4),
}  # fmt: skip
"""Halo and multiple, by the network."""


@cache
def _network(name: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    network = build_network(TrainSettings(model=f"own_networks:{name}"), 4, 3, [120.0] * 4, [60.0] * 4)
    random = np.random.default_rng(5)
    for layer in network.layers:
        if hasattr(layer, "kernel") and layer.name != "logits":
            kernel, bias = layer.get_weights()
            deviation = (2 / np.prod(kernel.shape[:-1])) ** 0.5
            layer.set_weights([random.normal(0, deviation, kernel.shape), random.normal(0, 0.3, bias.shape)])
    return network


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 4)).astype(np.uint8)


def _card(scheme: ClassScheme, **more: object) -> ModelCard:
    return ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(120.0,) * 4, deviation=(60.0,) * 4, pixel_size=(1, 1),
        chip_size=64, split="blocks", pixels={}, scores={}, **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_tiles_of_any_size_show_what_the_whole_network_gives(name: str, scheme) -> None:
    network, pixels = _network(name), _pixels()
    halo, multiple = receptive_field(network)
    assert (halo, multiple) == EXACT[name]
    card = _card(scheme, halo=halo, multiple=multiple)
    expected = network.predict_on_batch(pixels.astype(np.float32))[0, ..., 1:]
    ours = map_network(network, card, halo, gaps=False)
    for tile in (8, 24):
        corners = [(row, column) for row in range(24, 72, tile) for column in range(24, 72, tile)]
        seen = [pixels[0, r - halo : r + tile + halo, c - halo : c + tile + halo] for r, c in corners]
        found = ours.predict_on_batch(np.stack(seen))
        assert found.shape == (len(corners), tile, tile)
        for (row, column), classes in zip(corners, found, strict=True):
            scores = expected[row : row + tile, column : column + tile]
            second, best = np.sort(scores, axis=-1)[..., -2:].transpose(2, 0, 1)
            # of two that are as likely either may be shown
            sure = best - second > 1e-4
            assert sure.mean() > 0.9
            np.testing.assert_array_equal(classes[sure], np.array(scheme.values)[scores.argmax(-1)][sure])


@pytest.mark.parametrize(
    ("name", "halo", "multiple", "told"),
    [
        ("one_layer_three_times", 3, 1, "the network looks 7 px far, and its file tells of 3: give --halo 7 "),
        ("one_pooling_throughout", 8, 2, "tiles must have multiples of 4 px a side, and its file tells of 2: train it"),
        ("softmax_over_rows", 1, 1, r"layer softmax.*: looks along rows or columns, which its file does not tell: tra"),
    ],
)
def test_a_network_that_looks_farther_than_its_file_tells_is_refused(
    tmp_path, scheme, name, halo, multiple, told
) -> None:
    """As models have it that an earlier version trained."""
    path, image = tmp_path / "model.keras", write_image(tmp_path / "a.tif", textured(64, 64))
    save_model(_network(name), _card(scheme, halo=halo, multiple=multiple), path)
    settings = ClassifySettings(model=path, precision="float32", tile=32)
    with pytest.raises(ModelError, match=rf"model\.keras: {told}"):
        classify_image(image, settings, tmp_path / "m.tif")
    if name == "one_layer_three_times":
        # who trained it need not do so again
        classify_image(image, settings.model_copy(update={"halo": 7}), tmp_path / "m.tif")


def test_an_export_tells_how_far_the_network_looks(tmp_path, scheme) -> None:
    """Also where the file does not, that an earlier version wrote."""
    save_model(_network("one_pooling_throughout"), _card(scheme, halo=8, multiple=2), tmp_path / "model.keras")
    made = onnx.load(export(tmp_path / "model.keras", "onnx", tmp_path / "m.onnx"))
    known = json.loads(next(item.value for item in made.metadata_props if item.key == CARD_KEY))
    assert (known["halo"], known["multiple"]) == EXACT["one_pooling_throughout"]


def test_a_map_of_another_size_than_its_tile_is_refused(tmp_path, tiny_model, monkeypatch) -> None:
    monkeypatch.setattr(
        KerasMapper, "map", lambda self, pixels, valid, precision: [np.ones(valid.shape, np.uint8)[:, 1:]]
    )
    path = write_image(tmp_path / "a.tif", textured(64, 64))
    settings = ClassifySettings(model=tiny_model, precision="float32", tile=64, halo=0)
    with pytest.raises(ModelError, match=r"model\.keras: gives 63 x 64 pixels for 64 x 64: its network cannot be map"):
        classify_image(path, settings, tmp_path / "m.tif")


@pytest.mark.parametrize("name", ["softmax_over_rows", "softmax_over_rows_and_columns"])
def test_what_looks_along_rows_is_blended_and_no_onnx(name: str) -> None:
    network = _network(name)
    assert receptive_field(network) == (None, 1)
    with pytest.raises(ModelError, match=r"layer softmax.*: a Softmax along rows or columns cannot be written as ONNX"):
        to_onnx(network)


@pytest.mark.parametrize("name", EXACT)
def test_onnx_gives_the_same(name: str) -> None:
    network, pixels = _network(name), _pixels().astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(network).SerializeToString(), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"image": np.moveaxis(pixels, -1, 1)})
    np.testing.assert_allclose(np.moveaxis(made, 1, -1), network.predict_on_batch(pixels), atol=1e-4)


@pytest.mark.parametrize("scale", [True, False])
def test_normalisations_in_the_middle_are_the_same_in_onnx(scale: bool) -> None:
    image = keras.Input((None, None, 2))
    x = keras.layers.Normalization(mean=[100.0, 120.0], variance=[900.0, 400.0])(image)
    x = keras.layers.Normalization(mean=[1.0, 0.0], variance=[4.0, 9.0])(x)
    x = keras.layers.LayerNormalization(scale=scale, center=not scale)(x)
    network = keras.Model(image, keras.layers.BatchNormalization(scale=scale, center=not scale)(x))
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.5, 2, weight.shape) for weight in network.get_weights()])
    pixels = _pixels()[..., :2].astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(network).SerializeToString(), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"image": np.moveaxis(pixels, -1, 1)})
    np.testing.assert_allclose(np.moveaxis(made, 1, -1), network.predict_on_batch(pixels), atol=1e-3)


def test_a_normalisation_backwards_is_no_onnx() -> None:
    image = keras.Input((None, None, 2))
    back = keras.layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], invert=True)(image)
    with pytest.raises(ModelError, match=r"layer normalization.*: a Normalization with invert cannot be written as ON"):
        to_onnx(keras.Model(image, back))


def test_memory_counts_each_use_of_a_layer() -> None:
    # where the last two branches meet: 6 bands each, and both of them joined
    assert bytes_a_pixel(_network("one_pooling_throughout")) == 4 * (6 + 6 + 12)
