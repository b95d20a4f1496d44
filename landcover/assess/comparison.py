"""A map and its reference, window by window, counted by several threads."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landcover.assess.reference import check_values
from landcover.assess.survey import read_map
from landcover.labelpixels import Pixels
from landcover.labelset import LabelSet
from landcover.owners import BLOCK, Owners, block_names
from landcover.raster import OpenInThreads
from landcover.scheme import BACKGROUND, ClassScheme

Part = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Of pieces of the reference: the name, the kind of pair, which is `mapped * sides + true`, and its pixels. Classes
count from 1 in the order of the scheme; 0 is no class."""

MOST_IN_A_BYTE = 14
"""Classes whose pairs have numbers below 256."""


def sides_of(classes: int) -> int:
    """Rows of a table of pairs: no class, the classes, and values that the scheme does not know."""
    return classes + 2


def sides(scheme: ClassScheme) -> NDArray[np.int64]:
    """(256,) the row of each value."""
    table = np.full(256, sides_of(len(scheme)) - 1)
    table[[BACKGROUND, *scheme.values]] = range(len(scheme) + 1)
    return table


class Comparison:
    """Each thread has files of its own open, until the end of the context."""

    def __init__(self, map_path: Path, reference: LabelSet, scheme: ClassScheme) -> None:
        self._path, self._reference, self._scheme = map_path, reference, scheme
        self._open = OpenInThreads()
        self._by_blocks = all(isinstance(source, Pixels) for source in reference.sources)
        self._sides = sides_of(len(scheme))
        self._table = sides(scheme).astype(np.uint16 if len(scheme) > MOST_IN_A_BYTE else np.uint8)

    def __enter__(self) -> "Comparison":
        return self

    def __exit__(self, *problem: object) -> None:
        self._open.__exit__(*problem)

    def count(self, window: Window) -> Part:
        """Raises LabelError for a labelled pixel whose value in the map the scheme does not know."""
        shown = read_map(self._open(self._path), window)
        counts, names = self._by_piece(shown, window)
        table = counts.reshape(-1, self._sides, self._sides)
        table[:, :, 0] = 0
        if table[:, -1].any():
            check_values(self._path, np.unique(shown).tolist(), self._scheme)
        owner, kind = np.nonzero(counts)
        return names[owner], kind, counts[owner, kind]

    def _by_piece(self, shown: NDArray[np.uint8], window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._by_blocks:
            truth, owners = self._reference.read(window), None
        else:
            truth, owners = self._reference.read_owned(window)
        joint = np.take(self._table, shown) * self._table.dtype.type(self._sides) + np.take(self._table, truth)
        kinds = self._sides**2
        return _by_block(joint, window, kinds) if owners is None else _by_owner(joint, owners, kinds)


def _by_block(joint: NDArray[Any], window: Window, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (blocks, kinds) of a window that starts where a block does, and the names of the blocks."""
    down, across = -(-joint.shape[0] // BLOCK), -(-joint.shape[1] // BLOCK)
    blocks = [
        np.bincount(joint[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK].ravel(), None, kinds)
        for row in range(down)
        for column in range(across)
    ]
    first = window.row_off // BLOCK, window.col_off // BLOCK
    rows, columns = np.arange(first[0], first[0] + down), np.arange(first[1], first[1] + across)
    return np.array(blocks), block_names(rows[:, None], columns[None, :]).ravel()


def _by_owner(joint: NDArray[Any], owners: Owners, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (owners, kinds), and the names of the owners."""
    flat = owners.local.astype(np.int64) * kinds + joint
    return np.bincount(flat.ravel(), minlength=kinds * len(owners.names)).reshape(-1, kinds), owners.names
