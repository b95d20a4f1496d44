"""Accuracy measures of contingency tables (rows map, columns reference), and estimates of them."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """Of a table of `classes` classes, or of many tables at once, in which case each array has their dimensions first.

    users, producers, f1, iou (..., classes): user's accuracy, which is precision, producer's accuracy, which is recall,
    F1 and intersection over union; NaN where a class gives none. overall, mean_iou, kappa, quantity, allocation (...):
    the mean is over the classes that the reference holds, without what is none of them; the last two are the shares on
    which map and reference disagree in how much there is of each class, and in where it is.
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
    """Measures of tables (..., classes, classes) of counts or of shares, each with something in it. A further column is
    of what is none of the classes: wrong, whatever the map shows there.

    Kappa after Cohen (1960), Educational and Psychological Measurement 20:37-46; disagreement of quantity and of
    allocation after Pontius and Millones (2011), International Journal of Remote Sensing 32:4407-4429.
    """
    counts = tables.astype(np.float64)
    classes = counts.shape[-2]
    both = np.diagonal(counts, axis1=-2, axis2=-1)
    mapped, true = counts.sum(axis=-1), counts.sum(axis=-2)
    there, none = true[..., :classes], true[..., classes:].sum(axis=-1)
    total = mapped.sum(axis=-1)
    overall = both.sum(axis=-1) / total
    chance = (mapped * there).sum(axis=-1) / total**2
    iou = _ratio(both, mapped + there - both)
    quantity = (np.abs(mapped - there).sum(axis=-1) + none) / total / 2
    found = there > 0
    return Measures(
        overall=overall,
        mean_iou=_ratio(np.where(found, iou, 0).sum(axis=-1), found.sum(axis=-1)),
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

    def times(self, factor: float) -> "Estimate":
        """The same, as a share of something else."""
        return Estimate(*(factor * part for part in (self.value, self.error, self.low, self.high)))


ROUNDING = 1e-12
"""A standard error below this is none."""

NORMAL = 1.959963984540054
"""Of the standard normal distribution: 95 % lie within so many deviations of the mean."""


@dataclass(frozen=True)
class Estimates:
    """What is known of the accuracy of a map, from a sample or from much of the ground. `area` (classes,), or one more
    for what is none of them: the share of each in the ground, where a sample tells it."""

    overall: Estimate
    users: Estimate
    producers: Estimate
    f1: Estimate
    iou: Estimate
    area: Estimate | None = None

    def without(self, classes: NDArray[np.bool_], names: Collection[str]) -> "Estimates":
        """With nothing said of some classes (classes,) by the measures of these names."""

        def hidden(known: Estimate) -> Estimate:
            gone = np.zeros(len(known.value), bool)
            gone[: len(classes)] = classes
            parts = (known.value, known.error, known.low, known.high)
            return Estimate(*(np.where(gone, np.nan, part) for part in parts))

        return replace(self, **{name: hidden(getattr(self, name)) for name in names})


MEASURED = tuple(f.name for f in fields(Estimates) if f.name != "area")
"""The measures that have an interval."""
