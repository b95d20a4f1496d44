"""Intervals of shares."""

import numpy as np
from numpy.typing import NDArray

from landcover.assess.measures import NORMAL, ROUNDING, Array


def wilson(
    value: Array, error: Array, points: Array, few: NDArray[np.bool_], quantile: Array | float = NORMAL
) -> tuple[Array, Array]:
    """The interval of 95 % of shares: Wilson's, for as many points as would have this standard error in a simple random
    sample; where the error itself rests on `few`, right or wrong, for no more than `points`. `quantile`: how many
    standard errors hold 95 %.

    It keeps within 0 and 1 and has a width even there. For accuracies near 1 it holds the truth as often as it says,
    which 1.96 standard errors to each side do not (benchmarks/coverage.py). Wilson (1927), Journal of the American
    Statistical Association 22:209-212; of samples by design, Franco et al. (2019), Journal of Survey Statistics and
    Methodology 7:334-364.
    """
    share = np.clip(value, 0, 1)
    spread = share * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where((error > ROUNDING) & (spread > 0), spread / error**2, points)
        effective = np.where(few, np.minimum(effective, points), effective)
        square = quantile**2
        middle = (share + square / (2 * effective)) / (1 + square / effective)
        half = quantile / (1 + square / effective) * np.sqrt(spread / effective + square / (4 * effective**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
