"""The loss, in which background counts for nothing, and the weights of the classes."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


def masked_crossentropy(target: keras.KerasTensor, logits: keras.KerasTensor, weights: Sequence[float]) -> object:
    """Mean weighted cross-entropy over the labelled pixels of a batch, a scalar.

    `target` (batch, rows, columns): output numbers, 0 for background; `logits` (..., outputs); `weights`: one an
    output, that of background 0. A background pixel's loss and gradient are exactly zero.
    """
    target = ops.cast(target, "int32")
    weight = ops.take(ops.convert_to_tensor(np.asarray(weights, np.float32)), target)
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    picked = ops.sum(logs * ops.one_hot(target, len(weights), dtype="float32"), axis=-1)
    labelled = ops.sum(ops.cast(weight > 0, "float32"))
    return -ops.sum(ops.where(weight > 0, weight * picked, 0.0)) / ops.maximum(labelled, 1.0)


def class_weights(pixels: NDArray[np.int64], cap: float) -> NDArray[np.float64]:
    """Weights from labelled pixels per class: one over the root of the frequency, scaled so that a labelled pixel
    weighs 1 on average, at most `cap`. A class without pixels weighs 1: nothing bears on it."""
    present = pixels > 0
    share = pixels / max(pixels.sum(), 1)
    weights = np.where(present, 1 / np.sqrt(np.maximum(share, 1e-12)), 0.0)
    weights /= max((weights * share).sum(), 1e-12)
    return np.where(present, np.minimum(weights, cap), 1.0)
