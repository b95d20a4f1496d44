"""A map assessed by polygons or rasters, pixel by pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.assess.bootstrap import bootstrap
from landcover.assess.contingency import Contingency, tabulate
from landcover.assess.measures import measure
from landcover.assess.pieces import described
from landcover.assess.rawpairs import count_raw
from landcover.assess.result import MOSTLY, Assessment
from landcover.assess.survey import open_map, survey
from landcover.labelpixels import Pixels
from landcover.labelset import LabelSet, open_labels
from landcover.owners import UNTOUCHED
from landcover.parallel import Each, on_all_cores
from landcover.progress import Progress, silent
from landcover.raster import grid_of
from landcover.remap import Remap
from landcover.sources import RASTER_SUFFIXES
from landcover.words import counted as number_of

FEW = 10
"""Of fewer polygons or blocks that hold a class, an interval tells little."""


def assess_by_cover(
    map_path: Path,
    reference: Sequence[str],
    remap: Remap,
    field: str | None = None,
    block: int | None = None,
    progress: Progress = silent,
    each: Each = on_all_cores,
) -> Assessment:
    """Every pixel that has a class in the reference, where the later of two sources holds.

    Pixels of one polygon are not independent, nor are neighbours in a raster: intervals come from polygons or blocks
    drawn again. Raises LandcoverError.
    """
    with open_map(map_path) as dataset:
        grid = grid_of(dataset)
    one = reference[0] if len(reference) == 1 and reference[0].lower().endswith(RASTER_SUFFIXES) else None
    counted = None if one is None else count_raw(map_path, one, block, progress, each)
    labels = open_labels(reference, grid, remap, field, {one: counted.values()} if one and counted else None)
    table = tabulate(map_path, labels, remap.scheme, block, progress, counted, each)
    pieces = described(table.pieces.shape[0], table.block, any(not isinstance(s, Pixels) for s in labels.sources))
    shown = survey(map_path, progress, each).pixels if counted is None else counted.shown()
    whole = sum(shown.values())
    mapped = np.array([shown.get(value, 0) for value in remap.scheme.values]) / whole
    # a reference that never shows a class says nothing of it: what is mapped as one may be right or wrong
    absent = table.counts.sum(axis=0) == 0
    plain = measure(table.counts)
    unknown = {name: np.where(absent, np.nan, getattr(plain, name)) for name in ("users", "f1", "iou")}
    return Assessment(
        map=str(map_path), reference=tuple(s.path for s in labels.sources), scheme=remap.scheme, unit="pixels",
        counts=table.counts, shares=table.counts / table.counts.sum(),
        measures=replace(plain, **unknown),
        estimates=bootstrap(table.pieces, len(remap.scheme)).without(absent, list(unknown)),
        design="every pixel with a class in the reference",
        intervals=f"95 %, bootstrap over {pieces}: they hold for ground such as theirs",
        mapped_share=mapped, spoken=float(table.counts.sum() / whole),
        notes=(
            *_uncompared(table, shown), *_absent(table, absent, mapped), *_notes(table, pieces), *_unlabelled(labels),
        ),
        left_out=(("no data in the map", table.unmapped),) if table.unmapped else (),
    )  # fmt: skip


def _uncompared(table: Contingency, shown: Mapping[int, int]) -> list[str]:
    """How much of what is mapped as each class the figures are of: what lies beside drawn polygons may be worse."""
    whole, compared = sum(shown.values()), table.counts.sum(axis=1).tolist()
    if sum(compared) >= MOSTLY * whole:
        return []
    classes = zip(table.scheme.values, table.scheme.names, compared, strict=True)
    listed = [f"{name} {100 * n / shown[value]:.0f} %" for value, name, n in classes if shown.get(value)]
    return [
        "only part of the map was compared with the reference. Of what it shows as each class that part is: "
        f"{', '.join(listed)}. The figures are of that part. The rest may be worse: `landcover points` draws a sample "
        "of the whole map"
    ]


def _unlabelled(labels: LabelSet) -> list[str]:
    """Zeros in a raster are often a class of their own that somebody forgot to name."""
    zeros = sum(s.codes.get(0, 0) for s in labels.sources if isinstance(s, Pixels) and s.values.get(0) == UNTOUCHED)
    if not zeros:
        return []
    return [f"{zeros:,} pixels of the reference are 0, which is no class; if it is one, name it in labels.reclassify"]


def _absent(table: Contingency, absent: NDArray[np.bool_], mapped: NDArray[np.float64]) -> list[str]:
    """What the figures leave out for want of a class in the reference."""
    if not absent.any():
        return []
    gone = np.flatnonzero(absent).tolist()
    listed = ", ".join(f"{table.scheme.names[i]} ({100 * mapped[i]:.1f} % of the map)" for i in gone)
    wrong = int(table.counts[absent].sum())
    be = "is" if wrong == 1 else "are"
    counts = f". Of what is compared, {number_of(wrong, 'pixel')} {be} mapped as such: they count as errors"
    return [
        f"not in the reference, so not in the mean IoU: {listed}. What is truly such, and mapped as another class, is "
        f"never found out. So overall and user's accuracies may flatter the map{counts if wrong else ''}"
    ]


def _notes(table: Contingency, pieces: str) -> list[str]:
    notes = []
    names = table.scheme.names
    filled = table.pieces.tocoo()
    held = np.unique(np.stack([filled.row, filled.col % len(names)]), axis=1)
    holders = np.bincount(held[1], minlength=len(names))
    few = [f"{name} ({n})" for name, n in zip(names, holders.tolist(), strict=True) if 0 < n < FEW]
    if few:
        notes.append(
            f"in so few of the {pieces} that the interval of producer's accuracy tells little: {', '.join(few)}"
        )
    return notes
