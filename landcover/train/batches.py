"""Batches of chips for the network, read from the stores and varied ahead of the step that needs them."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.errors import LandcoverError
from landcover.scheme import ClassScheme
from landcover.settings import TrainAugmentation, TrainSettings
from landcover.train.augmentation import varied
from landcover.train.chipset import ChipSet
from landcover.train.length import chips_of
from landcover.train.sampling import epoch_order

AS_IS = TrainAugmentation(
    turns=False, scale=0, brightness=0, contrast=0, band_brightness=0, band_contrast=0, gamma=0
)  # fmt: skip
MOST_THREADS = 8


class Batches(keras.utils.PyDataset):
    """Batches (image, target) of a chip set.

    image: (batch, size, size, bands) float32 grey values; target: (batch, size, size) uint8 output numbers, 0 for
    background. With `settings` chips are drawn and varied anew each epoch as they say, and batches are whole; without,
    each chip comes once, as it is. What a batch holds follows from seed, epoch and number alone. Pixels without data,
    0 in all bands, become `fill`, a grey value a band, as they do when a map is made.
    """

    def __init__(
        self,
        chips: ChipSet,
        scheme: ClassScheme,
        batch: int,
        fill: Sequence[float],
        settings: TrainSettings | None = None,
    ) -> None:
        # one worker reads ahead; several of Keras's would hand on, with several devices, batches of another pass
        super().__init__(workers=1)
        self._threads = ThreadPoolExecutor(max(1, min(MOST_THREADS, (os.cpu_count() or 1) // 2)), "chips")
        self._chips, self._settings, self._batch, self._epoch = chips, settings, batch, 0
        self._classes = chips.by_class()
        self._outputs, self._fill = output_table(scheme), np.asarray(fill, np.float32)
        self.failure: LandcoverError | None = None
        """What went wrong while reading; what Keras raises in its place tells less."""
        self._order = self._new_order()

    def _new_order(self) -> NDArray[np.int64]:
        s = self._settings
        if s is None:
            return np.arange(len(self._chips))
        number = chips_of(len(self._chips), s)
        return epoch_order(self._classes, number, s.balance, s.seed, self._epoch)

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    @property
    def chips(self) -> int:
        """Chips shown in an epoch."""
        return len(self._order)

    def begin(self, epoch: int) -> None:
        """From now on batches are those of this epoch, from 0. Keras's own count is of passes, not of epochs."""
        self._epoch = epoch
        self._order = self._new_order()

    def names(self, index: int) -> list[str]:
        """Where the chips of a batch are."""
        return [self._chips.name(number) for number in self._members(index)]

    def _members(self, index: int) -> NDArray[np.int64]:
        return self._order[index * self._batch : (index + 1) * self._batch]

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        try:
            pairs = list(self._threads.map(partial(self._chip, index), count(), self._members(index)))
        except LandcoverError as failure:
            self.failure = failure
            raise
        images, targets = zip(*pairs, strict=True)
        return np.stack(images), np.stack(targets)

    def _chip(self, index: int, place: int, number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The chip of a number at a place in a batch."""
        settings, seed = (self._settings.augmentation, self._settings.seed) if self._settings else (AS_IS, 0)
        image, label = self._chips.read(number)
        random = np.random.default_rng((seed, self._epoch, index, place))
        return varied(image, self._outputs[label], self._fill, settings, random)


def output_table(scheme: ClassScheme) -> NDArray[np.uint8]:
    """(256,) the network's output number of each class value: 1 for the first class of the scheme, 0 for no class."""
    table = np.zeros(256, np.uint8)
    for number, value in enumerate(scheme.values, start=1):
        table[value] = number
    return table
