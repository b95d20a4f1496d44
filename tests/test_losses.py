from collections.abc import Callable

import numpy as np
import pytest

from landcover.settings import TrainSettings
from landcover.train.losses import build_loss, class_weights, emphasis_of, masked_crossentropy, masked_dice
from landcover.train.metrics import MeanIoU, Scores

WEIGHTS = [1.0, 2.0, 0.5]
ALL = [
    TrainSettings(),
    TrainSettings(label_smoothing=0.1),
    TrainSettings(loss="focal"),
    TrainSettings(loss="focal", focal_gamma=0.5),
    TrainSettings(loss="dice"),
    TrainSettings(loss={"crossentropy": 1, "dice": 0.5}),
]


def _gradient(loss: Callable, target: np.ndarray, logits: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = loss(target, variable)
    return tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("settings", ALL, ids=lambda s: f"{s.loss} {s.label_smoothing}")
def test_background_has_no_gradient_no_loss_and_no_weight(settings: TrainSettings) -> None:
    random = np.random.default_rng(0)
    loss = build_loss(settings, WEIGHTS)
    target = random.integers(0, 4, (2, 8, 8)).astype(np.uint8)
    logits = random.normal(size=(2, 8, 8, 4)).astype(np.float32)
    gradient = _gradient(loss, target, logits)
    assert np.isfinite(gradient).all()
    assert (gradient[target == 0] == 0).all()
    assert (gradient[target > 0] != 0).any(axis=-1).all()
    wild = logits.copy()
    wild[target == 0] = 1e6
    assert loss(target, logits) == loss(target, wild)
    assert loss(np.zeros_like(target), logits) == 0
    # a net that is sure and right: nothing to gain, nothing that breaks
    sure = 100.0 * np.eye(4, dtype=np.float32)[target]
    assert np.isfinite(_gradient(loss, target, sure)).all()


def _example() -> tuple[np.ndarray, np.ndarray]:
    logits = np.log(np.array([[[[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05]]]], np.float32))
    return np.array([[[1, 2, 0]]], np.uint8), logits


def test_crossentropy_is_the_weighted_mean_over_labelled_pixels() -> None:
    target, logits = _example()
    expected = -(1.5 * np.log(0.6) + 3.0 * np.log(0.6)) / 2
    assert float(masked_crossentropy(target, logits, [1.5, 3.0])) == pytest.approx(expected, rel=1e-5)


def test_smoothing_spreads_labels_over_the_classes_alone() -> None:
    target, logits = _example()
    expected = -(0.9 * np.log(0.6) + 0.1 * np.log(0.3) + 0.9 * np.log(0.6) + 0.1 * np.log(0.2)) / 2
    assert float(masked_crossentropy(target, logits, [1.0, 1.0], smoothing=0.2)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_counts_the_sure_less() -> None:
    target, logits = _example()
    expected = -(0.4**2) * np.log(0.6)
    assert float(masked_crossentropy(target, logits, [1.0, 1.0], gamma=2.0)) == pytest.approx(expected, rel=1e-5)


def test_dice_is_over_labelled_pixels_and_classes_that_are_there() -> None:
    target, logits = _example()
    # class 1: shown .6 and .2, true in the first pixel; class 2: shown .3 and .6, true in the second
    expected = 1 - (2 * 0.6 / (0.8 + 1) + 2 * 0.6 / (0.9 + 1)) / 2
    assert float(masked_dice(target, logits)) == pytest.approx(expected, rel=1e-5)
    only = np.array([[[1, 0, 0]]], np.uint8)
    assert float(masked_dice(only, logits)) == pytest.approx(1 - 2 * 0.6 / 1.6, rel=1e-5)


def test_a_mix_is_the_sum_of_its_shares() -> None:
    target, logits = _example()
    mixed = build_loss(TrainSettings(loss={"crossentropy": 2, "dice": 0.5}), [1.0, 1.0])
    parts = 2 * masked_crossentropy(target, logits, [1.0, 1.0]) + 0.5 * masked_dice(target, logits)
    assert float(mixed(target, logits)[0]) == pytest.approx(float(parts), rel=1e-6)


def test_class_weights_favour_the_rare_up_to_the_cap() -> None:
    pixels = np.array([810_000, 10_000, 0])
    weights = class_weights(pixels, pixels, cap=10.0)
    assert weights[1] / weights[0] == pytest.approx(9.0)
    assert (weights * pixels).sum() / pixels.sum() == pytest.approx(1.0)
    assert weights[2] == 1.0
    one = np.array([10**9, 1])
    assert class_weights(one, one, cap=5.0)[1] == 5.0


def test_what_copies_show_more_of_weighs_less() -> None:
    pixels, shown = np.array([810_000, 10_000]), np.array([820_000, 30_000])
    alone, copied = class_weights(pixels, pixels, 10.0), class_weights(pixels, shown, 10.0)
    assert (copied * shown)[1] / (copied * shown)[0] == pytest.approx((alone * pixels)[1] / (alone * pixels)[0])
    assert (copied * shown).sum() / shown.sum() == pytest.approx(1.0)


def test_a_net_shows_classes_as_often_as_the_labels_whatever_it_learns_from() -> None:
    """Where an image tells nothing, the best answer is how frequent the classes are: not how they weigh, nor how often
    copies show them."""
    pixels, shown = np.array([800, 150, 50]), np.array([800.0, 300.0, 200.0])
    weights = class_weights(pixels, shown, 10.0)
    emphasis = emphasis_of(pixels, shown, weights)
    assert emphasis[2] / emphasis[0] == pytest.approx(4.0)
    target = np.repeat([1, 2, 3], shown.astype(int)).reshape(1, 1, -1)

    def at(shares: np.ndarray, *given: object) -> float:
        logits = np.concatenate([[-30.0], np.log(shares / shares.sum())]).astype(np.float32)
        return float(build_loss(TrainSettings(), weights.tolist(), *given)(target, np.tile(logits, (1, 1, 1300, 1)))[0])

    answers = [
        pixels * np.array(factors) for factors in ((1, 1, 1), (1, 1.2, 1), (1, 1, 1.2), (1, 1, 0.8), (1.2, 1, 1))
    ]
    assert np.argmin([at(answer, emphasis.tolist()) for answer in answers]) == 0
    assert np.argmin([at(answer) for answer in answers]) != 0

    # where labels tell nothing of how frequent classes are, none is preferred
    alike = emphasis_of(pixels, shown, weights, "equal")
    guesses = [np.array(shares) for shares in ((1, 1, 1), (1.2, 1, 1), (1, 1.2, 1), (1, 1, 1.2), (1, 1, 0.8))]
    assert np.argmin([at(guess, alike.tolist()) for guess in guesses]) == 0
    assert np.argmin([at(guess, emphasis.tolist()) for guess in guesses]) != 0


def test_a_pixel_counts_alike_beside_many_and_beside_few() -> None:
    """Two chips, one with ten times the labels of the other: a net that sees nothing still prefers neither class."""
    chips = np.zeros((2, 1, 110), np.uint8)
    chips[0, 0, :100], chips[1, 0, 100:] = 1, 2
    pixels = np.array([100, 10])
    weights = class_weights(pixels, pixels / 2, 10.0)
    given = TrainSettings(), weights.tolist(), emphasis_of(pixels, pixels / 2, weights, "equal").tolist()

    def best(*per_chip: float) -> int:
        """Of batches of a chip each, which share of the first class costs least."""
        loss, costs = build_loss(*given, *per_chip), []
        for share in (0.5, 0.4, 0.6):
            logits = np.tile(np.array([-30, np.log(share), np.log(1 - share)], np.float32), (1, 1, 110, 1))
            costs.append(sum(float(loss(chip[None], logits)[0]) for chip in chips))
        return int(np.argmin(costs))

    assert best(55.0) == 0
    assert best() != 0
    # the mean over all labelled pixels, whatever batches they come in
    logits = np.random.default_rng(0).normal(size=(2, 1, 110, 3)).astype(np.float32)
    loss = build_loss(TrainSettings(), [1.0, 1.0], None, 55.0)
    apart = np.mean([float(loss(chips[n : n + 1], logits[n : n + 1])[0]) for n in range(2)])
    together = float(masked_crossentropy(chips, logits, [1.0, 1.0]))
    assert apart == pytest.approx(float(loss(chips, logits)[0]), rel=1e-5) == pytest.approx(together, rel=1e-5)


def test_dice_takes_no_favour_out_that_it_does_not_give() -> None:
    target, logits = _example()
    loss = build_loss(TrainSettings(loss="dice"), [1.0, 5.0], [0.5, 4.0])
    assert float(loss(target, logits)[0]) == pytest.approx(float(masked_dice(target, logits)), rel=1e-6)


def test_mean_iou_adds_up_batches_and_ignores_background() -> None:
    target = np.array([[[1, 1, 2, 0]]])
    scores = np.zeros((1, 1, 4, 4), np.float32)
    scores[0, 0, [0, 1, 2, 3], [1, 2, 2, 3]] = 1
    scores[..., 0] = 9  # background would win if it took part
    metric = MeanIoU(3)
    metric.update_state(target, scores)
    metric.update_state(target, scores)
    assert metric.scores().iou == (0.5, 0.5, None)
    assert metric.scores().accuracy == pytest.approx(2 / 3)
    assert metric.scores().mean_iou == float(metric.result()) == pytest.approx(0.5)
    assert metric.scores().table == ((2, 2, 0), (0, 2, 0), (0, 0, 0))


def test_a_class_shown_where_there_is_none_costs_the_others() -> None:
    scores = Scores.of(np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]]))
    assert scores.iou == (0.75, 1.0, None)
    assert scores.mean_iou == pytest.approx(0.875)
