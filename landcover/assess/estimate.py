"""Accuracy measures of a contingency table (rows map, columns reference)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Accuracy:
    """Measures per class in the order of the table, NaN where a class gives none, and of the whole.

    precision is user's accuracy, recall producer's accuracy.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    iou: NDArray[np.float64]
    overall: float
    kappa: float

    @property
    def mean_iou(self) -> float:
        """Over the classes that the reference holds: those with a recall."""
        return float(np.mean(self.iou[~np.isnan(self.recall)]))


def accuracy(counts: NDArray[np.int64]) -> Accuracy:
    """Measures of a (classes, classes) table with at least one pixel. Kappa after Cohen (1960), Educational and
    Psychological Measurement 20:37-46."""
    table = counts.astype(np.float64)
    both, mapped, there = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    total = table.sum()
    overall = both.sum() / total
    chance = (mapped * there).sum() / total**2
    return Accuracy(
        precision=_ratio(both, mapped),
        recall=_ratio(both, there),
        f1=_ratio(2 * both, mapped + there),
        iou=_ratio(both, mapped + there - both),
        overall=float(overall),
        kappa=float((overall - chance) / (1 - chance)) if chance < 1 else float("nan"),
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
