"""Maps by scikit-learn, from model.skops: features of pixels and the model on them, in blocks on all cores."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from landcover.classify.mapper import Mapper
from landcover.classify.tiles import BASE
from landcover.errors import ConfigError, ModelError
from landcover.features import features_at
from landcover.fingerprint import digest
from landcover.model import read_card
from landcover.parallel import ahead
from landcover.pixelmodel import alone, load_estimator, probabilities
from landcover.precision import Format
from landcover.settings import ClassifySettings

BLOCK = 256
"""Pixels a side that a thread computes at a time: more would leave the processor's caches, with fewer the pixels around
them weigh more."""

BLOCK_BYTES = 80e6
"""Memory that a block takes up while it is computed: features, their copies in float64, sums, probabilities."""

PIXEL_BYTES = 50.0
"""Memory that a pixel of a tile takes up: those read ahead, and what is mapped of them."""

THREADS = 0
"""That a model computes with, 0 for one a core."""

Block = tuple[int, slice, slice]
"""A tile of a batch, and rows and columns of its centre."""


class PixelMapper(Mapper):
    """Raises ModelError, ConfigError for another precision than float32, and LabelError for the area."""

    engine = ("scikit-learn", sklearn.__version__)

    def __init__(self, settings: ClassifySettings) -> None:
        if settings.precision == "bfloat16":
            raise ConfigError("--precision bfloat16: a model of pixels computes in float32")
        super().__init__(settings, read_card(settings.model))
        self._estimator = load_estimator(settings.model, self.card)
        if digest(settings.model) != self.digest:
            raise ModelError(f"{settings.model}: has changed while it was read: give the command again")
        # tiles may take half of the memory that is left, blocks the other
        fitting = int((settings.memory - BASE) / 2 / BLOCK_BYTES)
        self._threads = max(1, min(THREADS or os.cpu_count() or 1, fitting))

    @property
    def precision(self) -> Format:
        return "float32"

    @property
    def bytes_a_pixel(self) -> float:
        return 2 * PIXEL_BYTES

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        batch, height, width = valid.shape
        shape = batch, height - 2 * self.halo, width - 2 * self.halo
        layers = [np.zeros(shape, np.uint8) for _ in range(1 + self.settings.confidence)]

        def compute(block: Block) -> None:
            number, rows, columns = block
            around = 2 * self.halo
            seen = number, slice(rows.start, rows.stop + around), slice(columns.start, columns.stop + around)
            # the library's own threads would be threads of each of ours
            with alone("openmp"):
                for layer, made in zip(layers, self._block(pixels[seen], valid[seen]), strict=False):
                    layer[block] = made

        with alone("blas"), ThreadPoolExecutor(self._threads) as threads:
            for _ in ahead(threads, compute, _blocks(*shape), 2 * self._threads):
                pass
        return layers

    def _block(self, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> Iterator[NDArray[np.uint8]]:
        """Class values (rows, columns) of a block without its halo, 0 where there is no data, and their confidence;
        nothing where there is none at all."""
        inside = slice(self.halo, -self.halo or None)
        there = valid[inside, inside]
        if not there.any():
            return
        made = features_at(pixels, valid, self.card.radii, self.halo, there)
        shares = probabilities(self._estimator, made)
        classes = np.zeros(there.shape, np.uint8)
        classes[there] = self._estimator.classes_[shares.argmax(axis=1)]
        yield classes
        sure = np.zeros(there.shape, np.uint8)
        sure[there] = np.round(100 * shares.max(axis=1))
        yield sure


def _blocks(batch: int, rows: int, columns: int) -> Iterator[Block]:
    for number in range(batch):
        for top in range(0, rows, BLOCK):
            for left in range(0, columns, BLOCK):
                yield number, slice(top, min(top + BLOCK, rows)), slice(left, min(left + BLOCK, columns))
