"""The HDF5 files of chips: one a class and side of the split, one chip a chunk."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py._objects import phil
from numpy.typing import NDArray
from pydantic import TypeAdapter

from landcover.errors import LabelError, LandcoverError
from landcover.files import whole_file
from landcover.scheme import ClassScheme, NamedClass

SUFFIX = ".h5"
Scheme = TypeAdapter(tuple[NamedClass, ...])

# HDF5 bears one thread at a time. h5py's lock, `phil`, sees to it, but not where chunks are read as they are stored
# (up to h5py 3.15: its pull request 2764) and not in texts (its issue 2920): there it is taken here.


@dataclass(frozen=True)
class Chip:
    """image (size, size, bands); label (size, size) uint8 class values; window on the mosaic: column, row, width,
    height; source: the chip's file name, and what was done to it."""

    image: NDArray[Any]
    label: NDArray[np.uint8]
    window: tuple[int, int, int, int]
    source: str


@dataclass(frozen=True)
class StoreInfo:
    """What a chip store says of itself: `pixel_size` (x, y) in metres on the ground; `split` the method, blocks or
    random; `split_key` the same in all stores of one split, and in no others."""

    scheme: tuple[NamedClass, ...]
    size: int
    bands: int
    dtype: str
    pixel_size: tuple[float, float]
    split: str
    split_key: str

    @property
    def chip_bytes(self) -> int:
        """What a chip takes up at most: compression of its label only makes it less."""
        return self.size**2 * (self.bands * np.dtype(self.dtype).itemsize + 1) + 4096


class ChipWriter:
    """Appends chips to an open store, one at a time."""

    def __init__(self, file: h5py.File, info: StoreInfo) -> None:
        n, shape = info.size, (info.size, info.size, info.bands)
        # images hardly get smaller, and unpacking them takes longer than all else that is done to a chip
        file.create_dataset("image", (0, *shape), info.dtype, maxshape=(None, *shape), chunks=(1, *shape))
        file.create_dataset(
            "label", (0, n, n), "uint8", maxshape=(None, n, n), chunks=(1, n, n), compression="gzip", compression_opts=1
        )
        file.create_dataset("window", (0, 4), "int64", maxshape=(None, 4))
        file.create_dataset("source", (0,), h5py.string_dtype(), maxshape=(None,))
        file.attrs["scheme"] = Scheme.dump_json(info.scheme).decode()
        file.attrs["pixel_size"] = info.pixel_size
        file.attrs["split"] = info.split
        file.attrs["split_key"] = info.split_key
        self._file = file

    def append(self, chip: Chip) -> None:
        with phil:
            row = self._file["image"].shape[0]
            for name, value in (
                ("image", chip.image), ("label", chip.label), ("window", chip.window), ("source", chip.source)
            ):  # fmt: skip
                self._file[name].resize(row + 1, axis=0)
                self._file[name][row] = value


@contextmanager
def create_store(path: Path, info: StoreInfo) -> Iterator[ChipWriter]:
    """A new store, whole or not there."""
    with whole_file(path) as temporary, h5py.File(temporary, "w") as file:
        yield ChipWriter(file, info)


class ChipStore:
    """A store opened for reading. Raises LandcoverError for a file that is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
            self._image, self._label = self._file["image"], self._file["label"]
            attrs = self._file.attrs
            self.info = StoreInfo(
                scheme=Scheme.validate_json(attrs["scheme"]),
                size=self._image.shape[1],
                bands=self._image.shape[3],
                dtype=str(self._image.dtype),
                pixel_size=(float(attrs["pixel_size"][0]), float(attrs["pixel_size"][1])),
                split=str(attrs["split"]),
                split_key=str(attrs["split_key"]),
            )
        except (OSError, KeyError, ValueError) as error:
            raise LandcoverError(f"{path}: is no chip store ({error}): run `landcover stack --overwrite`") from None

    def __len__(self) -> int:
        return int(self._image.shape[0])

    def image(self, row: int) -> NDArray[Any]:
        """(size, size, bands)."""
        return self._read(self._image, row)

    def label(self, row: int) -> NDArray[np.uint8]:
        """(size, size), class values."""
        return self._read(self._label, row)

    def _read(self, dataset: h5py.Dataset, row: int) -> NDArray[Any]:
        """Safe from several threads, which unpack side by side: only the reading itself waits for its turn."""
        try:
            with phil:
                skipped, packed = dataset.id.read_direct_chunk((row, *(0,) * (dataset.ndim - 1)))
            pixels = packed if skipped or dataset.compression is None else zlib.decompress(packed)
            return np.frombuffer(pixels, dataset.dtype).reshape(dataset.shape[1:])
        except (OSError, RuntimeError, ValueError, zlib.error) as error:
            raise LandcoverError(
                f"{self.path}: chip {row} cannot be read ({error}): run `landcover prepare --overwrite`"
            ) from None

    @property
    def windows(self) -> NDArray[np.int64]:
        """(n, 4) column, row, width and height of each chip on the mosaic."""
        with phil:
            return np.asarray(self._file["window"][:], np.int64)

    @property
    def sources(self) -> list[str]:
        """Of each chip, as `source`."""
        with phil:
            return [str(source) for source in self._file["source"].asstr()[:]]

    def source(self, row: int) -> str:
        """The chip's file name, and what was done to it."""
        with phil:
            return str(self._file["source"].asstr()[row])

    def chip(self, row: int) -> Chip:
        with phil:
            column, top, width, height = self._file["window"][row].tolist()
        return Chip(self.image(row), self.label(row), (column, top, width, height), self.source(row))

    def close(self) -> None:
        self._file.close()


def _unlike(store: ChipStore, first: ChipStore) -> str:
    pairs = {
        field.name: (getattr(store.info, field.name), getattr(first.info, field.name)) for field in fields(StoreInfo)
    }
    name, (one, other) = next((name, pair) for name, pair in pairs.items() if pair[0] != pair[1])
    return (
        f"{store.path}: its chips have a {name.replace('_', ' ')} of {one}, those of {first.path.name} {other}: run "
        "`landcover prepare --overwrite`"
    )


def open_stores(folder: Path, scheme: ClassScheme) -> list[ChipStore]:
    """The stores in a folder, by name; none if the folder is not there.

    Raises LabelError for one that was made with another scheme, size, band count or type than the first.
    """
    stores = [ChipStore(path) for path in sorted(folder.glob(f"*{SUFFIX}")) if not path.name.startswith(".")]
    for store in stores:
        if store.info.scheme != scheme.named:
            raise LabelError(f"{store.path}: was made with another scheme: run `landcover prepare --overwrite`")
        if store.info != stores[0].info:
            raise LabelError(_unlike(store, stores[0]))
    return stores
