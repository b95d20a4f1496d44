"""Accuracy and area from a probability sample of points, by the design that drew it.

The estimators are those of Stehman (2014), International Journal of Remote Sensing 35:4923-4939, for strata that may
differ from the classes of the map; where they are the same, they give what Olofsson et al. (2014), Remote Sensing of
Environment 148:42-57, give. The finite population correction is left out, as there: it is 1 for any map of some size,
and of a tiny one the errors are on the safe side.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landcover.assess.measures import Array, Estimate, Estimates
from landcover.assess.wilson import wilson

FEW = 5
"""Of fewer points that are right, or that are wrong, a standard error is not to be trusted."""


@dataclass(frozen=True)
class Sampled:
    """What a sample says of a map, classes in the order of the scheme.

    `counts` (classes, classes): points, rows map, columns reference, with one more column where points are of none of
    the classes; `shares`: the same as shares of the area that is compared. `lone`: strata with one point, whose
    variance is taken from all points together; `empty`: strata without any, of which nothing is said.
    """

    counts: NDArray[np.int64]
    shares: Array
    estimates: Estimates
    lone: tuple[int, ...]
    empty: tuple[int, ...]


def estimate(
    strata: NDArray[np.int64],
    mapped: NDArray[np.int64],
    reference: NDArray[np.int64],
    sizes: Mapping[int, int],
    classes: int,
    areas: Array | None = None,
    ground: Array | None = None,
) -> Sampled:
    """From points (n,): the stratum of each, and its class in the map and in the reference, numbered from 0; in the
    reference `classes` is none of them.

    `sizes`: the pixels of each stratum in the whole map. A simple random or a systematic sample has one stratum; of a
    systematic one the errors are, as a rule, too large. `areas` (n,): that of the pixel under each point in any unit,
    where pixels differ in size; all figures are then of area, not of pixels. A point of no area is of the sample, but
    not of the ground that the figures are of: so a part of what was sampled is assessed without bias. `ground` (n,), at
    least `areas`: what the areas of classes are shares of, where that is more than what is compared. Raises ValueError
    for a stratum whose size is not known, and for no points.
    """
    unknown = set(np.unique(strata).tolist()) - {name for name, size in sizes.items() if size > 0}
    if unknown or not len(strata):
        raise ValueError(f"strata of unknown size: {', '.join(map(str, sorted(unknown)))}" if unknown else "no points")
    design = _Design.of(strata, sizes)
    weight = np.ones(len(strata)) if areas is None else areas / areas.max()
    all_of_it = weight if areas is None or ground is None else ground / areas.max()
    columns = classes + int((reference == classes).any())
    own = np.eye(columns)
    is_mapped, found = own[mapped][:, :classes] * weight[:, None], own[reference] * weight[:, None]
    is_true = found[:, :classes]
    both = own[mapped][:, :classes] * is_true
    counts, joint = np.zeros((classes, columns), np.int64), np.zeros((classes, columns))
    np.add.at(counts, (mapped, reference), (weight > 0).astype(np.int64))
    np.add.at(joint, (mapped, reference), weight * design.inverse)
    overall = design.ratio(both.sum(axis=1, keepdims=True), weight[:, None])
    return Sampled(
        counts=counts,
        shares=joint / joint.sum(),
        estimates=Estimates(
            overall=Estimate(overall.value[0], overall.error[0], overall.low[0], overall.high[0]),
            users=design.ratio(both, is_mapped),
            producers=design.ratio(both, is_true),
            f1=design.ratio(2 * both, is_mapped + is_true),
            iou=design.ratio(both, is_mapped + is_true - both),
            area=design.ratio(found, np.broadcast_to(all_of_it[:, None], found.shape)),
        ),
        lone=tuple(name for name, n in zip(design.names, design.points, strict=True) if n == 1),
        empty=tuple(sorted(name for name, size in sizes.items() if size and name not in design.names)),
    )


def difference(
    strata: NDArray[np.int64],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    sizes: Mapping[int, int],
    areas: Array,
) -> tuple[float, float]:
    """By how much the share of area on which `second` (n,) is true exceeds that of `first`, and its standard error: of
    pairs, so that what both have in common does not count."""
    weight = areas / areas.max()
    return share(strata, (second.astype(np.float64) - first) * weight, weight, sizes)


def share(strata: NDArray[np.int64], part: Array, whole: Array, sizes: Mapping[int, int]) -> tuple[float, float]:
    """The total of `part` (n,) over that of `whole` (n,), by the design, and its standard error."""
    found = _Design.of(strata, sizes).ratio(part[:, None], whole[:, None])
    return float(found.value[0]), float(found.error[0])


@dataclass(frozen=True)
class _Design:
    """`index` (n,): the stratum of each point; of each stratum its name, its points and its pixels."""

    index: NDArray[np.int64]
    names: tuple[int, ...]
    points: NDArray[np.int64]
    pixels: Array

    @classmethod
    def of(cls, strata: NDArray[np.int64], sizes: Mapping[int, int]) -> "_Design":
        found, index, points = np.unique(strata, return_inverse=True, return_counts=True)
        names = tuple(found.tolist())
        return cls(index, names, points, np.array([sizes[name] for name in names], np.float64))

    @property
    def inverse(self) -> Array:
        """(n,) how many pixels each point stands for."""
        return np.asarray((self.pixels / self.points)[self.index])

    def ratio(self, values: Array, whole: Array) -> Estimate:
        """The totals of values (n, m) over those of `whole`, with their errors: Stehman 2014, equations 26 to 28; of a
        mean, where `whole` is the same everywhere, equation 25."""
        share_of = self.inverse[:, None] * whole
        total = share_of.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (self.inverse[:, None] * values).sum(axis=0) / total
            # the variance of what is left when the ratio is taken out: s2y + R2 s2x - 2 R sxy
            within = self._variances(values - share * whole)
            error = np.sqrt((self.pixels**2 / self.points) @ within) / total
            # as many points of equal weight would say as much (Kish)
            points = total**2 / (share_of**2).sum(axis=0)
        right = ((values > 0) & (values >= whole)).sum(axis=0)
        few = np.minimum(right, (whole > 0).sum(axis=0) - right) < FEW
        return Estimate(share, error, *wilson(share, error, points, few))

    def _variances(self, values: Array) -> Array:
        """(strata, m) of values (n, m), over one less than the points; of a lone point that of all points."""
        number = self.points[:, None]
        means = self._sums(values) / number
        squares = self._sums((values - means[self.index]) ** 2)
        pooled = values.var(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
        return np.where(number > 1, squares / np.maximum(number - 1, 1), pooled)

    def _sums(self, values: Array) -> Array:
        sums = np.zeros((len(self.names), values.shape[1]))
        np.add.at(sums, self.index, values)
        return sums
