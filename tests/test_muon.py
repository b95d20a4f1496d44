"""Muon on the kernels of convolutions."""

import keras
import numpy as np
import pytest
from keras import layers

from landcover.settings import BackboneSettings, TrainSettings
from landcover.train import phases
from landcover.train.muon import ConvolutionMuon, evened, full_kernels
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


def paths_of(network: keras.Model) -> list[str]:
    return [kernel.path for kernel in full_kernels(network)]


def test_only_kernels_of_all_bands_by_all_filters_are_matrices(small) -> None:
    assert paths_of(small) == ["a/kernel", "up/kernel"]
    unet = logits_of(build_network(TrainSettings(), 4, 6, [100.0] * 4, [50.0] * 4))
    assert sum(int(np.prod(kernel.shape)) for kernel in full_kernels(unet)) == 1_939_520


def test_the_last_layers_of_any_network_are_left_to_adam(tmp_path, monkeypatch) -> None:
    pspnet = TrainSettings(model="pspnet", backbone=BackboneSettings(width=0.35))
    paths = paths_of(logits_of(build_network(pspnet, 4, 6, [100.0] * 4, [50.0] * 4)))
    assert "Conv1/kernel" in paths
    assert not any("depthwise" in path or "scores" in path or "logits" in path for path in paths)
    (tmp_path / "muon_net.py").write_text(
        "import keras\nfrom keras import layers\n\n\ndef build(bands, classes):\n"
        "    image = keras.Input((None, None, bands))\n"
        "    x = layers.SeparableConv2D(8, 3, padding='same', name='apart')(image)\n"
        "    return keras.Model(image, layers.Conv2D(classes, 1, name='mine')(x))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = build_network(TrainSettings(model="muon_net:build"), 4, 6, [100.0] * 4, [50.0] * 4)
    assert paths_of(logits_of(own)) == ["apart/pointwise_kernel"]


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


def as_usually_written(matrix: np.ndarray) -> np.ndarray:
    """The steps of Jordan et al., each on the whole matrix."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


@pytest.mark.parametrize("shape", [(36, 16), (16, 36), (20, 20)])
def test_the_short_way_to_a_step_is_the_usual_one(shape) -> None:
    matrix = np.random.default_rng(0).normal(size=shape).astype("f4")
    assert np.array(evened(keras.ops.array(matrix))) == pytest.approx(as_usually_written(matrix), abs=1e-4)


def test_a_layer_that_nothing_reaches_stands_still() -> None:
    assert not np.array(evened(keras.ops.zeros((8, 4)))).any()


@pytest.mark.parametrize("shape", [(36, 16), (27, 8), (16, 7)])
def test_the_step_is_bounded_where_matrices_are_multiplied_with_few_digits(shape, monkeypatch) -> None:
    """As on GPUs, in TF32: ten bits of a factor."""

    def rounded(x):
        exponent = np.exp2(np.floor(np.log2(np.maximum(np.abs(np.array(x)), 1e-30))))
        return np.round(np.array(x) / exponent * 1024) / 1024 * exponent

    monkeypatch.setattr("keras.ops.matmul", lambda a, b: (rounded(a) @ rounded(b)).astype("f4"))
    rng = np.random.default_rng(0)
    for spectrum in (1e-1, 1e-2, 1e-3, 1e-4):
        left, _ = np.linalg.qr(rng.normal(size=shape))
        right, _ = np.linalg.qr(rng.normal(size=shape[1:] * 2))
        matrix = left * np.geomspace(1, spectrum, shape[1]) @ right
        assert np.linalg.svd(np.array(evened(matrix.astype("f4"))), compute_uv=False).max() < 1.3, spectrum


def test_gradients_are_clipped_before_the_step(small) -> None:
    gradients = {variable.path: np.ones(variable.shape, "f4") for variable in small.trainable_variables}
    optimizer = ConvolutionMuon(small, 0.01, weight_decay=0.0, clipnorm=0.5)
    optimizer.apply([keras.ops.array(gradient) for gradient in gradients.values()], small.trainable_variables)
    momenta = {v.path: np.array(m) for v, m in zip(small.trainable_variables, optimizer._momentums, strict=True)}
    assert np.linalg.norm(momenta["a/kernel"]) == pytest.approx(0.5, rel=1e-4)


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


@pytest.mark.parametrize(
    ("given", "decay"),
    [({}, 1.0), ({"optimizer": "adamw"}, 1e-4), ({"model": "deeplab"}, 1e-4), ({"weight_decay": 0.3}, 0.3)],
)
def test_weights_decay_as_settings_and_model_say(small, given, decay) -> None:
    assert phases.build_optimizer(small, TrainSettings(**given), 0.01).weight_decay == decay
