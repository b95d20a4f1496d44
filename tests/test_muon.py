"""Muon on the kernels of convolutions."""

import keras
import numpy as np
import pytest
from keras import layers

from landcover.settings import BackboneSettings, TrainSettings
from landcover.train import phases
from landcover.train.muon import ConvolutionMuon, full_kernels
from landcover.train.networks import build_network
from landcover.train.unet import logits_of


@pytest.fixture
def small():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, padding="same", name="a")(image)
    x = layers.DepthwiseConv2D(3, padding="same", name="apart")(x)
    x = layers.Conv2D(8, 3, padding="same", groups=2, name="groups")(x)
    x = layers.Conv2DTranspose(4, 2, strides=2, name="up")(x)
    return keras.Model(image, layers.Conv2D(5, 1, name="logits")(x))


def stepped(network: keras.Model, gradients: dict[str, np.ndarray], rate: float = 0.01) -> dict[str, np.ndarray]:
    """How each variable moves in a first step along gradients, without decay."""
    optimizer = ConvolutionMuon(network, rate, weight_decay=0.0, clipnorm=1e9)
    before = {variable.path: np.array(variable) for variable in network.trainable_variables}
    optimizer.apply([keras.ops.array(gradients[path]) for path in before], network.trainable_variables)
    return {variable.path: np.array(variable) - before[variable.path] for variable in network.trainable_variables}


def test_only_kernels_of_all_bands_by_all_filters_are_matrices(small) -> None:
    assert [kernel.path for kernel in full_kernels(small)] == ["a/kernel", "up/kernel"]
    unet = logits_of(build_network(TrainSettings(), 4, 6, [100.0] * 4, [50.0] * 4))
    assert sum(int(np.prod(kernel.shape)) for kernel in full_kernels(unet)) == 1_939_520
    pspnet = TrainSettings(model="pspnet", backbone=BackboneSettings(width=0.35))
    paths = {kernel.path for kernel in full_kernels(logits_of(build_network(pspnet, 4, 6, [100.0] * 4, [50.0] * 4)))}
    assert "Conv1/kernel" in paths
    assert not any("depthwise" in path for path in paths)


def test_the_step_of_a_kernel_is_as_long_in_every_direction(small) -> None:
    rng = np.random.default_rng(0)
    gradients = {v.path: rng.normal(size=v.shape).astype("f4") for v in small.trainable_variables}
    # one direction stands out a hundredfold
    gradients["a/kernel"] += 100 * rng.normal(size=(3, 3, 3, 1)).astype("f4")
    moved = stepped(small, gradients)
    for path, rows, columns in (("a/kernel", 27, 8), ("up/kernel", 16, 8)):
        matrix = moved[path].reshape(rows, columns)
        lengths = np.linalg.svd(matrix, compute_uv=False) / (0.01 * 0.2 * rows**0.5)
        assert lengths.min() > 0.4, path
        assert lengths.max() < 1.3, path
        assert (matrix * gradients[path].reshape(rows, columns)).sum() < 0
        # the root of the mean square is about that of a step of Adam's
        assert np.sqrt((matrix**2).mean()) == pytest.approx(0.01 * 0.2 * (rows / max(rows, columns)) ** 0.5, rel=0.3)
    # Adam's first step is the rate along each sign
    for path in ("apart/kernel", "groups/kernel", "logits/kernel", "a/bias"):
        assert moved[path] == pytest.approx(-0.01 * np.sign(gradients[path]), rel=0.01), path


def test_the_short_way_to_a_step_is_that_of_keras(small) -> None:
    rng = np.random.default_rng(0)
    optimizer = ConvolutionMuon(small, 0.01, weight_decay=0.0, clipnorm=1.0)
    for shape in ((36, 16), (16, 36), (20, 20)):
        matrix = keras.ops.array(rng.normal(size=shape).astype("f4"))
        assert np.array(optimizer.zeropower_via_newtonschulz5(matrix, 5)) == pytest.approx(
            np.array(keras.optimizers.Muon.zeropower_via_newtonschulz5(optimizer, matrix, 5)), abs=1e-4
        )
    # a layer that nothing reaches stands still
    assert not np.array(optimizer.zeropower_via_newtonschulz5(keras.ops.zeros((8, 4)), 5)).any()


def test_all_variables_decay_alike(small) -> None:
    optimizer = ConvolutionMuon(small, 0.01, weight_decay=0.5, clipnorm=1.0)
    before = [np.array(variable) for variable in small.trainable_variables]
    still = [keras.ops.zeros(variable.shape) for variable in small.trainable_variables]
    optimizer.apply(still, small.trainable_variables)
    for variable, value in zip(small.trainable_variables, before, strict=True):
        assert np.array(variable) == pytest.approx(value * (1 - 0.01 * 0.5), rel=1e-5)


def test_the_optimizer_is_as_the_settings_say(small) -> None:
    assert type(phases.build_optimizer(small, TrainSettings(), 0.01)) is ConvolutionMuon
    assert type(phases.build_optimizer(small, TrainSettings(optimizer="adamw"), 0.01)) is keras.optimizers.AdamW
