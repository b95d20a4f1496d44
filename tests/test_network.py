"""The network that maps are made with gives the pixels of the bare one, for less work."""

import keras
import numpy as np
import pytest

from landcover.classify.network import map_network
from landcover.field import receptive_field, spans
from landcover.memory import bytes_a_pixel
from landcover.model import ModelCard
from landcover.train.unet import build_unet


@pytest.fixture(scope="module")
def network(scheme) -> keras.Model:
    network = build_unet(4, len(scheme), [100.0] * 4, [50.0] * 4, seed=3)
    random = np.random.default_rng(1)
    last = network.get_layer("logits")
    last.set_weights([random.normal(0, 1, w.shape) for w in last.get_weights()])
    return network


def _card(scheme, **changes) -> ModelCard:
    facts = {
        "scheme": scheme, "bands": 4, "dtype": "uint8", "mean": (100.0,) * 4, "deviation": (50.0,) * 4,
        "pixel_size": (1.0, 1.0), "chip_size": 256, "halo": 96, "multiple": 16, "split": "blocks", "pixels": {},
        "scores": {},
    }  # fmt: skip
    return ModelCard.model_validate(facts | changes)


def _image(rows: int, columns: int) -> np.ndarray:
    random = np.random.default_rng(2)
    coarse = random.normal(0, 40, (1, rows // 8 + 1, columns // 8 + 1, 4)).repeat(8, 1).repeat(8, 2)
    return np.clip(coarse[:, :rows, :columns] + random.normal(120, 20, (1, rows, columns, 4)), 1, 255).astype(np.uint8)


@pytest.mark.parametrize("gaps", [False, True])
def test_the_centre_is_that_of_the_whole_network(network, scheme, gaps) -> None:
    image = _image(448, 320)
    ours = map_network(network, _card(scheme), 96, gaps)
    found = ours.predict_on_batch([image, np.ones(image.shape[:3], bool)] if gaps else image)
    expected = network.predict_on_batch(image.astype(np.float32))[:, 96:-96, 96:-96, 1:].argmax(-1)
    np.testing.assert_array_equal(found, np.array(scheme.values)[expected])
    assert found.dtype == np.uint8


def test_confidence_is_the_probability_of_the_class_shown(network, scheme) -> None:
    image = _image(256, 256)
    known = _card(scheme, pixels={"water": 9, "forest": 0, "bare land": 9})
    classes, percent = map_network(network, known, 96, gaps=False, confidence=True).predict_on_batch(image)
    probable = network.predict_on_batch(image.astype(np.float32))[:, 96:-96, 96:-96]
    # forest, output 2, was never shown: it is neither given nor counted
    shown = probable[..., [1, 3]] / probable[..., [1, 3]].sum(-1, keepdims=True)
    np.testing.assert_array_equal(classes, np.array([1, 7])[shown.argmax(-1)])
    assert np.abs(percent - 100 * shown.max(-1)).max() < 0.51


def test_pixels_without_data_are_as_the_training_mean(network, scheme) -> None:
    image = _image(256, 256)
    valid = np.ones(image.shape[:3], bool)
    valid[:, :, 150:] = False
    mean = image.copy()
    mean[:, :, 150:] = 100
    ours = map_network(network, _card(scheme), 96)
    np.testing.assert_array_equal(
        ours.predict_on_batch([image, valid]), ours.predict_on_batch([mean, np.ones_like(valid)])
    )


def test_less_than_half_of_the_halo_is_decoded(network, scheme) -> None:
    ours = map_network(network, _card(scheme), 96, gaps=False)
    last = ours.get_layer("merge1_b")
    sizes = keras.Model(ours.input, last._inbound_nodes[-1].output_tensors[0]).predict_on_batch(_image(448, 448)).shape
    assert 256 <= sizes[1] <= 256 + 16


def test_the_span_of_the_input_is_the_receptive_field(network) -> None:
    assert receptive_field(network) == (96, 16)
    low, high = spans(network)[id(network.inputs[0])]
    assert 80 < -low <= 96
    assert -low == high - 15


def test_memory_is_that_of_the_largest_set_of_living_tensors(network) -> None:
    # where the last two branches meet: the skip and what came up, 16 channels each, and both of them joined
    assert bytes_a_pixel(network) == 4 * (16 + 16 + 32)
    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(8, 3, padding="same")(image)
    assert bytes_a_pixel(keras.Model(image, keras.layers.Conv2D(4, 3, padding="same")(x))) == 4 * (8 + 4)
