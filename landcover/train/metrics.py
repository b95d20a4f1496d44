"""What is watched while training: the contingency table of a whole pass."""

from typing import Any

import keras
from keras import ops

from landcover.train.result import Scores


class MeanIoU(keras.metrics.Metric):
    """Mean intersection over union of the classes, background left out on both sides.

    The counts of a whole pass are added up before anything is divided. A class that the labels do not hold takes no
    part in the mean; where the network shows it, others lose. With `every` above 1 only every n-th row and column
    counts: an estimate, at a fraction of the cost.
    """

    def __init__(self, classes: int, every: int = 1, name: str = "mean_iou", **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **kwargs)
        self.classes, self.every = classes, every
        self.table = self.add_variable((classes, classes), "zeros", dtype="int64", name="table")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """`y_true` (batch, rows, columns) output numbers, 0 background; `y_pred` (..., 1 + classes) scores."""
        y_true, y_pred = y_true[:, :: self.every, :: self.every], y_pred[:, :: self.every, :: self.every]
        # a matrix product of what is labelled and what is shown, chip by chip, counts faster than sums by cell
        batch, rows, columns, outputs = ops.shape(y_pred)
        truth, shown = (
            ops.reshape(ops.one_hot(ops.cast(number, "int32") - 1, outputs - 1), (batch, rows * columns, outputs - 1))
            for number in (y_true, likeliest(y_pred))
        )
        counts = ops.matmul(ops.transpose(truth, (0, 2, 1)), shown)
        self.table.assign_add(ops.sum(ops.cast(counts, "int64"), axis=0))

    def result(self) -> Any:
        table = ops.cast(self.table, "float32")
        both = ops.diagonal(table)
        either = ops.sum(table, axis=0) + ops.sum(table, axis=1) - both
        present = ops.cast(ops.sum(table, axis=1) > 0, "float32")
        return ops.sum(present * both / ops.maximum(either, 1.0)) / ops.maximum(ops.sum(present), 1.0)

    def scores(self) -> Scores:
        return Scores.of(ops.convert_to_numpy(self.table))


def likeliest(scores: Any) -> Any:
    """The output, from 1 on, with the highest score (..., 1 + classes): `argmax` over so few takes several times as
    long."""
    best, number = scores[..., 1], ops.ones_like(scores[..., 1])
    for output in range(2, scores.shape[-1]):
        number = ops.where(scores[..., output] > best, float(output), number)
        best = ops.maximum(best, scores[..., output])
    return number
