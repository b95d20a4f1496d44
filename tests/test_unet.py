import numpy as np
import pytest

from landcover.field import receptive_field
from landcover.model import in_precision
from landcover.settings import NetSettings
from landcover.train.unet import build_unet


def test_the_network_is_the_articles() -> None:
    network = build_unet(4, 6, [100.0] * 4, [50.0] * 4)
    assert network.count_params() == 1_941_351
    assert receptive_field(network) == (96, 16)
    out = network.predict_on_batch(np.zeros((1, 32, 48, 4), np.float32))
    assert out.shape == (1, 32, 48, 7)
    np.testing.assert_allclose(out.sum(axis=-1), 1, atol=1e-5)


def test_nothing_beyond_the_receptive_field_changes_the_centre() -> None:
    network = build_unet(2, 2, seed=3)
    halo, multiple = receptive_field(network)
    size = 2 * halo + multiple
    image = np.random.default_rng(0).normal(size=(1, size + 64, size + 64, 2)).astype(np.float32)
    changed = image.copy()
    inside = slice(32, 32 + size)
    ring = np.ones(image.shape, bool)
    ring[:, inside, inside] = False
    changed[ring] += 100
    centre = slice(32 + halo, 32 + halo + multiple)
    before, after = (network.predict_on_batch(x)[:, centre, centre] for x in (image, changed))
    np.testing.assert_array_equal(before, after)


def test_dropout_leaves_out_the_same_of_each_chip_of_a_step() -> None:
    network = build_unet(2, 2)
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 2)).astype(np.float32)
    first, second = np.asarray(network(np.repeat(image, 2, axis=0), training=True))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert not np.allclose(first, np.asarray(network(image, training=False))[0], atol=1e-3)


def test_normalisation_is_inside_the_network() -> None:
    plain, scaled = build_unet(1, 2), build_unet(1, 2, [10.0], [5.0])
    scaled.set_weights(plain.get_weights())
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(plain.predict_on_batch(image), scaled.predict_on_batch(image * 5 + 10), atol=1e-5)


def test_precision_changes_the_arithmetic_not_the_weights() -> None:
    network = build_unet(4, 3, [100.0] * 4, [50.0] * 4)
    fast = in_precision(network, "bfloat16")
    assert fast.get_layer("down1_a").compute_dtype == "bfloat16"
    assert fast.get_layer("logits").compute_dtype == "float32"
    assert in_precision(fast, "float32").get_layer("down1_a").compute_dtype == "float32"
    for a, b in zip(network.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_configuration_shapes_the_network() -> None:
    net = NetSettings(depth=3, filters=8, dropout=0.25, activation="relu", normalisation="batch")
    network = build_unet(3, 2, settings=net)
    assert receptive_field(network)[1] == 4
    assert network.get_layer("down3_a").filters == 32
    assert [network.get_layer(f"down{n}_dropout").rate for n in (1, 2, 3)] == [0.25] * 3
    assert network.get_layer("merge1_b_activation").activation.__name__ == "relu"
    assert network.get_layer("down1_a_norm").__class__.__name__ == "BatchNormalization"
    uneven = build_unet(3, 2, settings=NetSettings(depth=3, dropout=(0.1, 0.4)))
    assert [uneven.get_layer(f"down{n}_dropout").rate for n in (1, 2, 3)] == [0.1, 0.4, 0.4]


@pytest.mark.parametrize("normalisation", ["batch", "layer"])
def test_normalised_networks_have_a_receptive_field_too(normalisation: str) -> None:
    network = build_unet(2, 2, seed=3, settings=NetSettings(depth=3, normalisation=normalisation))
    halo, multiple = receptive_field(network)
    random = np.random.default_rng(0)
    image = random.normal(size=(1, 2 * halo + multiple + 16, 2 * halo + multiple + 16, 2)).astype(np.float32)
    changed = image + 100
    changed[:, 8:-8, 8:-8] = image[:, 8:-8, 8:-8]
    centre = slice(8 + halo, 8 + halo + multiple)
    before, after = (network.predict_on_batch(x)[:, centre, centre] for x in (image, changed))
    np.testing.assert_allclose(before, after, atol=1e-6)
