"""What is watched while training: the contingency table of the whole validation set."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


class MeanIoU(keras.metrics.Metric):
    """Mean intersection over union of the classes, background left out on both sides.

    The counts of a whole pass are added up before anything is divided. A class that the labels do not hold takes no
    part in the mean; where the network shows it, others lose.
    """

    def __init__(self, classes: int, name: str = "mean_iou", **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **kwargs)
        self.classes = classes
        self.table = self.add_variable((classes, classes), "zeros", dtype="int64", name="table")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """`y_true` (batch, rows, columns) output numbers, 0 background; `y_pred` (..., 1 + classes) scores."""
        target = ops.reshape(ops.cast(y_true, "int64"), (-1,))
        shown = ops.reshape(ops.cast(ops.argmax(y_pred[..., 1:], axis=-1), "int64"), (-1,))
        # background goes to a cell beyond the table
        cell = ops.where(target > 0, (target - 1) * self.classes + shown, self.classes**2)
        counts = ops.segment_sum(ops.ones_like(cell), cell, num_segments=self.classes**2 + 1)[: self.classes**2]
        self.table.assign(self.table + ops.cast(ops.reshape(counts, self.table.shape), "int64"))

    def result(self) -> Any:
        table = ops.cast(self.table, "float32")
        both = ops.diagonal(table)
        either = ops.sum(table, axis=0) + ops.sum(table, axis=1) - both
        present = ops.cast(ops.sum(table, axis=1) > 0, "float32")
        return ops.sum(present * both / ops.maximum(either, 1.0)) / ops.maximum(ops.sum(present), 1.0)

    def per_class(self) -> NDArray[np.float64]:
        """(classes,) intersection over union, NaN for a class that the labels do not hold."""
        table = ops.convert_to_numpy(self.table).astype(np.float64)
        both = np.diag(table)
        either = table.sum(axis=0) + table.sum(axis=1) - both
        return np.divide(both, either, out=np.full(len(both), np.nan), where=table.sum(axis=1) > 0)
