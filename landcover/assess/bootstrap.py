"""Intervals for tables whose pixels are not independent: whole pieces of the reference are drawn again."""

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import t

from landcover.assess.measures import MEASURED, Array, Estimate, Estimates, measure
from landcover.assess.wilson import wilson

ROUNDS = 1000
TOGETHER = 1_000_000
"""Pieces drawn at a time, over all rounds: what bounds memory."""

FEW = 5
"""Of fewer pieces that hold something right, or something wrong, the rounds do not tell the error."""


def bootstrap(pieces: csr_array, classes: int, rounds: int = ROUNDS, seed: int = 0) -> Estimates:
    """From the tables of the pieces of a reference, polygons or blocks, flat (pieces, classes * classes).

    In each round as many pieces as there are get drawn with replacement; the standard error is the deviation of the
    rounds. After Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 8. The interval of 95 %
    is Wilson's, with Student's t for as many pieces as would say as much if all were of one size: percentiles of the
    rounds hold the truth too seldom where a class lies in a few pieces (benchmarks/coverage.py). After Korn and
    Graubard (1998), Survey Methodology 24:193-201. Of one piece alone there is no interval: NaN.
    """
    whole = measure(np.asarray(pieces.sum(axis=0)).reshape(classes, classes))
    drawn = measure(resampled(pieces, rounds, seed).reshape(rounds, classes, classes))
    parts = _parts(pieces, classes)
    return Estimates(**{name: _estimate(getattr(whole, name), getattr(drawn, name), *parts[name]) for name in MEASURED})


def _parts(pieces: csr_array, classes: int) -> dict[str, tuple[Array, Array]]:
    """Of each measure what it is the ratio of, in each piece: (pieces, classes), of the overall accuracy (pieces,)."""
    kind = np.arange(classes**2)
    own = np.eye(classes)
    mapped, there = pieces @ own[kind // classes], pieces @ own[kind % classes]
    both = pieces @ (own[kind // classes] * own[kind % classes])
    return {
        "overall": (both.sum(axis=1), mapped.sum(axis=1)),
        "users": (both, mapped),
        "producers": (both, there),
        "f1": (2 * both, mapped + there),
        "iou": (both, mapped + there - both),
    }


def _estimate(value: Array, drawn: Array, part: Array, whole: Array) -> Estimate:
    """From a measure's value, its values in all rounds, where NaN is of a class that a round did not draw, and from
    both sides of the ratio in each piece."""
    known = np.where(len(whole) > 1, (~np.isnan(drawn)).sum(axis=0), 0) > 1
    error = np.where(known, np.nanstd(np.where(known, drawn, 0.0), axis=0, ddof=1), np.nan)
    with np.errstate(invalid="ignore"):
        effective = whole.sum(axis=0) ** 2 / (whole**2).sum(axis=0)
    few = np.minimum((part > 0).sum(axis=0), (whole > part).sum(axis=0)) < FEW
    low, high = wilson(value, error, effective, few, t.ppf(0.975, np.maximum(effective - 1, 1)))
    return Estimate(value, error, np.where(known, low, np.nan), np.where(known, high, np.nan))


def resampled(pieces: csr_array, rounds: int, seed: int) -> Array:
    """(rounds, columns) sums over pieces drawn with replacement."""
    random = np.random.default_rng(seed)
    number = pieces.shape[0]
    sums = np.zeros((rounds, pieces.shape[1]))
    together = max(1, TOGETHER // number)
    for first in range(0, rounds, together):
        times = random.multinomial(number, np.full(number, 1 / number), size=min(together, rounds - first))
        sums[first : first + together] = (pieces.T @ times.T).T
    return sums
