"""A map assessed by a probability sample of points."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.area import DISTORTED, distortion
from landcover.assess.designbased import Sampled, estimate
from landcover.assess.judged import Judged, read_judged
from landcover.assess.measures import Array, measure
from landcover.assess.points import MAPPED, Design, read_design
from landcover.assess.result import Assessment
from landcover.assess.survey import WHOLE, Survey, survey, values_at
from landcover.errors import LabelError
from landcover.grid import name_of
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import ClassScheme

FEW = 5
"""Of fewer points of a class on other classes of the map, intervals hold the truth less often than they say, above all
where such a point stands for much of the map (benchmarks/coverage.py)."""

WILSON = "95 %, Wilson's for the effective number of points; the margin is 1.96 standard errors"


@dataclass(frozen=True)
class Sample:
    """Judged points on a map: of each (n,) the stratum, the class in the map and the true one, numbered from 0, and the
    square metres of its pixel; the pixels of each stratum; what to say of it."""

    known: Survey
    judged: Judged
    design: Design | None
    strata: NDArray[np.int64]
    mapped: NDArray[np.int64]
    true: NDArray[np.int64]
    areas: Array
    sizes: Mapping[int, int]
    how: str
    notes: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]


def read_sample(
    map_path: Path, path: str, remap: Remap, field: str | None, sampling: str, progress: Progress = silent
) -> Sample:
    """The judged points that lie on a map. Raises LabelError where there are none, and for one that was moved."""
    known = survey(map_path, progress)
    strange = sorted(set(known.pixels) - set(remap.scheme.values))
    if strange:
        raise LabelError(f"{map_path}: holds values that are not in the scheme: {', '.join(map(str, strange))}")
    judged = read_judged(path, known.grid, remap, field)
    design = read_design(path)
    shown = values_at(map_path, judged.places)
    notes = _check_design(path, map_path, design, known, judged, shown)
    inside = shown > 0
    left = {
        "not judged yet": judged.unfinished, "judged to be of no class": judged.classless,
        "outside the map or where it shows nothing": int((~inside).sum()),
    }  # fmt: skip
    if not inside.any():
        raise LabelError(f"{path}: none of its judged points lies on {map_path}: is its CRS the right one?")
    judged, shown = judged.part(inside), shown[inside]
    strata, sizes, how = _strata(path, design, known, judged, shown, sampling)
    position = positions(remap.scheme)
    return Sample(
        known=known, judged=judged, design=design, strata=strata,
        mapped=position[shown], true=position[judged.truth],
        areas=known.row_areas[judged.places[:, 0]],
        sizes=sizes, how=how, notes=tuple(notes), left_out=tuple((why, n) for why, n in left.items() if n),
    )  # fmt: skip


def positions(scheme: ClassScheme) -> NDArray[np.int64]:
    """(256,) the place of each class value in the scheme, from 0."""
    position = np.zeros(256, np.int64)
    position[list(scheme.values)] = range(len(scheme))
    return position


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
    return Assessment(
        map=str(map_path), reference=(path,), scheme=scheme, unit="points",
        counts=sampled.counts, shares=sampled.shares,
        measures=measure(sampled.shares), estimates=sampled.estimates,
        design=sample.how, intervals=WILSON,
        mapped_m2=np.array([known.square_metres.get(v, 0.0) for v in scheme.values]),
        total_m2=sum(known.square_metres.values()),
        notes=(*sample.notes, *_notes(sampled, scheme, sample)),
        left_out=sample.left_out,
    )  # fmt: skip


def _check_design(
    path: str, map_path: Path, design: Design | None, known: Survey, judged: Judged, shown: NDArray[np.int64]
) -> list[str]:
    """That the points stand for this map; what a reader must know if they were drawn from another one."""
    if design is None:
        return []
    if design.pixels == known.pixels:
        moved = [] if judged.mapped is None else np.flatnonzero(judged.mapped != shown).tolist()
        if moved:
            first = judged.names[moved[0]]
            more = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
            raise LabelError(
                f"{path}: point {first}{more} is not where it was drawn: the map shows another class there than its "
                f"{MAPPED} says: put it back, or delete it"
            )
        return []
    drawn, here = sum(design.pixels.values()), sum(known.pixels.values())
    if drawn == here:
        return [
            f"the points were drawn from another map of the same ground, {design.map}: its classes are the strata, and "
            f"their weights differ from the shares of {map_path.name}"
        ]
    return [
        f"the points were drawn from another map, {design.map}, of {drawn:,} pixels; {map_path.name} has {here:,}: the "
        "figures hold for the ground that both show, if it is all of the first"
    ]


def _strata(
    path: str, design: Design | None, known: Survey, judged: Judged, shown: NDArray[np.int64], sampling: str
) -> tuple[NDArray[np.int64], Mapping[int, int], str]:
    """The stratum of each point, the pixels of each stratum, and the design in words."""
    whole = {WHOLE: sum(known.pixels.values())}
    if design is not None:
        if judged.strata is None:
            raise LabelError(f"{path}: has lost its field Stratum, or points without one were added: take them out")
        strange = set(judged.strata.tolist()) - set(design.strata)
        if strange:
            raise LabelError(f"{path}: has points of stratum {strange.pop()}, which its table strata does not know")
        return judged.strata, design.strata, _SAID[design.sampling]
    if sampling == "random":
        return np.zeros(len(shown), np.int64), whole, _SAID["random"]
    return shown, known.pixels, "points of another origin, taken as a random sample within each class of the map"


_SAID = {
    "stratified": "stratified random sample, the strata being classes of a map",
    "random": "simple random sample",
    "systematic": "systematic sample; errors are those of a random one, and as a rule too large",
}


def _notes(sampled: Sampled, scheme: ClassScheme, sample: Sample) -> list[str]:
    notes = []
    names = {c.value: c.name for c in scheme}

    def listed(values: tuple[int, ...]) -> str:
        return ", ".join(names.get(v, str(v)) for v in values)

    if sampled.empty:
        lost = sum(sample.sizes[v] for v in sampled.empty) / sum(sample.sizes.values())
        notes.append(
            f"no judged point in {listed(sampled.empty)}: {100 * lost:.2g} % of the map, left out of all figures"
        )
    if sampled.lone:
        notes.append(f"one point only in {listed(sampled.lone)}: its variance is taken from all points together")
    never = tuple(v for v, n in zip(scheme.values, sampled.counts.sum(axis=0), strict=True) if not n)
    unseen = tuple(v for v, n in zip(scheme.values, sampled.counts.sum(axis=1), strict=True) if not n)
    if never:
        notes.append(f"no point is truly {listed(never)}: nothing is known of what the map misses of it")
    omitted = sampled.counts.sum(axis=0) - np.diag(sampled.counts)
    few = [f"{c.name} ({n})" for c, n in zip(scheme, omitted.tolist(), strict=True) if n < FEW and c.value not in never]
    if few:
        notes.append(
            f"what the map misses of a class rests on few points, so that the intervals of its producer's accuracy and "
            f"area may be too narrow: {', '.join(few)}"
        )
    if unseen:
        notes.append(f"no point is mapped as {listed(unseen)}: nothing is known of its user's accuracy")
    times = distortion(sample.known.grid)
    if abs(times - 1) > DISTORTED:
        crs = name_of(sample.known.grid.crs)
        notes.append(f"{crs} shows the ground {times:.2f} times as large as it is: areas are corrected")
    return notes
