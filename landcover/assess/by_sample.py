"""A map assessed by a probability sample of points."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from landcover.area import DISTORTED, distortion
from landcover.assess.amiss import areas_note
from landcover.assess.designbased import Sampled, estimate
from landcover.assess.extent import CLOSE, Extent, extent
from landcover.assess.measures import MEASURED, Array, Measures, measure
from landcover.assess.points import NONE_NAME
from landcover.assess.result import Assessment
from landcover.assess.sampled import FEW as FEW_UNTOLD
from landcover.assess.sampled import Sample, read_sample, sample_notes
from landcover.grid import name_of
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.words import counted

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
    known, strata = sample.known, sample.strata
    reached = extent(sample, sample.areas)
    sampled = estimate(
        strata.index, sample.mapped, sample.true, strata.sizes, len(scheme), sample.areas, reached.ground
    )
    # of classes whose stratum has no judged point what little lies elsewhere would mislead
    gone = np.isin(scheme.values, sampled.empty)
    estimates = sampled.estimates.without(gone, [name for name in (*MEASURED, "area") if name != "overall"])
    assert estimates.area is not None
    sampled = replace(sampled, estimates=replace(estimates, area=estimates.area.times(reached.scale / reached.map)))
    mapped = np.array([known.square_metres.get(v, 0.0) for v in scheme.values])
    return Assessment(
        map=str(map_path), reference=(path,), scheme=scheme, unit="points",
        counts=sampled.counts, shares=sampled.shares,
        measures=_measures(sampled), estimates=sampled.estimates,
        design=strata.how, intervals=WILSON, mapped_share=mapped / mapped.sum(), spoken=reached.spoken,
        mapped_m2=mapped, map_m2=reached.map, covered_m2=reached.covered, total_m2=reached.compared,
        notes=(*sample.notes, *_notes(sampled, scheme, sample, reached)),
        areas_note=_areas_note(sampled, scheme, sample, reached, mapped),
        left_out=sample.left_out,
    )  # fmt: skip


def _measures(sampled: Sampled) -> Measures:
    """With the mean of those IoU that are known, of classes that the reference holds."""
    iou = sampled.estimates.iou.value
    there = (sampled.counts.sum(axis=0)[: len(iou)] > 0) & ~np.isnan(iou)
    return replace(measure(sampled.shares), mean_iou=np.asarray(iou[there].mean() if there.any() else np.nan))


def _areas_note(sampled: Sampled, scheme: ClassScheme, sample: Sample, reached: Extent, mapped: Array) -> str | None:
    assert sampled.estimates.area is not None
    strata = sample.strata
    points = sampled.counts[:, : len(mapped)]
    names, numbers = np.unique(strata.index, return_counts=True)
    heaviest = max(strata.sizes[name] / n for name, n in zip(names.tolist(), numbers.tolist(), strict=True))
    return areas_note(
        scheme, mapped / reached.map, sampled.estimates.area, reached.spoken, points.sum(axis=0) - np.diag(points),
        heaviest / sum(strata.sizes.values()),
    )  # fmt: skip


def _notes(sampled: Sampled, scheme: ClassScheme, sample: Sample, reached: Extent) -> list[str]:
    notes = [*sample_notes(sample, scheme), *_on_ground(sampled, reached)]
    known = [c for c in scheme if c.value not in sampled.empty]
    columns = sampled.counts.sum(axis=0).tolist()
    true, mapped = (dict(zip(scheme.values, n, strict=False)) for n in (columns, sampled.counts.sum(axis=1).tolist()))
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
    if len(columns) > len(scheme):
        notes.append(f"{NONE_NAME}: {counted(columns[-1], 'point')} of no class, each an error of the map")
    times = distortion(sample.known.grid)
    if abs(times - 1) > DISTORTED:
        crs = name_of(sample.known.grid.crs)
        notes.append(f"{crs} shows the ground {times:.2f} times as large as it is: areas are corrected")
    return notes


def _on_ground(sampled: Sampled, reached: Extent) -> list[str]:
    """How far the figures reach, and what would become of them if they reached all that was sampled."""
    notes = []
    untold = 1 - reached.compared / reached.covered
    if untold > FEW_UNTOLD:
        right = float(sampled.estimates.overall.value)
        notes.append(
            f"nobody could tell what is on {(reached.covered - reached.compared) / 1e4:,.2f} ha, {100 * untold:.1f} % "
            f"of what was sampled, which no figure is of: if the map is wrong there, overall accuracy is not "
            f"{100 * right:.1f} but {100 * right * (1 - untold):.1f} %"
        )
    if abs(reached.sampled / reached.covered - 1) > CLOSE / 10 and reached.covered == reached.map:
        notes.append(
            f"areas are brought to the {reached.map / 1e4:,.2f} ha that the map shows: by the points alone it would be "
            f"{reached.sampled / 1e4:,.2f} ha"
        )
    return notes
