"""Batches of chips for the network, read from the stores as they are needed."""

import threading
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.chipstore import ChipStore
from landcover.scheme import ClassScheme


class Batches(keras.utils.PyDataset):
    """Chips of several stores in batches of (image, target), each chip once an epoch.

    image: (batch, size, size, bands) float32 grey values; target: (batch, size, size) uint8 output numbers, 0 for
    background. With `shuffle` the order is new each epoch; with `turns` a chip is turned and mirrored at random, with
    `jitter` its brightness and contrast vary by up to that share, each band by half of it. Seeded by epoch and batch.
    Pixels without data, 0 in all bands, become `fill`, a grey value a band, as they do when a map is made.
    """

    def __init__(
        self,
        stores: Sequence[ChipStore],
        scheme: ClassScheme,
        batch: int,
        fill: Sequence[float],
        shuffle: bool = False,
        turns: bool = False,
        jitter: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self._stores, self._batch, self._shuffle = tuple(stores), batch, shuffle
        self._turns, self._jitter, self._seed, self._epoch = turns, jitter, seed, 0
        self._places = np.array([(n, row) for n, store in enumerate(stores) for row in range(len(store))])
        self._outputs, self._fill = output_table(scheme), np.asarray(fill, np.float32)
        # the HDF5 library is not safe from several threads
        self._reading = threading.Lock()
        self._order = self._new_order()

    def _new_order(self) -> NDArray[np.int64]:
        number = len(self._places)
        return (
            np.random.default_rng((self._seed, self._epoch)).permutation(number) if self._shuffle else np.arange(number)
        )

    def __len__(self) -> int:
        return -(-len(self._places) // self._batch)

    @property
    def chips(self) -> int:
        return len(self._places)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._new_order()

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        random = np.random.default_rng((self._seed, self._epoch, index))
        images, targets = [], []
        for place in self._order[index * self._batch : (index + 1) * self._batch]:
            number, row = self._places[place]
            with self._reading:
                image, label = self._stores[number].image(row), self._stores[number].label(row)
            target = self._outputs[label]
            if self._turns:
                image, target = turn(image, target, random)
            pixels = jittered(image, self._jitter, random)
            pixels[~image.any(axis=-1)] = self._fill
            images.append(pixels)
            targets.append(target)
        return np.stack(images), np.stack(targets)


def output_table(scheme: ClassScheme) -> NDArray[np.uint8]:
    """(256,) the network's output number of each class value: 1 for the first class of the scheme, 0 for no class."""
    table = np.zeros(256, np.uint8)
    for number, value in enumerate(scheme.values, start=1):
        table[value] = number
    return table


def turn(
    image: NDArray[Any], target: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """One of the eight ways to lay a square, the same for image and target."""
    quarter, mirror = int(random.integers(4)), random.integers(2)
    image, target = np.rot90(image, quarter), np.rot90(target, quarter)
    return (image[:, ::-1], target[:, ::-1]) if mirror else (image, target)


def jittered(image: NDArray[Any], share: float, random: np.random.Generator) -> NDArray[np.float32]:
    """The image as another sensor on another day might have seen it; a share of 0 changes nothing."""
    pixels = image.astype(np.float32)
    if share == 0:
        return pixels
    bands = pixels.shape[-1]
    mean = pixels.mean(axis=(0, 1))
    contrast = 1 + random.uniform(-share, share)
    brightness = (1 + random.uniform(-share, share)) * (1 + random.uniform(-share / 2, share / 2, bands))
    return np.asarray((pixels - mean) * contrast + mean * brightness, np.float32)
