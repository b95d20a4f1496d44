"""The chips that a training learns from and is checked by, and the proof that the two share no ground."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.chipstore import ChipStore, StoreInfo, open_stores
from landcover.errors import LabelError
from landcover.scheme import ClassScheme
from landcover.settings import Paths
from landcover.splitreport import SplitReport, read_report, shared_pixels, split_key
from landcover.train.sampling import Balance, epoch_counts


@dataclass(frozen=True)
class ChipSet:
    """Chips of several stores. `places` (n, 2): the store and the row in it of each chip."""

    stores: tuple[ChipStore, ...]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, stores: Sequence[ChipStore]) -> "ChipSet":
        """All chips of some stores."""
        rows = [np.stack([np.full(len(s), n), np.arange(len(s))], axis=1) for n, s in enumerate(stores)]
        return cls(tuple(stores), np.concatenate([np.empty((0, 2), np.int64), *rows]))

    def __len__(self) -> int:
        return len(self.places)

    def read(self, number: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Image (size, size, bands) and label (size, size) of a chip."""
        store, row = self.places[number]
        return self.stores[store].image(row), self.stores[store].label(row)

    def label(self, number: int) -> NDArray[np.uint8]:
        """(size, size), class values."""
        store, row = self.places[number]
        return self.stores[store].label(row)

    def name(self, number: int) -> str:
        """Where a chip is, for messages."""
        store, row = self.places[number]
        return f"{self.stores[store].path.name}[{row}] ({self.stores[store].source(row)})"

    @property
    def corners(self) -> NDArray[np.int64]:
        """(n, 2) column and row of each chip on the mosaic."""
        windows = [store.windows[:, :2] for store in self.stores]
        return np.array([windows[store][row] for store, row in self.places], np.int64).reshape(-1, 2)

    @property
    def sources(self) -> list[str]:
        """Of each chip, its file and what was done to it."""
        listed = [store.sources for store in self.stores]
        return [listed[store][row] for store, row in self.places]

    def by_class(self) -> list[NDArray[np.int64]]:
        """The numbers of the chips of each class, copies beside their originals."""
        names = np.array([store.path.stem for store in self.stores])[self.places[:, 0]]
        return [np.flatnonzero(names == name) for name in np.unique(names)]

    def part(self, chosen: NDArray[np.bool_]) -> "ChipSet":
        """The chips chosen by a mask (n,)."""
        return ChipSet(self.stores, self.places[chosen])

    def __add__(self, other: "ChipSet") -> "ChipSet":
        shifted = other.places + np.array([len(self.stores), 0])
        return ChipSet(self.stores + other.stores, np.concatenate([self.places, shifted]))


@dataclass(frozen=True)
class Chips:
    """What there is to train on: chips of each side; `copies`, changed ones of training chips; `slack` as in
    `SplitReport`, `overlap` as in its `Side`, of the training chips."""

    train: ChipSet
    copies: ChipSet
    validation: ChipSet
    info: StoreInfo
    slack: int = 0
    overlap: float | None = None

    @property
    def key(self) -> str:
        """The same for the same chips on the same sides: by where they lie, what was done to them, and the pixels of
        every eighth."""
        sides = (self.train, self.copies, self.validation)
        tables: list[NDArray[Any]] = [np.frombuffer(self.info.split_key.encode(), np.uint8)]
        for side in sides:
            tables += [side.places, np.frombuffer("".join(side.sources).encode(), np.uint8)]
            tables += [np.array([zlib.crc32(side.read(n)[0].tobytes()) for n in range(0, len(side), 8)])]
        return split_key(tables)

    def close(self) -> None:
        for store in (*self.train.stores, *self.copies.stores, *self.validation.stores):
            store.close()


@dataclass(frozen=True)
class Statistics:
    """Of the training chips: mean and deviation of each band where there is data, labelled pixels of each class, and
    what share of the data they are; and of each class the labelled pixels of the chips that an epoch shows, with copies
    and by the balance asked for, a chip on average."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    pixels: NDArray[np.int64]
    covered: float
    shown: NDArray[np.float64]


def open_chips(paths: Paths, scheme: ClassScheme) -> Chips:
    """Raises LabelError where a side is empty, stores are of different chips, or the two sides share a pixel though
    the split is one by place."""
    train, validation = open_stores(paths.train, scheme), open_stores(paths.validation, scheme)
    for folder, stores in ((paths.train, train), (paths.validation, validation)):
        if not any(map(len, stores)):
            raise LabelError(
                f"{folder}: holds no chips: run `landcover prepare`; if it left none for this side, label more "
                "places, or lower chips.size or split.block"
            )
    copies = open_stores(paths.augmented, scheme)
    for store in (*train, *copies, *validation):
        if store.info != train[0].info:
            raise LabelError(
                f"{store.path}: is not of the same chips as {train[0].path}: run `landcover prepare` again"
            )
    report = read_report(paths.stacks)
    learnt, held = ChipSet.of(train), ChipSet.of(validation)
    chips = Chips(learnt, ChipSet.of(copies), held, train[0].info, report.slack, report.train.overlap)
    _check_split(paths, chips, report)
    return chips


def _check_split(paths: Paths, chips: Chips, report: SplitReport) -> None:
    """What the report says is not taken on trust: the chips are laid on the ground again."""
    again = "run `landcover prepare --overwrite`"
    if (report.key, report.method) != (chips.info.split_key, chips.info.split):
        raise LabelError(f"{paths.stacks}: its report on the split is not of these chips: {again}")
    told, there = (report.train.chips, report.validation.chips), (len(chips.train), len(chips.validation))
    if told != there:
        raise LabelError(f"{paths.stacks}: its report tells of {told} chips a side, there are {there}: {again}")
    held = chips.validation.corners
    shared = shared_pixels(chips.train.corners, held, chips.info.size)
    if chips.info.split != "random":
        shared += shared_pixels(chips.copies.corners, held, chips.info.size)
    if shared != report.shared_pixels or (shared and chips.info.split != "random"):
        raise LabelError(
            f"{paths.stacks}: training and validation chips share {shared:,} pixels, the report on the split says "
            f"{report.shared_pixels:,}: {again}"
        )


def statistics(
    chips: ChipSet, copies: ChipSet, scheme: ClassScheme, balance: Balance = "none", number: int | None = None
) -> Statistics:
    """One pass over the training chips, one over the labels of their copies. Pixels with all bands 0 are no data.
    `number`: chips of an epoch, if not all."""
    bands = chips.stores[0].info.bands
    data, total, squares = 0, np.zeros(bands), np.zeros(bands)
    for index in range(len(chips)):
        image, _ = chips.read(index)
        data += int(image.any(axis=-1).sum())
        total += image.sum(axis=(0, 1), dtype=np.float64)
        squares += (image.astype(np.float64) ** 2).sum(axis=(0, 1))
    mean = total / max(data, 1)
    deviation = np.sqrt(np.maximum(squares / max(data, 1) - mean**2, 1.0))
    every = chips + copies
    pixels = label_pixels(every, scheme)
    groups = every.by_class()
    drawn = epoch_counts(np.array([len(group) for group in groups]), number or len(every), balance)
    shown = sum(count * pixels[group].mean(axis=0) for count, group in zip(drawn, groups, strict=True)) / drawn.sum()
    own = pixels[: len(chips)].sum(axis=0)
    covered = float(own.sum() / max(data, 1))
    return Statistics(tuple(mean.tolist()), tuple(deviation.tolist()), own, covered, np.asarray(shown, np.float64))


def label_pixels(chips: ChipSet, scheme: ClassScheme) -> NDArray[np.int64]:
    """(chips, classes) labelled pixels of each class."""
    counts = [np.bincount(chips.label(number).ravel(), minlength=256) for number in range(len(chips))]
    return np.array(counts, np.int64).reshape(-1, 256)[:, list(scheme.values)]
