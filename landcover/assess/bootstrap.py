"""Intervals for tables whose pixels are not independent: whole pieces of the reference are drawn again."""

import numpy as np
from scipy.sparse import csr_array

from landcover.assess.measures import MEASURED, Array, Estimate, Estimates, Measures, measure

ROUNDS = 1000
TOGETHER = 1_000_000
"""Pieces drawn at a time, over all rounds: what bounds memory."""


def bootstrap(pieces: csr_array, classes: int, rounds: int = ROUNDS, seed: int = 0) -> Estimates:
    """From the tables of the pieces of a reference, polygons or blocks, flat (pieces, classes * classes).

    In each round as many pieces as there are get drawn with replacement; the interval of 95 % is from the 2.5th to the
    97.5th percentile of the rounds. After Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; of
    clusters, chapter 8. Of one piece alone there is no interval: NaN.
    """
    whole = measure(np.asarray(pieces.sum(axis=0)).reshape(classes, classes))
    drawn = measure(resampled(pieces, rounds, seed).reshape(rounds, classes, classes))
    return Estimates(**{name: interval(whole, drawn, name, pieces.shape[0]) for name in MEASURED})


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


def interval(whole: Measures, drawn: Measures, name: str, pieces: int) -> Estimate:
    """Of one measure, from its value and those in all rounds (rounds, ...); a round in which a class is nowhere says
    nothing of it."""
    value, values = getattr(whole, name), getattr(drawn, name)
    defined = ~np.isnan(values)
    known = np.where(pieces > 1, defined.sum(axis=0), 0) > 1
    filled = np.where(known, values, 0.0)
    error = np.where(known, np.nanstd(filled, axis=0, ddof=1), np.nan)
    low, high = np.nanpercentile(filled, [2.5, 97.5], axis=0)
    return Estimate(value, error, np.where(known, low, np.nan), np.where(known, high, np.nan))
