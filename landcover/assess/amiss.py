"""Classes that take much more, or much less, of a map than of the ground."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from landcover.assess.measures import NORMAL, Array, Estimate
from landcover.assess.result import MOSTLY
from landcover.scheme import ClassScheme

PART, POINTS = 0.2, 0.05
"""A class is far off if by this part of what there is of it, or by this share of the map."""

MOST = 2
"""So many classes are named that the map shows too much of, and as many that it shows too little of."""

FEW = 5
"""Of fewer points of a class on other classes of the map it is not told that the map shows too little of it; and where
it shows too much, there may be more that no point fell on."""

UNSEEN = 3
"""So many times the ground of a point may well be seen by none (the rule of three: Hanley and Lippman-Hand 1983, JAMA
249:1743-1745)."""


def areas_note(
    scheme: ClassScheme, mapped: Array, area: Estimate, spoken: float, missed: NDArray[np.int64], heaviest: float
) -> str | None:
    """One line on the classes whose share of the map is far from that of the ground, None where there is none.

    `mapped` (classes,) and `area`: shares of what the map shows; `spoken`: the share of it that the figures are of;
    `missed` (classes,): points of each class on other classes of the map; `heaviest`: the largest share of the map that
    a point stands for. Intervals are widened so far that chance leaves any of all classes outside in one of twenty maps
    (Bonferroni), and by the ground that may be of the class unseen: that which no figure is of, and what is missed.
    """
    if spoken < MOSTLY:
        return None
    wider = NormalDist().inv_cdf(1 - 0.025 / len(scheme)) / NORMAL
    too: dict[str, list[tuple[float, str]]] = {"much": [], "little": []}
    for index, name in enumerate(scheme.names):
        shown, value = float(mapped[index]), float(area.value[index])
        low, high = float(area.low[index]), float(area.high[index])
        off = abs(shown - value)
        if not off > min(PART * value, POINTS):
            continue
        told = f"{name} ({100 * shown:.1f} % of it, by the reference {100 * low:.1f} to {100 * high:.1f})"
        unseen = max(1 - spoken, 0) + (UNSEEN * heaviest if missed[index] < FEW else 0)
        if shown > value + wider * (high - value) + unseen:
            too["much"].append((off, told))
        elif shown < value - wider * (value - low) and missed[index] >= FEW:
            too["little"].append((off, told))
    parts = [f"too {word} {_listed(of)}" for word, of in too.items() if of]
    return f"the map shows {' and '.join(parts)}: take areas by the reference, not those mapped" if parts else None


def _listed(of: list[tuple[float, str]]) -> str:
    """Those that are furthest off."""
    told = [text for _, text in sorted(of, reverse=True)]
    return ", ".join(told[:MOST]) + (f" and {len(told) - MOST} more" if told[MOST:] else "")
