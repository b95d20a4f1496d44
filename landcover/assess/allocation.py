"""How many points an assessment needs, and how many of them each stratum gets."""

from collections.abc import Mapping
from math import ceil, floor, sqrt
from typing import Literal

Allocation = Literal["proportional", "equal", "olofsson"]
Sampling = Literal["stratified", "random", "systematic"]

LEAST = 2
"""Points a stratum gets whatever the allocation: of one no variance can be taken."""

MANY = 100_000
"""More points than anybody judges one by one."""


def sample_size(pixels: Mapping[int, int], expected: Mapping[int, float], target: float) -> int:
    """Points for a standard error of overall accuracy of `target`, given to strata in the best way: Cochran (1977),
    Sampling Techniques, equation 5.25, in the form of Olofsson et al. (2014), equation 13.

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


def expected_error(pixels: Mapping[int, int], points: Mapping[int, int] | int, expected: Mapping[int, float]) -> float:
    """The standard error of overall accuracy that a sample will have if each stratum is as accurate as `expected`: of
    points by stratum, or of so many on the whole."""
    total = sum(pixels.values())
    if isinstance(points, int):
        mean = sum(n * expected[s] for s, n in pixels.items()) / total
        return sqrt(mean * (1 - mean) / points)
    return sqrt(sum((n / total) ** 2 * expected[s] * (1 - expected[s]) / points[s] for s, n in pixels.items() if n))


def sufficient_size(
    pixels: Mapping[int, int],
    expected: Mapping[int, float],
    target: float,
    sampling: Sampling,
    allocation: Allocation,
    rare: int,
) -> int:
    """Points for a standard error of overall accuracy of `target` by the design that is really used."""
    total = sum(pixels.values())
    size = max(sample_size(pixels, expected, target), LEAST)
    while size < total:
        points = allocate(pixels, size, allocation, rare) if sampling == "stratified" else size
        error = expected_error(pixels, points, expected)
        if error <= target:
            break
        size = min(max(size + 1, floor(size * (error / target) ** 2)), total)
    return size


def allocate(pixels: Mapping[int, int], size: int, allocation: Allocation, rare: int = 50) -> dict[int, int]:
    """The points of each stratum, by its value: never more than it has pixels, never fewer than 2 of those there are.

    `proportional` to pixels; `equal`; or as Olofsson et al. (2014), section 5.1.1, recommend: in proportion, but at
    least `rare` of each. What a stratum cannot take goes to the others; where `size` is too small for the least of
    all, it grows.
    """
    strata = {stratum: n for stratum, n in pixels.items() if n}
    weights = dict.fromkeys(strata, 1) if allocation == "equal" else strata
    least = {stratum: min(rare if allocation == "olofsson" else LEAST, n) for stratum, n in strata.items()}
    fixed: dict[int, int] = {}
    while True:
        common = {stratum: weights[stratum] for stratum in strata if stratum not in fixed}
        rest = max(size - sum(fixed.values()), 0)
        shared = _round({stratum: rest * n / sum(common.values()) for stratum, n in common.items()})
        bound = {s: least[s] for s in shared if shared[s] < least[s]} or {
            s: strata[s] for s in shared if shared[s] > strata[s]
        }
        if not bound:
            return {stratum: fixed.get(stratum, shared.get(stratum, 0)) for stratum in strata}
        fixed |= bound


def _round(shares: Mapping[int, float]) -> dict[int, int]:
    """Whole numbers with the same sum, rounded: those cut off most are rounded up."""
    whole = {stratum: floor(share) for stratum, share in shares.items()}
    missing = round(sum(shares.values())) - sum(whole.values())
    for stratum in sorted(shares, key=lambda s: (whole[s] - shares[s], s))[:missing]:
        whole[stratum] += 1
    return whole
