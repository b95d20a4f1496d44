"""The contingency table of a map against reference labels, in all and piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.sparse import csr_array

from landcover.assess.comparison import Comparison, Part, sides, sides_of
from landcover.assess.pieces import ENOUGH, gather
from landcover.assess.rawpairs import RawPairs
from landcover.assess.reference import check_values
from landcover.errors import LabelError
from landcover.labelpixels import Pixels
from landcover.labelset import LabelSet
from landcover.owners import UNTOUCHED
from landcover.parallel import Each, on_all_cores
from landcover.progress import Progress, silent
from landcover.scheme import BACKGROUND, ClassScheme


@dataclass(frozen=True)
class Contingency:
    """Pixels by class: `counts[i, j]` were mapped as class i of the scheme and are class j in the reference.

    `pieces` (pieces, classes * classes): the same table, flat, of each polygon of the reference or, `block` pixels a
    side, of each block; together they are `counts`. `unmapped` pixels have a reference class and no data in the map;
    they are counted nowhere else.
    """

    scheme: ClassScheme
    counts: NDArray[np.int64]
    pieces: csr_array
    block: int | None
    unmapped: int


def tabulate(
    map_path: Path,
    reference: LabelSet,
    scheme: ClassScheme,
    block: int | None = None,
    progress: Progress = silent,
    counted: RawPairs | None = None,
    each: Each = on_all_cores,
) -> Contingency:
    """Compare a map with reference labels on its grid, cell by cell where there are any.

    `block`: pixels a side, 64 times a power of 2 up to 1024; by itself the largest that leaves 50 blocks with labels.
    `counted`: the two as they lie, if they were counted already; `each`: who counts. Raises LabelError if the map holds
    a value that the scheme does not know, or nowhere meets the reference.
    """
    parts = None if counted is None else _known(map_path, reference, scheme, counted)
    # where few of the large blocks hold labels, there are more smaller ones
    if parts is None or (block is None and len(np.unique(parts[0])) < ENOUGH):
        parts = _count(Comparison(map_path, reference, scheme), reference.cells(), progress, each)
    return _assemble(map_path, scheme, *parts, block)


def _known(path: Path, reference: LabelSet, scheme: ClassScheme, counted: RawPairs) -> Part:
    """Raw pairs by what the reference's codes mean."""
    (source,) = (source for source in reference.sources if isinstance(source, Pixels))
    classes = source.byte_classes()
    true = np.where(classes == UNTOUCHED, BACKGROUND, classes)[counted.codes]
    there = true != BACKGROUND
    mapped = counted.mapped[there]
    check_values(path, mapped.tolist(), scheme)
    table = sides(scheme)
    return counted.blocks[there], table[mapped] * sides_of(len(scheme)) + table[true[there]], counted.pixels[there]


def _count(comparison: Comparison, cells: Sequence[Window], progress: Progress, each: Each) -> Part:
    parts = []
    with progress("comparing", len(cells), "cells") as advance, comparison:
        for part in each(comparison.count, cells):
            parts.append(part)
            advance(1)
    names, kinds, pixels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return names, kinds, pixels


def _assemble(
    path: Path,
    scheme: ClassScheme,
    names: NDArray[np.int64],
    kinds: NDArray[np.int64],
    pixels: NDArray[np.int64],
    block: int | None,
) -> Contingency:
    number = len(scheme)
    mapped, true = np.divmod(kinds, sides_of(number))
    unmapped = int(pixels[mapped == 0].sum())
    there = mapped > 0
    if not there.any():
        raise LabelError(f"{path}: no mapped pixel has a reference class")
    names, flat, pixels = names[there], (mapped[there] - 1) * number + true[there] - 1, pixels[there]
    pieces, side = gather(names, flat, pixels, number * number, block)
    counts = np.asarray(pieces.sum(axis=0), np.int64).reshape(number, number)
    return Contingency(scheme, counts, pieces, side, unmapped)
