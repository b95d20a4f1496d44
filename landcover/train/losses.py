"""The losses, in which background counts for nothing, and the weights of the classes.

Targets are output numbers (batch, rows, columns), 0 for background; logits are (batch, rows, columns, 1 + classes).
A background pixel's loss and gradient are exactly zero in each of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from landcover.settings import TrainSettings
from landcover.train.prior import Prior

Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]

ROOT = 0.5
"""While a net learns, a class counts by its frequency to this power: rare ones are learnt as well as others."""


def build_loss(
    settings: TrainSettings,
    weights: Sequence[float],
    emphasis: Sequence[float] | None = None,
    per_chip: float | None = None,
) -> Loss:
    """The loss (1,) that the settings ask for, or the sum of several, each times its share. `weights`: one a class.

    `emphasis`: how much more each class counts, by weights and by how often it is shown, than the net shall expect it.
    A net that learns from classes thus favoured takes them for that frequent; here it is the loss that adds the favour,
    as logarithms to the logits, and the net itself is left without it (the adjustment of logits of Menon et al. 2021,
    arXiv:2007.07314; of posteriors, Saerens et al. 2002, Neural Computation 14:21-41). Without it the favour stays in
    the net. Dice, which weighs no pixel, takes the logits as they are.

    `per_chip`: labelled pixels of a chip, on average. A batch is divided by what so many chips hold on average, not by
    what it holds itself: a pixel then counts alike beside many others and beside few, as weights and emphasis suppose.
    """
    favour = np.log([1.0, *(emphasis or np.ones(len(weights)))]).astype(np.float32)
    shares = settings.loss if isinstance(settings.loss, dict) else {settings.loss: 1.0}
    smoothing, gamma = settings.label_smoothing, settings.focal_gamma

    def loss(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        logits = ops.cast(logits, "float32")
        favoured = logits + ops.convert_to_tensor(favour)
        divisor = None if per_chip is None else per_chip * ops.cast(ops.shape(target)[0], "float32")
        parts = []
        for name, share in shares.items():
            if name == "dice":
                part = masked_dice(target, logits)
            else:
                focus = gamma if name == "focal" else 0.0
                part = masked_crossentropy(target, favoured, weights, smoothing, focus, divisor)
            parts.append(share * part)
        # not a scalar: of several devices Keras averages the losses of all others, but leaves scalars as they are
        return ops.reshape(sum(parts[1:], start=parts[0]), (1,))

    return loss


def labelled(target: keras.KerasTensor) -> keras.KerasTensor:
    """1.0 where a pixel has a label, 0.0 where it is background: the one mask of losses and metrics."""
    return ops.cast(target > 0, "float32")


def masked_crossentropy(
    target: keras.KerasTensor,
    logits: keras.KerasTensor,
    weights: Sequence[float],
    smoothing: float = 0.0,
    gamma: float = 0.0,
    divisor: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """Weighted cross-entropy of the labelled pixels of a batch, summed up and divided by `divisor`, or by how many
    there are, a scalar.

    `smoothing` is the share of a label that is spread evenly over all classes, background left out. With a `gamma`
    above 0 it is the focal loss: a pixel counts the less the surer the network is of its label (Lin et al. 2017,
    arXiv:1708.02002, eq. 4).
    """
    mask, number, logits = labelled(target), ops.cast(target, "int32"), ops.cast(logits, "float32")
    surprise = ops.sparse_categorical_crossentropy(number, logits, from_logits=True)
    entropy = surprise
    if smoothing:
        evenly = ops.logsumexp(logits, axis=-1) - ops.mean(logits[..., 1:], axis=-1)
        entropy = (1 - smoothing) * surprise + smoothing * evenly
    if gamma:
        # a root has no finite slope at 0
        entropy = entropy * ops.maximum(1 - ops.exp(-surprise), 1e-6) ** gamma
    weight = ops.take(ops.convert_to_tensor(np.array([0.0, *weights], np.float32)), number)
    entropy = ops.where(mask > 0, weight * entropy, 0.0)
    return _mean(entropy, mask) if divisor is None else ops.sum(entropy) / divisor


def masked_dice(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """One minus the mean Dice coefficient of the classes that the batch's labels hold, over its labelled pixels, a
    scalar (Milletari et al. 2016, arXiv:1606.04797, with the sum of probabilities in the denominator)."""
    mask = labelled(target)[..., None]
    classes = logits.shape[-1] - 1
    truth = _one_hot(target, classes)
    shares = ops.where(mask > 0, ops.softmax(ops.cast(logits, "float32"), axis=-1)[..., 1:], 0.0)
    both, either = (ops.sum(pixels, axis=(0, 1, 2)) for pixels in (shares * truth, shares + truth))
    there = ops.cast(ops.sum(truth, axis=(0, 1, 2)) > 0, "float32")
    return _mean((1 - 2 * both / ops.maximum(either, 1.0)) * there, there)


def _one_hot(target: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """(..., classes); all 0 for background."""
    return ops.one_hot(ops.cast(target, "int32") - 1, classes, dtype="float32")


def _mean(values: keras.KerasTensor, counted: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum(values) / ops.maximum(ops.sum(counted), 1.0)


def class_weights(pixels: NDArray[np.int64], shown: NDArray[np.float64], cap: float) -> NDArray[np.float64]:
    """Weights (classes,) from the labelled pixels of each class in the training chips, and from those that a training
    shows, copies of chips among them; scaled so that a pixel that is shown weighs 1 on average, at most `cap`. A class
    without pixels weighs 1: nothing bears on it.

    Together, showing and weight let a class count by its frequency to the power of ROOT.
    """
    present = pixels > 0
    share, seen = _shares(pixels), _shares(shown)
    weights = np.where(present, share**ROOT / seen, 0.0)
    weights /= max((weights * seen)[present].sum(), 1e-12) if present.any() else 1.0
    return np.where(present, np.minimum(weights, cap), 1.0)


def emphasis_of(
    pixels: NDArray[np.int64], shown: NDArray[np.float64], weights: Sequence[float], prior: Prior = "labels"
) -> NDArray[np.float64]:
    """(classes,) how much more a class counts than the net shall expect it: as often as it is labelled, or as often as
    any other; 1 for one without pixels."""
    expected = _shares(pixels) if prior == "labels" else 1 / max(int((pixels > 0).sum()), 1)
    return np.where(pixels > 0, np.asarray(weights) * _shares(shown) / expected, 1.0)


def _shares(pixels: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(pixels > 0, pixels / max(pixels.sum(), 1), 1.0)
