"""How many points an assessment needs, and how many of them each stratum gets."""

from collections.abc import Mapping
from math import ceil, floor, sqrt
from typing import Literal

Allocation = Literal["proportional", "equal", "olofsson"]

LEAST = 2
"""Points a stratum gets whatever the allocation: of one no variance can be taken."""


def sample_size(pixels: Mapping[int, int], expected: Mapping[int, float], target: float) -> int:
    """Points for a standard error of overall accuracy of `target`: Cochran (1977), Sampling Techniques, equation 5.25,
    in the form of Olofsson et al. (2014), equation 13.

    `pixels` of each stratum, and the user's accuracy that is expected of it, both by the stratum's value. Raises
    ValueError for a target that is not above 0.
    """
    if not target > 0:
        raise ValueError("the standard error to reach must be above 0")
    total = sum(pixels.values())
    weights = {stratum: n / total for stratum, n in pixels.items()}
    deviations = {stratum: sqrt(expected[stratum] * (1 - expected[stratum])) for stratum in pixels}
    first = sum(weights[s] * deviations[s] for s in pixels) ** 2
    second = sum(weights[s] * deviations[s] ** 2 for s in pixels) / total
    return min(ceil(first / (target**2 + second)), total)


def allocate(pixels: Mapping[int, int], size: int, allocation: Allocation, floor_of_rare: int = 50) -> dict[int, int]:
    """The points of each stratum, by its value: never more than it has pixels, never fewer than 2 of those there are.

    `proportional` to pixels; `equal`; or as Olofsson et al. (2014), section 5.1.1, recommend: a stratum that would get
    fewer than `floor_of_rare` in proportion gets so many, and the others share the rest in proportion. Where `size` is
    too small for that, it grows.
    """
    strata = {stratum: n for stratum, n in pixels.items() if n}
    least = {stratum: min(LEAST, n) for stratum, n in strata.items()}
    if allocation == "equal":
        wanted = _round(dict.fromkeys(strata, size / len(strata)))
    elif allocation == "proportional":
        wanted = _share(strata, size)
    else:
        wanted = _with_floor(strata, size, floor_of_rare)
    return {stratum: min(max(wanted[stratum], least[stratum]), n) for stratum, n in strata.items()}


def _share(strata: Mapping[int, int], size: int) -> dict[int, int]:
    total = sum(strata.values())
    return _round({stratum: size * n / total for stratum, n in strata.items()})


def _with_floor(strata: Mapping[int, int], size: int, floor_of_rare: int) -> dict[int, int]:
    """The rest gets smaller with each stratum that is lifted to the floor, and may lift another."""
    rare: set[int] = set()
    while True:
        rest = size - floor_of_rare * len(rare)
        common = {stratum: n for stratum, n in strata.items() if stratum not in rare}
        shared = _share(common, rest) if common and rest > 0 else dict.fromkeys(common, 0)
        low = {stratum for stratum, n in shared.items() if n < floor_of_rare}
        if not low:
            return {stratum: shared.get(stratum, floor_of_rare) for stratum in strata}
        rare |= low


def _round(shares: Mapping[int, float]) -> dict[int, int]:
    """Whole numbers with the same sum, rounded: those cut off most are rounded up."""
    whole = {stratum: floor(share) for stratum, share in shares.items()}
    missing = round(sum(shares.values())) - sum(whole.values())
    for stratum in sorted(shares, key=lambda s: (whole[s] - shares[s], s))[:missing]:
        whole[stratum] += 1
    return whole
