"""A map assessed by a probability sample of points."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from landcover.area import DISTORTED, distortion
from landcover.assess.designbased import Sampled, estimate
from landcover.assess.measures import Estimate, Estimates, Measures, measure
from landcover.assess.result import Assessment
from landcover.assess.sampled import Sample, ground, read_sample, stratum_notes
from landcover.grid import name_of
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import ClassScheme

FEW = 5
"""Of fewer points of a class on other classes of the map, intervals hold the truth less often than they say, above all
where such a point stands for much of the map (benchmarks/coverage.py)."""

WILSON = "95 %, Wilson's for the effective number of points; the margin is 1.96 standard errors"


def assess_by_sample(
    map_path: Path,
    path: str,
    remap: Remap,
    field: str | None = None,
    sampling: str = "auto",
    progress: Progress = silent,
) -> Assessment:
    """Accuracy and areas from points that are judged, by the design that is stored with them.

    Points of other origin count as drawn at random within each class of the map, or, with `sampling` random, on the
    whole of it. Raises LabelError where nothing can be said, or where a point is not where it was drawn.
    """
    scheme = remap.scheme
    sample = read_sample(map_path, path, remap, field, sampling, progress)
    known = sample.known
    sampled = estimate(sample.strata, sample.mapped, sample.true, sample.sizes, len(scheme), sample.areas)
    sampled = _without(sampled, [scheme.values.index(v) for v in sampled.empty if v in scheme.values])
    return Assessment(
        map=str(map_path), reference=(path,), scheme=scheme, unit="points",
        counts=sampled.counts, shares=sampled.shares,
        measures=_measures(sampled), estimates=sampled.estimates,
        design=sample.how, intervals=WILSON,
        mapped_m2=np.array([known.square_metres.get(v, 0.0) for v in scheme.values]),
        total_m2=ground(sample),
        notes=(*sample.notes, *_notes(sampled, scheme, sample)),
        left_out=sample.left_out,
    )  # fmt: skip


def _without(sampled: Sampled, classes: list[int]) -> Sampled:
    """With nothing said of classes whose stratum has no judged point: what little lies elsewhere would mislead."""

    def known(estimate: Estimate) -> Estimate:
        parts = (estimate.value, estimate.error, estimate.low, estimate.high)
        hidden = np.isin(np.arange(len(estimate.value)), classes)
        return Estimate(*(np.where(hidden, np.nan, part) for part in parts))

    names = [f.name for f in fields(Estimates) if f.name != "overall"]
    by_class = {name: known(getattr(sampled.estimates, name)) for name in names}
    return replace(sampled, estimates=replace(sampled.estimates, **by_class))


def _measures(sampled: Sampled) -> Measures:
    """With the mean of those IoU that are known, of classes that the reference holds."""
    found, iou = sampled.counts.sum(axis=0) > 0, sampled.estimates.iou.value
    there = found & ~np.isnan(iou)
    return replace(measure(sampled.shares), mean_iou=np.asarray(iou[there].mean() if there.any() else np.nan))


def _notes(sampled: Sampled, scheme: ClassScheme, sample: Sample) -> list[str]:
    notes = stratum_notes(sample, scheme)
    known = [c for c in scheme if c.value not in sampled.empty]
    true, mapped = (dict(zip(scheme.values, sampled.counts.sum(axis=n).tolist(), strict=True)) for n in (0, 1))
    right = dict(zip(scheme.values, np.diag(sampled.counts).tolist(), strict=True))
    never = [c.name for c in known if not true[c.value]]
    unseen = [c.name for c in known if not mapped[c.value]]
    few = [f"{c.name} ({n})" for c in known if true[c.value] and (n := true[c.value] - right[c.value]) < FEW]
    if never:
        notes.append(f"no point is truly {', '.join(never)}: nothing is known of what the map misses of it")
    if unseen:
        notes.append(f"no point is mapped as {', '.join(unseen)}: nothing is known of its user's accuracy")
    if few:
        notes.append(
            "what the map misses of a class rests on few points, so that the intervals of its producer's accuracy and "
            f"area may be too narrow: {', '.join(few)}"
        )
    times = distortion(sample.known.grid)
    if abs(times - 1) > DISTORTED:
        crs = name_of(sample.known.grid.crs)
        notes.append(f"{crs} shows the ground {times:.2f} times as large as it is: areas are corrected")
    return notes
