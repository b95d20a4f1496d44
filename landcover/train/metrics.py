"""What is watched while training: the contingency table of a whole pass."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from landcover.train.losses import labelled


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
        counted = ops.reshape(labelled(y_true), (-1,)) > 0
        target = ops.reshape(ops.cast(y_true, "int64"), (-1,))
        shown = ops.reshape(ops.cast(ops.argmax(y_pred[..., 1:], axis=-1), "int64"), (-1,))
        # background goes to a cell beyond the table
        cell = ops.where(counted, (target - 1) * self.classes + shown, self.classes**2)
        counts = ops.segment_sum(ops.ones_like(cell), cell, num_segments=self.classes**2 + 1)[: self.classes**2]
        self.table.assign_add(ops.cast(ops.reshape(counts, self.table.shape), "int64"))

    def result(self) -> Any:
        table = ops.cast(self.table, "float32")
        both = ops.diagonal(table)
        either = ops.sum(table, axis=0) + ops.sum(table, axis=1) - both
        present = ops.cast(ops.sum(table, axis=1) > 0, "float32")
        return ops.sum(present * both / ops.maximum(either, 1.0)) / ops.maximum(ops.sum(present), 1.0)

    def scores(self) -> "Scores":
        return Scores.of(ops.convert_to_numpy(self.table))


@dataclass(frozen=True)
class Scores:
    """Of a contingency table (classes of the label, classes shown): overall accuracy, intersection over union of each
    class, None for one that the labels do not hold, and the mean of the others."""

    table: tuple[tuple[int, ...], ...]
    accuracy: float
    iou: tuple[float | None, ...]

    @classmethod
    def of(cls, table: NDArray[np.int64]) -> "Scores":
        both = np.diag(table)
        either = table.sum(axis=0) + table.sum(axis=1) - both
        held = table.sum(axis=1) > 0
        iou = tuple(float(b / e) if there else None for b, e, there in zip(both, either, held, strict=True))
        accuracy = float(both.sum() / max(table.sum(), 1))
        return cls(tuple(tuple(row) for row in table.tolist()), accuracy, iou)

    @property
    def mean_iou(self) -> float:
        return float(np.mean([v for v in self.iou if v is not None] or [0.0]))
