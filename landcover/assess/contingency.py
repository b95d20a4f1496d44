"""The contingency table of a map against reference labels, in all and piece by piece."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.sparse import coo_array, csr_array

from landcover.errors import LabelError
from landcover.labelset import BLOCK, LabelSet, Owners, block_names, block_place
from landcover.progress import Progress, silent
from landcover.raster import connect, read_band
from landcover.scheme import ClassScheme

ENOUGH = 50
"""Blocks of a raster are as large as leaves so many of them."""

LARGEST = 1024
"""Pixels a side of the largest block."""


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
) -> Contingency:
    """Compare a map with reference labels on its grid, cell by cell where there are any.

    `block`: pixels a side, a multiple of 64; by itself the largest of 64 to 1024 that leaves 50 blocks with labels.
    Raises LabelError if the map holds a value that the scheme does not know, or nowhere meets the reference.
    """
    number = len(scheme)
    table = np.full(256, number + 1, np.int32)
    table[[0, *scheme.values]] = range(number + 1)
    strange: set[int] = set()
    names: list[NDArray[np.int64]] = []
    kinds: list[NDArray[np.int64]] = []
    pixels: list[NDArray[np.int64]] = []
    cells = reference.cells()
    size = (number + 1) ** 2
    with progress("comparing", len(cells), "cells") as advance:
        for shown, truth, owners in _read_ahead(map_path, reference, cells):
            mapped = table[shown]
            if mapped.max(initial=0) > number:
                strange |= set(np.unique(shown[(mapped > number) & (truth > 0)]).tolist())
                mapped = np.minimum(mapped, number)
            joint = mapped * np.int32(number + 1) + table[truth]
            joint += owners.local * np.int32(size)
            counts = np.bincount(joint.ravel(), minlength=size * len(owners.names)).reshape(-1, number + 1, number + 1)
            counts[:, :, 0] = 0
            owner, kind = np.nonzero(counts.reshape(-1, size))
            names.append(owners.names[owner])
            kinds.append(kind)
            pixels.append(counts.reshape(-1, size)[owner, kind])
            advance(1)
    if strange:
        raise LabelError(f"{map_path}: holds values that are not in the scheme: {', '.join(map(str, sorted(strange)))}")
    return _assemble(map_path, scheme, np.concatenate(names), np.concatenate(kinds), np.concatenate(pixels), block)


def _read_ahead(
    map_path: Path, reference: LabelSet, cells: Iterable[Window]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], Owners]]:
    """The map and the reference cell by cell, the next one read while one is counted."""

    def read(window: Window, dataset: DatasetReader) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Owners]:
        return read_band(dataset, window), *reference.read_owned(window)

    with closing(connect(map_path)) as dataset, ThreadPoolExecutor(1) as reader:
        waiting = None
        for window in cells:
            following = reader.submit(read, window, dataset)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _assemble(
    path: Path,
    scheme: ClassScheme,
    names: NDArray[np.int64],
    kinds: NDArray[np.int64],
    pixels: NDArray[np.int64],
    block: int | None,
) -> Contingency:
    number = len(scheme)
    mapped, true = np.divmod(kinds, number + 1)
    unmapped = int(pixels[mapped == 0].sum())
    there = mapped > 0
    if not there.any():
        raise LabelError(f"{path}: no mapped pixel has a reference class")
    names, flat, pixels = names[there], (mapped[there] - 1) * number + true[there] - 1, pixels[there]
    side = None
    if (names < 0).any():
        side = block or _side(names[names < 0])
        names = np.where(names < 0, _merged(names, side // BLOCK), names)
    found, piece = np.unique(names, return_inverse=True)
    pieces = csr_array(coo_array((pixels, (piece, flat)), shape=(len(found), number * number)))
    counts = np.asarray(pieces.sum(axis=0), np.int64).reshape(number, number)
    return Contingency(scheme, counts, pieces, side, unmapped)


def _side(names: NDArray[np.int64]) -> int:
    """Of the largest blocks that leave enough of them, or of the smallest."""
    side = LARGEST
    while side > BLOCK and len(np.unique(_merged(names, side // BLOCK))) < ENOUGH:
        side //= 2
    return side


def _merged(names: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """A name below 0 for each larger block, of the names (n,) of blocks in it."""
    return block_names(*(block_place(names).T // times))
