"""Judged points on a map, with the design that drew them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.assess.judged import Judged, read_judged
from landcover.assess.measures import Array
from landcover.assess.points import STRATUM, Design, read_design
from landcover.assess.reference import check_values
from landcover.assess.survey import WHOLE, Survey, survey, values_at
from landcover.errors import LabelError
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import BACKGROUND, ClassScheme


@dataclass(frozen=True)
class Sample:
    """Judged points on a map: of each (n,) the stratum, the class in the map and the true one, numbered from 0, and the
    square metres of its pixel, 0 for a point of which there is nothing to compare; the pixels of each stratum; what to
    say of it."""

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
    """The judged points on a map. Raises LabelError where there are none, and for one that was moved.

    Points where the map shows nothing, and those judged to be of no class, stay in the sample: the figures are then of
    the rest of the ground, and each point goes on to stand for its part of the stratum.
    """
    known = survey(map_path, progress)
    check_values(map_path, known.pixels, remap.scheme)
    judged = read_judged(path, known.grid, remap, field)
    design = read_design(path)
    shown = values_at(map_path, judged.places)
    notes = _check_design(path, map_path, design, known, judged, shown)
    gone = design.points - len(judged.truth) - judged.unfinished if design else 0
    if gone > 0:
        notes.append(
            f"{gone:,} points of the sample are no longer in the file: were they hard ones, figures are too good"
        )
    there = shown > 0
    left = {
        "not judged yet": judged.unfinished, "judged to be of no class": int((judged.truth == BACKGROUND).sum()),
        "outside the map or where it shows nothing": int((~there).sum()),
    }  # fmt: skip
    if not (there & (judged.truth > BACKGROUND)).any():
        raise LabelError(f"{path}: none of its judged points lies on {map_path}: is its CRS the right one?")
    if design is None:
        # of no stratum, for the strata are the classes that the map shows
        judged, shown = judged.part(there), shown[there]
    strata, sizes, how = _strata(path, design, known, judged, shown, sampling)
    compared = (shown > 0) & (judged.truth > BACKGROUND)
    rows = np.clip(judged.places[:, 0], 0, known.grid.height - 1)
    position = positions(remap.scheme)
    return Sample(
        known=known, judged=judged, design=design, strata=strata,
        mapped=np.where(compared, position[shown], 0), true=np.where(compared, position[judged.truth], 0),
        areas=np.where(compared, known.row_areas[rows], 0.0),
        sizes=sizes, how=how, notes=tuple(notes), left_out=tuple((why, n) for why, n in left.items() if n),
    )  # fmt: skip


def positions(scheme: ClassScheme) -> NDArray[np.int64]:
    """(256,) the place of each class value in the scheme, from 0; below 0 for other values."""
    position = np.full(256, -1, np.int64)
    position[list(scheme.values)] = range(len(scheme))
    return position


def _check_design(
    path: str, map_path: Path, design: Design | None, known: Survey, judged: Judged, shown: NDArray[np.int64]
) -> list[str]:
    """That the points stand for this map; what a reader must know if they were drawn from another one."""
    if design is None:
        return []
    if design.pixels == known.pixels:
        moved = np.zeros(len(shown), bool)
        if judged.mapped is not None:
            moved |= judged.mapped != shown
        if judged.drawn is not None:
            moved |= (np.abs(judged.drawn - judged.places) > 1).any(axis=1)
        if moved.any():
            first = judged.names[int(np.flatnonzero(moved)[0])]
            more = f" (and {moved.sum() - 1} more)" if moved.sum() > 1 else ""
            raise LabelError(f"{path}: point {first}{more} is not where it was drawn: put it back, or delete it")
        return []
    drawn, here = sum(design.pixels.values()), sum(known.pixels.values())
    if drawn == here:
        return [
            f"the points were drawn from another map of the same ground, {design.map}: its classes are the strata, and "
            f"their weights differ from the shares of {map_path.name}"
        ]
    return [
        f"the points were drawn from another map, {design.map}, of {drawn:,} pixels; {map_path.name} has {here:,}: the "
        "figures are of the ground that both show"
    ]


def _strata(
    path: str, design: Design | None, known: Survey, judged: Judged, shown: NDArray[np.int64], sampling: str
) -> tuple[NDArray[np.int64], Mapping[int, int], str]:
    """The stratum of each point, the pixels of each stratum, and the design in words."""
    whole = {WHOLE: sum(known.pixels.values())}
    if design is not None:
        if judged.strata is None:
            raise LabelError(f"{path}: has lost its field {STRATUM}, or points without one were added: take them out")
        strange = set(judged.strata.tolist()) - set(design.strata)
        if strange:
            raise LabelError(f"{path}: has points of stratum {strange.pop()}, which its table strata does not know")
        return judged.strata, design.strata, _SAID[design.sampling]
    if sampling == "auto" and judged.strata is not None and judged.mapped is not None:
        raise LabelError(
            f"{path}: has the field {STRATUM}, but not the tables strata and design that belong to it: take the file "
            "that `landcover points` wrote, or say how the points were drawn with assess.sampling"
        )
    if sampling == "random":
        return np.zeros(len(shown), np.int64), whole, _SAID["random"]
    return shown, known.pixels, "points of another origin, taken as a random sample within each class of the map"


_SAID = {
    "stratified": "stratified random sample, the strata being classes of a map",
    "random": "simple random sample",
    "systematic": "systematic sample; errors are those of a random one, and as a rule too large",
}


def ground(sample: Sample) -> float:
    """Square metres that the figures are of: all that the map shows; or, where some of it has no class or no judged
    point, or the points are of another map, what the sample says of its size."""
    all_of_it = sum(sample.known.square_metres.values())
    same = sample.design is None or sample.design.pixels == sample.known.pixels
    if same and (sample.areas > 0).all() and len(np.unique(sample.strata)) == len(sample.sizes):
        return all_of_it
    found, index, points = np.unique(sample.strata, return_inverse=True, return_counts=True)
    each = np.array([sample.sizes[stratum] for stratum in found.tolist()]) / points
    return float((each[index] * sample.areas).sum())


def stratum_notes(sample: Sample, scheme: ClassScheme) -> list[str]:
    """What is not known, or less well, for want of judged points."""
    names = {c.value: c.name for c in scheme}
    found, number = np.unique(sample.strata, return_counts=True)
    points = dict(zip(found.tolist(), number.tolist(), strict=True))
    empty = [stratum for stratum, size in sample.sizes.items() if size and stratum not in points]
    lone = [stratum for stratum, n in points.items() if n == 1]
    notes = []
    if empty:
        lost = sum(sample.sizes[v] for v in empty) / sum(sample.sizes.values())
        listed = ", ".join(names.get(v, str(v)) for v in empty)
        notes.append(f"no judged point in {listed}: {100 * lost:.2g} % of the map, left out of all figures, areas too")
    if lone:
        listed = ", ".join(names.get(v, str(v)) for v in lone)
        notes.append(f"one point only in {listed}: its variance is taken from all points together")
    return notes
