"""Maps of networks of a user's own: tiles show what the whole network gives."""

from functools import cache

import keras
import numpy as np
import onnxruntime
import pytest
from conftest import textured, write_image

from landcover.classify.kerasmapper import KerasMapper
from landcover.classify.network import map_network
from landcover.classify.predict import classify_image
from landcover.errors import ModelError
from landcover.export.onnxgraph import to_onnx
from landcover.field import receptive_field
from landcover.memory import bytes_a_pixel
from landcover.model import ModelCard
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


@pytest.mark.parametrize("name", EXACT)
def test_tiles_of_any_size_show_what_the_whole_network_gives(name: str, scheme) -> None:
    network, pixels = _network(name), _pixels()
    halo, multiple = receptive_field(network)
    assert (halo, multiple) == EXACT[name]
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(120.0,) * 4, deviation=(60.0,) * 4, pixel_size=(1, 1),
        chip_size=64, halo=halo, multiple=multiple, split="blocks", pixels={}, scores={},
    )  # fmt: skip
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
