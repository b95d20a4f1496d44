"""The contingency table of a map against a reference."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.errors import LabelError
from landcover.labelset import LabelSet
from landcover.progress import Progress, silent
from landcover.raster import open_raster, read_band
from landcover.scheme import ClassScheme


@dataclass(frozen=True)
class Contingency:
    """Pixels by class: `counts[i, j]` were mapped as class i of the scheme and are class j in the reference.

    `unmapped` pixels have a reference class and no data in the map; they are counted nowhere else.
    """

    scheme: ClassScheme
    counts: NDArray[np.int64]
    unmapped: int

    def write_csv(self, path: Path) -> None:
        """Rows map, columns reference, with totals."""
        totals = self.counts.sum(axis=0)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["map \\ reference", *self.scheme.names, "total"])
            for name, row in zip(self.scheme.names, self.counts.tolist(), strict=True):
                writer.writerow([name, *row, sum(row)])
            writer.writerow(["total", *totals.tolist(), int(totals.sum())])


def tabulate(map_path: Path, reference: LabelSet, scheme: ClassScheme, progress: Progress = silent) -> Contingency:
    """Compare a map with reference labels on its grid, cell by cell where there are any.

    Raises LabelError if the map holds a value that the scheme does not know, or nowhere meets the reference.
    """
    joint = np.zeros((256, 256), np.int64)
    cells = reference.cells()
    with open_raster(map_path) as dataset, progress("comparing", len(cells), "cells") as advance:
        for window in cells:
            truth = reference.read(window).astype(np.int64)
            shown = read_band(dataset, window).astype(np.int64)
            labelled = truth > 0
            joint += np.bincount(shown[labelled] * 256 + truth[labelled], minlength=256 * 256).reshape(256, 256)
            advance(1)
    values = list(scheme.values)
    strange = [int(v) for v in np.flatnonzero(joint.sum(axis=1)) if v not in (0, *values)]
    if strange:
        raise LabelError(f"{map_path}: holds values that are not in the scheme: {', '.join(map(str, strange))}")
    counts = joint[np.ix_(values, values)]
    if not counts.sum():
        raise LabelError(f"{map_path}: no mapped pixel has a reference class")
    return Contingency(scheme, counts, int(joint[0].sum()))
