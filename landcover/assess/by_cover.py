"""A map assessed by polygons or rasters, pixel by pixel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landcover.assess.bootstrap import bootstrap
from landcover.assess.contingency import Contingency, tabulate
from landcover.assess.measures import measure
from landcover.assess.pieces import described
from landcover.assess.rawpairs import count_raw
from landcover.assess.result import Assessment
from landcover.assess.survey import open_map
from landcover.errors import LabelError
from landcover.labelset import UNTOUCHED, LabelSet, Pixels, open_labels
from landcover.progress import Progress, silent
from landcover.raster import MODEL_TAG, RASTER_SUFFIXES, grid_of, open_raster
from landcover.remap import Remap

FEW = 10
"""Of fewer polygons or blocks that hold a class, an interval tells little."""


def assess_by_cover(
    map_path: Path,
    reference: Sequence[str],
    remap: Remap,
    field: str | None = None,
    block: int | None = None,
    progress: Progress = silent,
) -> Assessment:
    """Every pixel that has a class in the reference, where the later of two sources holds.

    Pixels of one polygon are not independent, nor are neighbours in a raster: intervals come from polygons or blocks
    drawn again. Raises LandcoverError.
    """
    with open_map(map_path) as dataset:
        grid = grid_of(dataset)
    check_reference(reference)
    one = reference[0] if len(reference) == 1 and reference[0].lower().endswith(RASTER_SUFFIXES) else None
    counted = None if one is None else count_raw(map_path, one, block, progress)
    labels = open_labels(reference, grid, remap, field, {one: counted.values()} if one and counted else None)
    table = tabulate(map_path, labels, remap.scheme, block, progress, counted)
    shares = table.counts / table.counts.sum()
    pieces = described(table.pieces.shape[0], table.block, any(not isinstance(s, Pixels) for s in labels.sources))
    return Assessment(
        map=str(map_path), reference=tuple(s.path for s in labels.sources), scheme=remap.scheme, unit="pixels",
        counts=table.counts, shares=shares,
        measures=measure(table.counts), estimates=bootstrap(table.pieces, len(remap.scheme)),
        design="every pixel with a class in the reference",
        intervals=f"95 %, bootstrap over {pieces}: they hold for ground such as theirs",
        notes=(*_notes(table, pieces), *_unlabelled(labels)),
        left_out=(("no data in the map", table.unmapped),) if table.unmapped else (),
    )  # fmt: skip


def check_reference(paths: Sequence[str]) -> None:
    """Raise LabelError for a raster among them that a model made."""
    for path in (path for path in paths if path.lower().endswith(RASTER_SUFFIXES)):
        with open_raster(path) as dataset:
            if MODEL_TAG in dataset.tags():
                raise LabelError(f"{path}: is a map that a model made, not a reference: are the two swapped?")


def _unlabelled(labels: LabelSet) -> list[str]:
    """Zeros in a raster are often a class of their own that somebody forgot to name."""
    zeros = sum(s.codes.get(0, 0) for s in labels.sources if isinstance(s, Pixels) and s.values.get(0) == UNTOUCHED)
    if not zeros:
        return []
    return [f"{zeros:,} pixels of the reference are 0, which is no class; if it is one, name it in labels.reclassify"]


def _notes(table: Contingency, pieces: str) -> list[str]:
    notes = []
    names = table.scheme.names
    absent = [name for name, n in zip(names, table.counts.sum(axis=0), strict=True) if not n]
    if absent:
        notes.append(f"not in the reference, so not in the mean: {', '.join(absent)}")
    filled = table.pieces.tocoo()
    held = np.unique(np.stack([filled.row, filled.col % len(names)]), axis=1)
    holders = np.bincount(held[1], minlength=len(names))
    few = [f"{name} ({n})" for name, n in zip(names, holders.tolist(), strict=True) if 0 < n < FEW]
    if few:
        notes.append(
            f"in so few of the {pieces} that the interval of producer's accuracy tells little: {', '.join(few)}"
        )
    return notes
