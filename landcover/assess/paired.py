"""Whether one map is better than another on the same reference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import binomtest

from landcover.assess.bootstrap import ROUNDS, resampled
from landcover.assess.measures import Array, Measures, measure


@dataclass(frozen=True)
class Difference:
    """Of one measure between two maps: both values, the second less the first, and the interval of 95 % of that; NaN
    where it is not defined."""

    first: float
    second: float
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.second - self.first


def kinds_of(
    first: NDArray[np.int64], second: NDArray[np.int64], true: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """(n,) from the class in the first map, in the second and in the reference, numbered from 0: `(first * classes +
    second) * classes + true`; where the reference is none of the classes, `classes`, they follow behind all others."""
    pair = first * classes + second
    return np.where(true < classes, pair * classes + true, classes**3 + pair)


def compare_pieces(pieces: csr_array, classes: int, rounds: int = ROUNDS, seed: int = 0) -> dict[str, Difference]:
    """Differences of overall accuracy, mean IoU and the F1 of each class, "F1 0" and on, from the pixels (pieces,
    classes ** 3) of each piece by kind: pieces are drawn again, the same for both maps. Of a class that the reference
    never shows there is no F1."""
    kinds = np.unique(pieces.indices)
    present = csr_array(pieces[:, kinds])
    whole = np.asarray(present.sum(axis=0), np.float64).reshape(1, -1)
    found = _differences(kinds, whole, resampled(present, rounds, seed), classes)
    there = set((kinds % classes).tolist())
    unknown = Difference(np.nan, np.nan, np.nan, np.nan)
    return found | {f"F1 {index}": unknown for index in range(classes) if index not in there}


def compare_points(
    strata: NDArray[np.int64],
    kinds: NDArray[np.int64],
    classes: int,
    sizes: Mapping[int, int],
    areas: Array,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Difference]:
    """As `compare_pieces`, from points (n,) by kind, drawn again within their stratum, each standing for its share of
    the stratum's pixels. A class that no point is truly of was looked for, so that its F1 is one."""
    random = np.random.default_rng(seed)
    found, position = np.unique(kinds, return_inverse=True)
    sums = np.zeros((rounds, len(found)))
    whole = np.zeros((1, len(found)))
    for stratum in np.unique(strata).tolist():
        here = np.flatnonzero(strata == stratum)
        number = len(here)
        weight = sizes[stratum] / number * areas[here]
        whole += np.bincount(position[here], weight, len(found))
        own = csr_array((weight, (np.arange(number), position[here])), shape=(number, len(found)))
        times = random.multinomial(number, np.full(number, 1 / number), size=rounds)
        sums += (own.T @ times.T).T
    return _differences(found, whole, sums, classes)


def _differences(kinds: NDArray[np.int64], whole: Array, drawn: Array, classes: int) -> dict[str, Difference]:
    first, second = _both(kinds, whole, classes)
    # a round may draw nothing but points without ground
    firsts, seconds = _both(kinds, drawn[drawn.sum(axis=1) > 0], classes)
    found = {
        "overall accuracy": _of(first.overall, second.overall, firsts.overall, seconds.overall),
        "mean IoU": _of(first.mean_iou, second.mean_iou, firsts.mean_iou, seconds.mean_iou),
    }
    for index in range(classes):
        found[f"F1 {index}"] = _of(*(m.f1[:, index] for m in (first, second, firsts, seconds)))
    return found


def _both(kinds: NDArray[np.int64], tables: Array, classes: int) -> tuple[Measures, Measures]:
    """Measures of both maps, from tables (rounds, kinds)."""
    first, second = np.zeros((2, len(tables), classes, classes + 1))
    for column, kind in enumerate(kinds.tolist()):
        pair, true = divmod(kind, classes) if kind < classes**3 else (kind - classes**3, classes)
        one, other = divmod(pair, classes)
        first[:, one, true] += tables[:, column]
        second[:, other, true] += tables[:, column]
    return measure(first), measure(second)


def _of(first: Array, second: Array, firsts: Array, seconds: Array) -> Difference:
    gaps = seconds - firsts
    gaps = gaps[~np.isnan(gaps)]
    low, high = np.percentile(gaps, [2.5, 97.5]) if len(gaps) > 1 else (np.nan, np.nan)
    return Difference(float(first[0]), float(second[0]), float(low), float(high))


def mcnemar(first_only: int, second_only: int) -> float:
    """How probable so unequal numbers of points are, right in one map alone, if both maps were as good; two-sided.

    McNemar (1947), Psychometrika 12:153-157; of land cover maps, Foody (2004), Photogrammetric Engineering and Remote
    Sensing 70:627-633. It takes the points as they are, without the weights of their strata.
    """
    if not first_only + second_only:
        return 1.0
    return float(binomtest(first_only, first_only + second_only).pvalue)
