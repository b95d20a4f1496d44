import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import landcover
from landcover.chipstore import Chip, ChipStore, StoreInfo, create_store
from landcover.config import Paths, TrainSettings
from landcover.errors import LabelError, ModelError, OutputExists
from landcover.field import receptive_field
from landcover.model import in_precision, load_network, read_card
from landcover.train.batches import Batches, jittered, output_table, turn
from landcover.train.fit import fit
from landcover.train.losses import class_weights, masked_crossentropy
from landcover.train.metrics import MeanIoU
from landcover.train.unet import build_unet


def _gradient(target: np.ndarray, logits: np.ndarray, weights: list[float]) -> np.ndarray:
    import tensorflow as tf

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = masked_crossentropy(target, variable, weights)
    return tape.gradient(loss, variable).numpy()


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


def test_normalisation_is_inside_the_network() -> None:
    plain, scaled = build_unet(1, 2), build_unet(1, 2, [10.0], [5.0])
    scaled.set_weights(plain.get_weights())
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(plain.predict_on_batch(image), scaled.predict_on_batch(image * 5 + 10), atol=1e-5)


def test_background_has_no_gradient_no_loss_and_no_weight() -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 4, (2, 8, 8)).astype(np.uint8)
    logits = random.normal(size=(2, 8, 8, 4)).astype(np.float32)
    weights = [0.0, 1.0, 2.0, 0.5]
    gradient = _gradient(target, logits, weights)
    assert (gradient[target == 0] == 0).all()
    assert (gradient[target > 0] != 0).any(axis=-1).all()
    wild = logits.copy()
    wild[target == 0] = 1e6
    assert float(masked_crossentropy(target, logits, weights)) == float(masked_crossentropy(target, wild, weights))


def test_loss_is_the_weighted_mean_over_labelled_pixels() -> None:
    logits = np.log(np.array([[[[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05]]]], np.float32))
    target = np.array([[[1, 2, 0]]], np.uint8)
    expected = -(1.5 * np.log(0.6) + 3.0 * np.log(0.6)) / 2
    assert float(masked_crossentropy(target, logits, [0.0, 1.5, 3.0])) == pytest.approx(expected, rel=1e-5)
    assert float(masked_crossentropy(np.zeros((1, 1, 3), np.uint8), logits, [0.0, 1.5, 3.0])) == 0


def test_class_weights_favour_the_rare_up_to_the_cap() -> None:
    weights = class_weights(np.array([900, 100, 0]), cap=10.0)
    assert weights[1] / weights[0] == pytest.approx(3.0)
    assert (weights[:2] * [0.9, 0.1]).sum() == pytest.approx(1.0)
    assert weights[2] == 1.0
    assert class_weights(np.array([10**9, 1]), cap=5.0)[1] == 5.0


def test_mean_iou_adds_up_batches_and_ignores_background() -> None:
    target = np.array([[[1, 1, 2, 0]]])
    scores = np.zeros((1, 1, 4, 4), np.float32)
    scores[0, 0, [0, 1, 2, 3], [1, 2, 2, 3]] = 1
    scores[..., 0] = 9  # background would win if it took part
    metric = MeanIoU(3)
    metric.update_state(target, scores)
    metric.update_state(target, scores)
    per_class = metric.per_class()
    np.testing.assert_allclose(per_class[:2], [0.5, 0.5])
    assert np.isnan(per_class[2])
    assert float(metric.result()) == pytest.approx(0.5)
    other = target.copy()
    other[0, 0, 3] = 0
    scores[0, 0, 3] = [0, 5, 0, 0]
    again = MeanIoU(3)
    again.update_state(other, scores)
    np.testing.assert_allclose(again.per_class()[:2], [0.5, 0.5])


def test_precision_changes_the_arithmetic_not_the_weights() -> None:
    network = build_unet(4, 3, [100.0] * 4, [50.0] * 4)
    fast = in_precision(network, "bfloat16")
    assert fast.get_layer("down1_a").compute_dtype == "bfloat16"
    assert fast.get_layer("logits").compute_dtype == "float32"
    assert in_precision(fast, "float32").get_layer("down1_a").compute_dtype == "float32"
    for a, b in zip(network.get_weights(), fast.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def _stores(folder: Path, scheme, number: int = 8, size: int = 32) -> Paths:
    """Chips whose classes differ by brightness, a third of each chip unlabelled."""
    random = np.random.default_rng(0)
    info = StoreInfo(scheme, size, 4, "uint8", (1.0, 1.0), "blocks", "k")
    paths = Paths(data=folder / "data", models=folder / "models")
    for side in (paths.train, paths.validation):
        with create_store(side / "water.h5", info) as writer:
            for n in range(number):
                label = np.repeat(random.permutation([1, 2, 7, 0]), size // 4)[None].repeat(size, axis=0)
                grey = np.array([0, 40, 120, 0, 0, 0, 0, 220])[label]
                image = np.clip(grey[..., None] + random.normal(0, 5, (size, size, 4)), 1, 255).astype(np.uint8)
                writer.append(Chip(image, label.astype(np.uint8), (n * size, 0, size, size), f"{n}.tif"))
    return paths


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scheme) -> Paths:
    paths = _stores(tmp_path_factory.mktemp("train"), scheme)
    settings = TrainSettings(epochs=6, batch=4, patience=6, jitter=0.0, learning_rate=0.003, precision="float32")
    fit(paths, settings, scheme)
    return paths


def test_training_learns_and_writes_everything(trained, scheme) -> None:
    folder = trained.models / "unet"
    assert sorted(p.name for p in folder.iterdir()) == ["curves.png", "history.csv", "metrics.json", "model.keras"]
    metrics = json.loads((folder / "metrics.json").read_text())
    history = (folder / "history.csv").read_text().splitlines()
    assert len(history) == 1 + metrics["epochs"] == 7
    losses = [float(line.split(",")[history[0].split(",").index("val_loss")]) for line in history[1:]]
    assert losses[-1] < losses[0]
    assert metrics["epoch"] == 1 + int(np.argmin(losses))
    assert metrics["loss"] == pytest.approx(min(losses), rel=0.02)


def test_the_model_file_is_self_sufficient(trained, scheme) -> None:
    path = trained.models / "unet/model.keras"
    card = read_card(path)
    assert (card.scheme, card.bands, card.dtype, card.halo, card.multiple) == (scheme, 4, "uint8", 96, 16)
    assert card.pixels == {"water": 2048, "forest": 2048, "bare land": 2048}
    network = load_network(path)
    assert network.get_layer("normalisation").mean is not None
    image = np.full((1, 16, 16, 4), 40, np.float32)
    assert network.predict_on_batch(image).shape == (1, 16, 16, 4)


def test_a_finished_run_is_kept(trained, scheme) -> None:
    with pytest.raises(OutputExists):
        fit(trained, TrainSettings(epochs=1), scheme)


def test_no_chips_no_training(tmp_path, scheme) -> None:
    with pytest.raises(LabelError, match="holds no chips"):
        fit(Paths(data=tmp_path, models=tmp_path), TrainSettings(), scheme)
    assert list(tmp_path.iterdir()) == []


def test_chips_of_two_splits_are_not_mixed(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)
    paths.augmented.mkdir()
    other = StoreInfo(scheme, 64, 4, "uint8", (1.0, 1.0), "blocks", "another")
    with create_store(paths.augmented / "water.h5", other) as writer:
        writer.append(Chip(np.ones((64, 64, 4), np.uint8), np.ones((64, 64), np.uint8), (0, 0, 64, 64), "a.tif"))
    with pytest.raises(LabelError, match=r"augmented/water\.h5: is not of the same chips as .*train/water\.h5"):
        fit(paths, TrainSettings(epochs=1), scheme)


def test_what_is_no_model_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        read_card(tmp_path / "x.keras")
    (tmp_path / "x.keras").write_text("no model")
    with pytest.raises(ModelError, match="is not a model"):
        read_card(tmp_path / "x.keras")


def test_every_chip_is_fed_once_an_epoch_in_a_new_order(tmp_path, scheme) -> None:
    from landcover.chipstore import open_stores

    stores = open_stores(_stores(tmp_path, scheme, number=7).train, scheme)
    feed = Batches(stores, scheme, 3, fill=[0.0] * 4, shuffle=True, seed=1)
    assert len(feed) == 3

    def epoch() -> list[float]:
        return [float(image.sum()) for n in range(3) for image in feed[n][0]]

    first, same = epoch(), epoch()
    feed.on_epoch_end()
    second = epoch()
    assert first == same
    assert first != second
    assert sorted(first) == sorted(second) == sorted(float(stores[0].image(n).sum()) for n in range(7))


def test_pixels_without_data_are_fed_as_the_mean(tmp_path, scheme) -> None:
    image = np.full((32, 32, 4), 50, np.uint8)
    image[:, 16:] = 0
    image[0, 0, 3] = 0
    info = StoreInfo(scheme, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
    with create_store(tmp_path / "water.h5", info) as writer:
        writer.append(Chip(image, np.ones((32, 32), np.uint8), (0, 0, 32, 32), "a.tif"))
    store = ChipStore(tmp_path / "water.h5")
    (fed,), _ = Batches([store], scheme, 1, fill=[9.0, 8.0, 7.0, 6.0], jitter=0.2)[0]
    store.close()
    np.testing.assert_array_equal(fed[:, 16:], np.broadcast_to([9, 8, 7, 6], (32, 16, 4)))
    assert (fed[:, :16, 0] > 20).all()
    assert fed[0, 0, 3] != 6


def test_image_and_target_are_turned_together_and_jitter_leaves_the_target() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    seen = set()
    for seed in range(40):
        turned, target = turn(image, image[..., 0], np.random.default_rng(seed))
        np.testing.assert_array_equal(turned[..., 0], target)
        seen.add(target.tobytes())
    assert len(seen) == 8
    np.testing.assert_array_equal(jittered(image, 0.0, np.random.default_rng(0)), image)
    assert not np.array_equal(jittered(image, 0.2, np.random.default_rng(0)), image)


def test_outputs_follow_the_scheme(scheme) -> None:
    table = output_table(scheme)
    assert table[[0, 1, 2, 7, 9]].tolist() == [0, 1, 2, 3, 0]


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_a_step_runs_on_jax() -> None:
    code = """
from functools import partial
import keras, numpy as np
from landcover.train.losses import masked_crossentropy
from landcover.train.metrics import MeanIoU
from landcover.train.unet import build_unet, logits_of

network = logits_of(build_unet(4, 2))
metric = MeanIoU(2)
network.compile("adam", partial(masked_crossentropy, weights=[0.0, 1.0, 1.0]), metrics=[metric])
random = np.random.default_rng(0)
images, targets = random.uniform(0, 255, (2, 32, 32, 4)).astype("float32"), random.integers(0, 3, (2, 32, 32))
loss = network.train_on_batch(images, targets.astype("uint8"))[0]
print(keras.backend.backend(), np.isfinite(loss), np.nansum(metric.per_class()) > 0)
"""
    env = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["jax", "True", "True"], done.stderr


def test_no_layer_of_tensorflow_is_needed() -> None:
    for path in (Path(landcover.__file__).parent / "train").glob("*.py"):
        assert "tensorflow" not in path.read_text(), path
