"""Accuracy measures of contingency tables (rows map, columns reference), and estimates of them."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """Of a table of `classes` classes, or of many tables at once, in which case each array has their dimensions first.

    users, producers, f1, iou (..., classes): user's accuracy, which is precision, producer's accuracy, which is recall,
    F1 and intersection over union; NaN where a class gives none. overall, mean_iou, kappa, quantity, allocation (...):
    the mean is over the classes that the reference holds; the last two are the shares on which map and reference
    disagree in how much there is of each class, and in where it is.
    """

    overall: Array
    mean_iou: Array
    users: Array
    producers: Array
    f1: Array
    iou: Array
    kappa: Array
    quantity: Array
    allocation: Array


def measure(tables: NDArray[np.generic]) -> Measures:
    """Measures of tables (..., classes, classes) of counts or of shares, each with something in it.

    Kappa after Cohen (1960), Educational and Psychological Measurement 20:37-46; disagreement of quantity and of
    allocation after Pontius and Millones (2011), International Journal of Remote Sensing 32:4407-4429.
    """
    counts = tables.astype(np.float64)
    both = np.diagonal(counts, axis1=-2, axis2=-1)
    mapped, there = counts.sum(axis=-1), counts.sum(axis=-2)
    total = mapped.sum(axis=-1)
    overall = both.sum(axis=-1) / total
    chance = (mapped * there).sum(axis=-1) / total**2
    iou = _ratio(both, mapped + there - both)
    quantity = np.abs(mapped - there).sum(axis=-1) / total / 2
    found = there > 0
    return Measures(
        overall=overall,
        mean_iou=np.where(found, iou, 0).sum(axis=-1) / found.sum(axis=-1),
        users=_ratio(both, mapped),
        producers=_ratio(both, there),
        f1=_ratio(2 * both, mapped + there),
        iou=iou,
        kappa=_ratio(overall - chance, 1 - chance),
        quantity=quantity,
        allocation=np.maximum(1 - overall - quantity, 0),
    )


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


@dataclass(frozen=True)
class Estimate:
    """Values of 0 to 1, of one measure by class (classes,) or of one alone (); with each its standard error, and from
    where to where the interval of 95 % goes. NaN where there is nothing to say."""

    value: Array
    error: Array
    low: Array
    high: Array

    @property
    def margin(self) -> Array:
        """Half of an interval of 95 % that is as long on both sides, as papers print it after a plus or minus; NaN
        where all points agree, for then the error is not 0 but not known."""
        return np.where(self.error > ROUNDING, NORMAL * self.error, np.nan)


ROUNDING = 1e-12
"""A standard error below this is none."""

NORMAL = 1.959963984540054
"""Of the standard normal distribution: 95 % lie within so many deviations of the mean."""


@dataclass(frozen=True)
class Estimates:
    """What is known of the accuracy of a map, from a sample or from much of the ground. `area` (classes,): the share of
    each class in the reference, where a sample tells it."""

    overall: Estimate
    users: Estimate
    producers: Estimate
    f1: Estimate
    iou: Estimate
    area: Estimate | None = None


MEASURED = tuple(f.name for f in fields(Estimates) if f.name != "area")
"""The measures that have an interval."""
