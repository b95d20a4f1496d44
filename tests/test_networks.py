"""Networks beside the U-Net: PSPNet, DeepLab, and those of users."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import write_image
from keras import layers

from landcover.catalogue import find_kind
from landcover.classify.cells import Cell, key_of
from landcover.classify.mapper import open_mapper
from landcover.classify.predict import told_of
from landcover.config import load_config
from landcover.errors import ModelError
from landcover.field import receptive_field
from landcover.image import find_image
from landcover.model import ModelCard, in_precision, load_network, save_model
from landcover.pipeline import classify_stage
from landcover.pooling import Enlarged, PartMeans
from landcover.scheme import ClassScheme
from landcover.settings import BackboneSettings, TrainSettings
from landcover.train.backbone import BACKBONES, in_units, of_bands
from landcover.train.deeplab import build_deeplab
from landcover.train.ends import MOMENTUM
from landcover.train.networks import build_network
from landcover.train.pspnet import build_pspnet
from landcover.train.unet import logits_of

MEAN, DEVIATION = [100.0] * 4, [50.0] * 4
SMALL = BackboneSettings(width=0.1)


def test_means_of_parts_are_those_of_the_papers_pyramid() -> None:
    image = np.random.default_rng(0).normal(size=(2, 7, 9, 3)).astype(np.float32)
    made = np.asarray(PartMeans(2)(image))
    # the middle row, and the middle column, are in two parts each
    np.testing.assert_allclose(made[:, 0, 1], image[:, 0:4, 4:9].mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(np.asarray(PartMeans(1)(image))[:, 0, 0], image.mean(axis=(1, 2)), atol=1e-6)
    # more parts than pixels
    assert np.isfinite(np.asarray(PartMeans(6)(image[:, :2, :2]))).all()


def test_a_small_image_is_enlarged_as_keras_does_it() -> None:
    small = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
    made = np.asarray(Enlarged()([small, np.zeros((2, 10, 17, 1), np.float32)]))
    expected = np.asarray(keras.ops.image.resize(small, (10, 17), interpolation="bilinear"))
    np.testing.assert_allclose(made, expected, atol=1e-5)


def _changed(network: keras.Model) -> keras.Model:
    """As after a training: no weight and no statistic is what it was, and none so that nothing is left of an image."""
    random = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.set_weights([random.uniform(0.8, 1.2, n), random.normal(0, 0.3, n), random.normal(0, 0.1, n),
                               random.uniform(0.1, 0.3, n)])  # fmt: skip
    return network


@pytest.mark.parametrize(("build", "multiple"), [(build_pspnet, 8), (build_deeplab, 16)])
def test_networks_keep_the_contract_of_all_networks(build, multiple: int, tmp_path: Path, scheme) -> None:
    network = _changed(build(4, 3, MEAN, DEVIATION, 3, SMALL))
    image = np.random.default_rng(0).normal(100, 50, (1, 64, 96, 4)).astype(np.float32)
    made = np.asarray(network(image))
    assert made.shape == (1, 64, 96, 4)
    np.testing.assert_allclose(made.sum(axis=-1), 1, atol=1e-5)
    assert made.std(axis=(1, 2)).max() > 0.01
    assert receptive_field(network) == (None, multiple)
    fast = in_precision(network, "bfloat16")
    assert {fast.get_layer(n).compute_dtype for n in ("scores", "pyramid")} == {"bfloat16"}
    # what a training learns, statistics of normalisation among it, goes into the network that is saved
    other = in_precision(network, "float32")
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    other.set_weights(logits_of(fast).get_weights())
    np.testing.assert_allclose(np.asarray(other(image)), made, atol=1e-6)
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=MEAN, deviation=DEVIATION, pixel_size=(1, 1), chip_size=64,
        halo=None, multiple=multiple, split="blocks", pixels={}, scores={}, model=network.name,
    )  # fmt: skip
    save_model(network, card, tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(load_network(tmp_path / "model.keras")(image)), made, atol=1e-6)


def test_a_backbone_is_dilated_beyond_its_stride_and_counts_in_its_own_statistics_soon() -> None:
    network = build_pspnet(4, 3, MEAN, DEVIATION, 3, SMALL)
    convolutions = [layer for layer in network.layers if hasattr(layer, "strides") and hasattr(layer, "kernel_size")]
    assert np.prod([c.strides[0] for c in convolutions]) == 8
    rates = {n: network.get_layer(f"block_{n}_depthwise").dilation_rate[0] for n in (5, 6, 7, 12, 13, 14)}
    assert rates == {5: 1, 6: 1, 7: 2, 12: 2, 13: 2, 14: 4}
    assert network.get_layer("block_13_pad").padding == ((2, 2), (2, 2))
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {MOMENTUM}


def test_the_catalogue_tells_their_parameters() -> None:
    for build, name in ((build_pspnet, "pspnet"), (build_deeplab, "deeplab")):
        assert build(4, 6, MEAN, DEVIATION).count_params() == find_kind(name).parameters


def test_published_weights_are_taken_for_more_bands_and_in_their_units(tmp_path: Path) -> None:
    plain = BACKBONES["mobilenetv2"].build(include_top=False, weights=None, input_shape=(None, None, 3), alpha=0.1)
    plain.save_weights(tmp_path / "own.weights.h5")
    settings = SMALL.model_copy(update={"weights": tmp_path / "own.weights.h5"})
    network = build_deeplab(4, 3, [110.0, 120, 100, 140], DEVIATION, 3, settings)
    kernel, given = network.get_layer("Conv1").get_weights()[0], plain.get_layer("Conv1").get_weights()[0]
    np.testing.assert_allclose(kernel[:, :, 3], kernel[:, :, :3].mean(axis=2), atol=1e-6)
    np.testing.assert_allclose(kernel[:, :, :3], 0.75 * given, atol=1e-6)
    np.testing.assert_allclose(
        network.get_layer("block_9_project").get_weights()[0], plain.get_layer("block_9_project").get_weights()[0]
    )
    # the mean of a band comes as that of photographs, in -1 to 1
    mean, deviation = in_units([110.0, 120, 100, 140], DEVIATION, settings)
    now = (np.array([110.0, 120, 100, 140]) - mean) / deviation
    np.testing.assert_allclose(now[:3], np.array([123.68, 116.779, 103.939]) / 127.5 - 1, atol=1e-3)
    assert now[3] == pytest.approx(now[:3].mean())
    assert of_bands(np.ones((3, 3, 3, 2)), 4).sum() == pytest.approx(np.ones((3, 3, 3, 2)).sum())
    with pytest.raises(ModelError, match=r"own\.weights\.h5: is of red, green and blue, the images have 2 bands"):
        in_units([1.0] * 2, [1.0] * 2, settings)
    other = BackboneSettings(width=0.35, weights=settings.weights)
    with pytest.raises(ModelError, match=r"own\.weights\.h5: is not of mobilenetv2 of width 0\.35 without its top"):
        build_deeplab(4, 3, MEAN, DEVIATION, 3, other)


OWN = """
import keras
from keras import layers


@keras.saving.register_keras_serializable(package="mine")
class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


def plain(bands, classes):
    return keras.Sequential(
        [keras.Input((None, None, bands)), layers.Conv2D(4, 5, padding="same"), layers.ReLU(),
         layers.Conv2D(classes, 1)]
    )


def build(bands, classes):
    image = keras.Input((None, None, bands))
    x = Doubled()(layers.Conv2D(4, 3, padding="same")(image))
    return keras.Model(image, layers.Conv2D(classes, 1)(x + 1))


def alone(bands):
    return build(bands, 3)


def fails(bands, classes):
    raise RuntimeError("no weights")


def nothing(bands, classes):
    pass


def probable(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes, 1, activation="softmax")(image))


def more(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes + 1, 1)(image))


def fixed(bands, classes):
    image = keras.Input((64, 64, bands))
    return keras.Model(image, layers.Conv2D(classes, 1)(image))


def photographs(bands, classes):
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Conv2D(classes, 1)(image))


def whole(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Dense(classes)(layers.GlobalAveragePooling2D()(image)))


def smaller(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes, 3)(image))


def taken(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes, 1, name="logits")(image))


class Unknown(layers.Layer):
    def call(self, x):
        return x


def lambda_layer(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes, 1)(layers.Lambda(lambda x: 2 * x)(image)))


def unregistered(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes, 1)(Unknown()(image)))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with my_net.py, in which we are."""
    (tmp_path / "my_net.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("import keras\n1 / 0\n")
    (tmp_path / "lacking.py").write_text("import nothing_like_it\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("my_net", "broken", "lacking"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def _build(name: str) -> keras.Model:
    return build_network(TrainSettings(model=name), 4, 3, MEAN, DEVIATION)


@pytest.mark.usefixtures("own")
def test_a_network_of_ones_own_gives_its_logits_and_is_mapped_exactly_where_it_can_be() -> None:
    network = _build("my_net:plain")
    image = np.random.default_rng(0).normal(100, 50, (1, 8, 8, 4)).astype(np.float32)
    made = network.predict_on_batch(image)
    assert made.shape == (1, 8, 8, 4)
    assert made[..., 0].max() < 1e-9
    np.testing.assert_allclose(made.sum(axis=-1), 1, atol=1e-5)
    inner = keras.Model(network.input, network.get_layer("logits").input).predict_on_batch(image)
    np.testing.assert_array_equal(inner.argmax(-1), made[..., 1:].argmax(-1))
    assert receptive_field(network) == (2, 1)
    assert receptive_field(_build("my_net:build")) == (None, 1)


def _saved(folder: Path, scheme: ClassScheme, name: str) -> tuple[keras.Model, Path]:
    network, path = _build(name), folder / f"{name.partition(':')[2]}.keras"
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=MEAN, deviation=DEVIATION, pixel_size=(1, 1), chip_size=64,
        halo=None, multiple=1, split="blocks", pixels={}, scores={}, model=name,
    )  # fmt: skip
    save_model(network, card, path)
    return network, path


def test_code_is_imported_because_the_user_names_it_never_because_a_file_does(own: Path, scheme, monkeypatch) -> None:
    network, path = _saved(own, scheme, "my_net:build")
    image = np.zeros((1, 8, 8, 4), np.float32)
    expected = network.predict_on_batch(image)
    # as in another process
    del sys.modules["my_net"]
    monkeypatch.delitem(keras.saving.get_custom_objects(), "mine>Doubled")
    with pytest.raises(ModelError, match=r"module my_net, which is not imported .* train\.model=my_net:build"):
        load_network(path)
    assert "my_net" not in sys.modules
    np.testing.assert_allclose(load_network(path, code="my_net:build").predict_on_batch(image), expected, atol=1e-6)


def test_a_map_depends_on_the_code_behind_its_model(own: Path, scheme) -> None:
    image = find_image(write_image(own / "a.tif", np.ones((4, 64, 64), np.uint8)))
    for name, depends in (("my_net:build", True), ("my_net:plain", False)):
        path = _saved(own, scheme, name)[1]
        config = load_config(None, ("train.model=my_net:build", f"classify.model={path}"))
        stage = classify_stage(config, "a.tif", own / "map.tif", own / "sure.tif")
        assert ("my_net.py" in stage.inputs) == depends
        told = []
        for line in ("", "# another way\n"):
            (own / "my_net.py").write_text(OWN + line)
            mapper = open_mapper(config.classify)
            cell = Cell(image, image.grid.whole, own / "cell.tif")
            told.append((told_of(config.classify, mapper), key_of(cell, config.classify, mapper)))
        assert all((one != other) == depends for one, other in zip(*told, strict=True))


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my_nett:build", "there is no module my_nett: my_nett.py should lie in"),
        ("my_net:biuld", "my_net has no function biuld: did you mean build?"),
        ("broken:build", r"importing broken failed: ZeroDivisionError: division by zero \(.*broken\.py, line 2\)"),
        ("lacking:build", "lacking needs nothing_like_it, which is not installed: install it"),
        ("my_net:fails", r"fails\(4, 3\) failed: RuntimeError: no weights \(.*my_net\.py, line \d+\)"),
        ("my_net:alone", "is called with the numbers of bands and of classes: too many positional arguments"),
        ("my_net:nothing", "returned nothing and should return a keras.Model"),
        ("my_net:probable", "is a softmax: return logits, without it"),
        ("my_net:more", r"gives 4 outputs for 3 classes \(background is added to it\)"),
        ("my_net:fixed", "takes images of 64 x 64 px alone"),
        ("my_net:photographs", r"takes \(any, any, any, 3\), and the chips are \(batch, rows, columns, 4\)"),
        ("my_net:whole", r"gives \(any, 3\) and should give \(batch, rows, columns, 3\)"),
        ("my_net:smaller", "does not give as many rows and columns as the image has"),
        ("my_net:taken", "a layer is called logits"),
        ("my_net:lambda_layer", "a Lambda layer could not be loaded again: make it a layer of a class of your own"),
        ("my_net:unregistered", r"Unknown could not be loaded again: put @keras\.saving\.register_keras_serializable"),
    ],
)
def test_what_is_no_network_is_told_in_a_line(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        _build(name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("train.model")


def test_a_plug_in_that_cannot_be_imported_is_told_with_its_package(tmp_path: Path, monkeypatch) -> None:
    info = tmp_path / "wide_net-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wide-net\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[landcover.models]\nwide = wide_net:build\nunet = wide_net:build\n")
    (tmp_path / "wide_net.py").write_text("raise OSError('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_kind("wide").source == "wide_net:build"
    assert find_kind("unet").source is None
    with pytest.raises(ModelError, match=r"wide, a plug-in of the package wide-net: importing .*: OSError: no licence"):
        _build("wide")
    with pytest.raises(ValueError, match=r"^no such model: did you mean wide, or one of your own"):
        find_kind("wid")
