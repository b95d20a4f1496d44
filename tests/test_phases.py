"""How fast a training learns, and a backbone that stands still at first."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from test_train import PLAIN, _history, _same_but_for_time, _stores

from landcover.catalogue import find_kind
from landcover.cli import summary
from landcover.errors import Interrupted, LandcoverError
from landcover.model import load_network, read_card
from landcover.settings import BackboneSettings, TrainSettings
from landcover.train import backbone, length, phases, rates
from landcover.train.fit import fit
from landcover.train.networks import build_network
from landcover.train.plan import plan
from landcover.train.unet import logits_of
from landcover.train.watch import Watch


def _stop(figures: dict, epochs: int) -> None:
    if figures["epoch"] == 1:
        raise KeyboardInterrupt


def test_a_network_without_a_rate_of_its_own_is_trained_at_one_that_a_sweep_finds(
    tmp_path, scheme, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(length, "find_kind", lambda name: replace(find_kind(name), rate=None))
    monkeypatch.setattr(length, "STEPS", 40)
    monkeypatch.setattr(length, "SHARE", 10.0)
    settings = PLAIN.model_copy(update={"epochs": 2, "learning_rate": "auto"})
    found, plain = (_stores(tmp_path / name, scheme) for name in ("found", "plain"))
    with caplog.at_level("INFO", "landcover"), pytest.raises(Interrupted):
        fit(found, settings, scheme, on_epoch=_stop)
    fit(found, settings, scheme, resume=True)
    rate = read_card(found.models / "unet/model.keras").learning_rate
    assert caplog.text.count(f"Learning rate {rate:.1e}: there the loss fell most steeply in a sweep of 40") == 1
    assert 1e-5 < rate < 1
    assert (found.models / "unet/rates.png").exists()
    # the sweep leaves no trace but the rate
    fit(plain, settings.model_copy(update={"learning_rate": rate}), scheme)
    _same_but_for_time(_history(found.models / "unet"), _history(plain.models / "unet"))


def test_a_sweep_without_a_fall_is_drawn_and_a_plan_tells_of_it(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr(length, "find_kind", lambda name: replace(find_kind(name), rate=None))
    monkeypatch.setattr(length, "SHARE", 10.0)
    monkeypatch.setattr("landcover.train.plan.TRIAL", 0.05)

    def never(*given: object) -> float:
        raise rates.NoFall("no fall")

    monkeypatch.setattr(rates, "steepest", never)
    paths, settings = _stores(tmp_path, scheme), PLAIN.model_copy(update={"epochs": 30, "learning_rate": "auto"})
    with pytest.raises(rates.NoFall):
        rates.find_rate(paths, settings, scheme, steps=4)
    assert (paths.models / "unet-rates.png").exists()
    found = plan(paths, settings, scheme)
    assert found.sweep == 100
    assert found.seconds > (100 + 30 * found.steps) * found.step_seconds
    assert "after 100 that find a learning rate" in summary.plan(found)


def test_a_short_training_is_not_swept_for(tmp_path) -> None:
    settings = TrainSettings(model="pspnet", epochs=30, batch=4)
    assert length.known_rate(settings) is None
    assert length.known_rate(TrainSettings()) == 0.001
    assert length.known_rate(settings.model_copy(update={"learning_rate": 0.01})) == 0.01

    class Few:
        train, copies = range(40), range(40)

    chosen = rates.choose_rate(Few, settings, None, tmp_path)
    assert (chosen.rate, chosen.precision) == (phases.USUAL, None)
    assert "too short" in chosen.why


def _tiny(include_top: bool, weights: None, input_shape: tuple[int | None, ...], alpha: float) -> keras.Model:
    image = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, strides=4, padding="same", use_bias=False, name="Conv1")(image)
    fine = layers.ReLU(name="fine")(layers.BatchNormalization(name="bn")(x))
    return keras.Model(image, layers.Conv2D(6, 3, strides=4, padding="same", name="deep")(fine))


@pytest.fixture
def frozen(monkeypatch) -> TrainSettings:
    """Of a small DeepLab whose backbone stands still for one epoch of three."""
    kind = replace(backbone.BACKBONES["mobilenetv2"], build=_tiny, low="fine", deep="deep", channels=8)
    monkeypatch.setitem(backbone.BACKBONES, "mobilenetv2", kind)
    update = {"model": "deeplab", "epochs": 3, "backbone": BackboneSettings(frozen=1), "monitor": "none"}
    return PLAIN.model_copy(update=update)


def test_phases_follow_from_the_epoch(frozen) -> None:
    assert [phases.end_of_phase(epoch, frozen) for epoch in range(3)] == [1, 3, 3]
    assert [phases.begins_phase(epoch, frozen) for epoch in range(3)] == [True, True, False]
    many = frozen.model_copy(update={"epochs": 30, "backbone": BackboneSettings(frozen="auto")})
    assert phases.frozen_epochs(many) == 3
    assert phases.frozen_epochs(many.model_copy(update={"model": "unet"})) == 0
    assert phases.frozen_epochs(many.model_copy(update={"epochs": 1})) == 0
    with pytest.raises(LandcoverError, match=r"train\.backbone\.frozen 1: of 1 epoch none is left to train the"):
        phases.frozen_epochs(frozen.model_copy(update={"epochs": 1}))
    learner = logits_of(build_network(frozen, 4, 3, [100.0] * 4, [50.0] * 4))
    still = {"Conv1", "bn", "deep"}
    for epoch, highest in ((0, 0.003), (1, 0.0003)):
        phases.begin_phase(learner, frozen, "mse", 20, epoch)
        assert {layer.name for layer in learner.layers if not layer.trainable} == (still if epoch == 0 else set())
        schedule = learner.optimizer._learning_rate
        assert max(float(schedule(step)) for step in range(40)) == pytest.approx(highest, rel=0.01)


def test_every_step_moves_the_weights() -> None:
    rates = [float(phases._schedule(TrainSettings(), 0.001, 100)(step)) for step in range(100)]
    assert rates[:5] == pytest.approx([0.0002, 0.0004, 0.0006, 0.0008, 0.001])
    assert np.argmax(rates) == 4
    assert 0 < rates[-1] < 1e-6
    # without a warm-up, and where there is a step
    assert float(phases._schedule(TrainSettings(warmup=0), 0.001, 100)(0)) == pytest.approx(0.001)
    assert float(phases._schedule(TrainSettings(), 0.001, 1)(0)) == pytest.approx(0.001)


def test_gradients_that_are_clipped_in_parts_are_no_longer_together(monkeypatch) -> None:
    settings = TrainSettings(clip=3.0, optimizer="adamw")
    for parts, longest in ((1, 3.0), (2, 1.5)):
        monkeypatch.setattr(phases, "parts_of_a_step", lambda learner, parts=parts: parts)
        assert phases.build_optimizer(None, settings, 0.001).clipnorm == longest


def test_a_training_is_not_given_up_while_a_backbone_stands_still(frozen) -> None:
    watch = object.__new__(Watch)
    watch._settings = frozen.model_copy(update={"epochs": 30, "patience": 4, "backbone": BackboneSettings(frozen=10)})

    def ends(best: int) -> int:
        given = (SimpleNamespace(history=[None] * done, best=best) for done in range(1, 31))
        return 1 + [watch._ends(state) for state in given].index(True)

    assert (ends(2), ends(12)) == (14, 17)


def test_a_backbone_stands_still_with_its_statistics_and_is_trained_then(tmp_path, scheme, frozen, caplog) -> None:
    whole, cut = (_stores(tmp_path / name, scheme) for name in ("whole", "cut"))
    caplog.set_level("INFO", "landcover")
    fit(whole, frozen, scheme)
    assert "The backbone stands still for 1 epoch\n" in caplog.text
    assert "Note: it has no weights from a training before" in caplog.text
    with pytest.raises(Interrupted):
        fit(cut, frozen, scheme, on_epoch=_stop)
    keras.utils.set_random_seed(frozen.seed)
    began = logits_of(build_network(frozen, 4, 3, [100.0] * 4, [50.0] * 4)).get_weights()
    from landcover.train.checkpoint import load_state

    first = load_state(cut.models / "unet.training/checkpoint.npz").best_weights
    names = [w.path for w in logits_of(build_network(frozen, 4, 3, [100.0] * 4, [50.0] * 4)).weights]
    moved = {name.split("/")[0] for name, a, b in zip(names, began, first, strict=True) if not np.array_equal(a, b)}
    assert not moved & {"Conv1", "bn", "deep"}
    assert {"logits", "merge", "merge_norm"} <= moved
    fit(cut, frozen, scheme, resume=True)
    _same_but_for_time(_history(whole.models / "unet"), _history(cut.models / "unet"))
    one, other = (load_network(paths.models / "unet/model.keras") for paths in (whole, cut))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    last = dict(zip(names, one.get_weights(), strict=True))
    moved = {name.split("/")[0] for name, a in zip(names, began, strict=True) if not np.array_equal(a, last[name])}
    assert {"Conv1", "bn", "deep"} <= moved
