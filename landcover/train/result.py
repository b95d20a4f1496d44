"""What a training came to: the scores of a contingency table, and the record of what was made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAKING = "leaking split"
"""Said beside every figure of a split that is not one by place."""


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


@dataclass(frozen=True)
class Trained:
    """What `train` made: the model file; the figures of the epoch whose weights it holds (from 1), and how many there
    were, both 0 of a model that has none; IoU by class name, None for a class that validation does not hold; whether
    the split leaks; the seconds that it took, with those before it was cut off."""

    path: Path
    epoch: int
    epochs: int
    figures: dict[str, Any]
    iou: dict[str, float | None]
    leaking: bool
    seconds: float


@dataclass(frozen=True)
class PixelPlan:
    """Of a training: pixels of each class to be drawn, features of each, chips to validate."""

    pixels: dict[str, int]
    features: int
    validation: int
