"""Judged points on a map, with the design that drew them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.assess.judged import Judged, read_judged
from landcover.assess.measures import Array
from landcover.assess.points import NONE, UNTOLD_NAME, read_design
from landcover.assess.reference import check_values
from landcover.assess.strata import Strata, strata_of
from landcover.assess.survey import Survey, survey, values_at
from landcover.errors import LabelError
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.words import counted

UNTOLD = f"judged 0, {UNTOLD_NAME}"

FEW = 0.01
"""Points that nobody can judge, up to this share, are counted but not warned of."""


@dataclass(frozen=True)
class Sample:
    """Judged points on a map: their strata; of each point (n,) the class in the map and the true one, numbered from 0,
    the number of classes standing for none of them; the square metres of its `pixel`; of these, its `ground`, 0 where
    the map shows nothing, and its `areas`, 0 where there is nothing to compare; what to say of it."""

    known: Survey
    judged: Judged
    strata: Strata
    mapped: NDArray[np.int64]
    true: NDArray[np.int64]
    pixel: Array
    ground: Array
    areas: Array
    notes: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]


def read_sample(
    map_path: Path, path: str, remap: Remap, field: str | None, sampling: str, progress: Progress = silent
) -> Sample:
    """The judged points on a map. Raises LabelError where there are none, and for one that was moved.

    Points where the map shows nothing, and those that nobody can judge, stay in the sample: the figures are then of the
    rest of the ground, and each point goes on to stand for its part of the stratum.
    """
    scheme = remap.scheme
    known = survey(map_path, progress)
    check_values(map_path, known.pixels, scheme)
    judged = read_judged(path, known.grid, remap, field)
    design = read_design(path)
    shown = values_at(map_path, judged.places)
    there = shown > 0
    left = {
        "not judged yet": judged.unfinished, UNTOLD: int((there & (judged.truth == BACKGROUND)).sum()),
        "outside the map or where it shows nothing": int((~there).sum()),
    }  # fmt: skip
    if not (there & (judged.truth != BACKGROUND)).any():
        raise LabelError(f"{path}: none of its judged points lies on {map_path}: is its CRS the right one?")
    if design is None and (judged.strata is None or sampling != "auto"):
        # of no stratum, for the strata are the classes that the map shows
        judged, shown, there = judged.part(there), shown[there], there[there]
    strata = strata_of(path, map_path, design, known, judged, shown, scheme, sampling)
    notes = list(strata.notes)
    gone = design.points - len(judged.truth) - judged.unfinished if design else 0
    if gone > 0:
        notes.append(
            f"{counted(gone, 'point')} of the sample no longer in the file: were they hard ones, figures are too good"
        )
    compared = there & (judged.truth != BACKGROUND)
    pixel = known.row_areas[np.clip(judged.places[:, 0], 0, known.grid.height - 1)]
    position = positions(scheme)
    true = np.where(judged.truth == NONE, len(scheme), position[np.maximum(judged.truth, BACKGROUND)])
    return Sample(
        known=known, judged=judged, strata=strata,
        mapped=np.where(compared, position[shown], 0), true=np.where(compared, true, 0),
        pixel=pixel, ground=np.where(there, pixel, 0.0), areas=np.where(compared, pixel, 0.0),
        notes=tuple(notes), left_out=tuple((why, n) for why, n in left.items() if n),
    )  # fmt: skip


def positions(scheme: ClassScheme) -> NDArray[np.int64]:
    """(256,) the place of each class value in the scheme, from 0; below 0 for other values."""
    position = np.full(256, -1, np.int64)
    position[list(scheme.values)] = range(len(scheme))
    return position


def sample_notes(sample: Sample, scheme: ClassScheme) -> list[str]:
    """What is not known, or less well, for want of judged points; and what was left out because nobody could tell."""
    names = {c.value: c.name for c in scheme}
    sizes = sample.strata.sizes
    found, number = np.unique(sample.strata.index, return_counts=True)
    points = dict(zip(found.tolist(), number.tolist(), strict=True))
    empty = [stratum for stratum, size in sizes.items() if size and stratum not in points]
    lone = [stratum for stratum, n in points.items() if n == 1]
    untold, judged = dict(sample.left_out).get(UNTOLD, 0), int((sample.ground > 0).sum())
    notes = []
    if untold > FEW * judged:
        notes.append(
            f"{untold:,} of {judged:,} judged points ({100 * untold / judged:.1f} %) are 0, {UNTOLD_NAME}: hard points "
            f"that are left out flatter the map; where something is none of the classes, say {NONE}"
        )
    if empty:
        lost = sum(sizes[v] for v in empty) / sum(sizes.values())
        listed = ", ".join(names.get(v, str(v)) for v in empty)
        notes.append(f"no judged point in {listed}: {100 * lost:.2g} % of the map, left out of all figures, areas too")
    if lone:
        listed = ", ".join(names.get(v, str(v)) for v in lone)
        notes.append(f"one point only in {listed}: its variance is taken from all points together")
    return notes
