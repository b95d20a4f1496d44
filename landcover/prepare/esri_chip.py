"""One chip that ArcGIS exported: its pixels, its place, and what the codes of its label stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.errors import ImageError, LabelError
from landcover.image import IMAGE_TYPES, check_whole, gaps_of
from landcover.imagereader import read_data
from landcover.prepare.esri_export import Export
from landcover.raster import open_raster, read_window
from landcover.remap import NODATA, Remap, code_of
from landcover.scheme import BACKGROUND

MISPLACED = 0.5
"""Pixels that a label may be apart from its image at most."""

STRAIGHT = 1e-6
"""An axis that leaves its direction by no more than this share of a pixel a pixel is not turned."""


@dataclass(frozen=True)
class Place:
    """Where a chip lies: no CRS where it does not tell."""

    crs: CRS | None
    transform: Affine

    @property
    def known(self) -> bool:
        return self.crs is not None and not self.transform.is_identity

    @property
    def lack(self) -> str:
        """What keeps the place from being known."""
        return "it has no CRS" if self.crs is None else "it has no coordinates"

    @property
    def upright(self) -> bool:
        """Whether north is up: ArcGIS also exports turned copies of chips, if asked for."""
        t = self.transform
        skew = STRAIGHT * max(abs(t.a), abs(t.e))
        return abs(t.b) <= skew and abs(t.d) <= skew and t.a > 0 > t.e

    @property
    def pixel_size(self) -> tuple[float, float]:
        """(x, y) in units of the CRS, of a turned chip too."""
        t = self.transform
        return float(np.hypot(t.a, t.d)), float(np.hypot(t.b, t.e))


@dataclass(frozen=True)
class EsriChip:
    """image (rows, columns, bands), 0 where it has no data; valid (rows, columns); codes (rows, columns) of the label,
    and which of them the label calls no data."""

    path: str
    image: NDArray[Any]
    valid: NDArray[np.bool_]
    codes: NDArray[Any]
    nodata: float | None
    place: Place


def read_chip(export: Export, pair: tuple[str, str]) -> EsriChip:
    """Raises ImageError or LabelError for files that are no image and label of one chip, or are cut short."""
    image_path, label_path = (export.folder / name for name in pair)
    with open_raster(image_path) as image, open_raster(label_path) as label:
        check_whole(image, image_path)
        check_whole(label, label_path)
        if len(set(image.dtypes)) > 1 or image.dtypes[0] not in IMAGE_TYPES:
            raise ImageError(f"{image_path}: pixels are {image.dtypes[0]}; images must be {' or '.join(IMAGE_TYPES)}")
        if image.height != image.width:
            raise ImageError(f"{image_path}: is {image.width} x {image.height} px; chips must be square")
        _check_label(label, image)
        whole = Window(0, 0, image.width, image.height)
        values, valid = read_data(image, gaps_of(image), whole)
        codes = read_window(label, whole, band=1)
        crs = None if export.pixel_space else image.crs or export.crs
        pixels = np.where(valid, values, 0).astype(values.dtype)
        return EsriChip(
            str(image_path), np.moveaxis(pixels, 0, -1), valid, codes, label.nodata, Place(crs, image.transform)
        )


def _check_label(label: DatasetReader, image: DatasetReader) -> None:
    kind = label.dtypes[0]
    if label.count != 1 or not np.issubdtype(np.dtype(kind), np.integer):
        raise LabelError(f"{label.name}: has {label.count} bands of {kind}; a label is one band of whole numbers")
    if label.driver == "JPEG" or "JPEG" in label.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", ""):
        raise LabelError(f"{label.name}: is JPEG, which does not keep class values: export chips as TIFF")
    if label.shape != image.shape:
        sizes = f"{label.width} x {label.height} px, its image {image.width} x {image.height}"
        raise LabelError(f"{label.name}: is {sizes}: export again")
    told = not (label.transform.is_identity or image.transform.is_identity)
    column, row = ~image.transform @ (label.transform.c, label.transform.f)
    if told and max(abs(column), abs(row)) > MISPLACED:
        raise LabelError(f"{label.name}: lies elsewhere than its image: export again")


@dataclass(frozen=True)
class Look:
    """What the first look at a chip gives: its kind, its place, the pixels of each code in all and where the image has
    data, and how many have data."""

    path: str
    size: int
    bands: int
    dtype: str
    place: Place
    codes: Mapping[tuple[int, bool], tuple[int, int]]
    filled: int

    @property
    def kind(self) -> str:
        """What all chips must have in common."""
        return f"{self.size} x {self.size} px, {self.bands} bands of {self.dtype}"


def look_at(export: Export, pair: tuple[str, str]) -> Look:
    """Raises ImageError, LabelError."""
    chip = read_chip(export, pair)
    found, position, number = np.unique(chip.codes, return_inverse=True, return_counts=True)
    shown = np.bincount(position.reshape(chip.codes.shape)[chip.valid], minlength=len(found))
    codes = {
        (value, value == chip.nodata): (n, there)
        for value, n, there in zip(found.tolist(), number.tolist(), shown.tolist(), strict=True)
    }
    size, _, bands = chip.image.shape
    return Look(chip.path, size, bands, chip.image.dtype.name, chip.place, codes, int(chip.valid.sum()))


@dataclass(frozen=True)
class Codes:
    """What the label codes of one exported folder stand for.

    The table of labels.reclassify decides, by value, then by the class name that the folder gives the value; then that
    name, if the scheme has it. A value that stands there without a name counts by itself, and so do all where no
    classes are listed. 0 and no data say nothing, unless the table or the name says otherwise.
    """

    names: Mapping[int, str]
    remap: Remap
    _known: dict[tuple[int, bool], int | None] = field(default_factory=dict)

    def value(self, code: int, nodata: bool) -> int | None:
        """The class value of a code, 0 for unlabelled, None for one that nobody knows."""
        if (code, nodata) not in self._known:
            self._known[code, nodata] = self._value(code, nodata)
        return self._known[code, nodata]

    def _value(self, code: int, nodata: bool) -> int | None:
        told = self.remap.told(code)
        if told is not None:
            return told
        name = code_of(self.names.get(code) or None)
        by_name = self.remap(name) if isinstance(name, str) and name != NODATA else None
        if by_name is not None:
            return by_name
        if nodata:
            return self.remap.told(NODATA) or BACKGROUND
        if code == BACKGROUND:
            return BACKGROUND
        alone = not self.names or (code in self.names and (isinstance(name, int) or name == NODATA))
        return self.remap(code) if alone else None

    def told(self, code: int) -> str:
        """A code as messages name it."""
        name = self.names.get(code, "" if not self.names else "which its classes do not list")
        return f"{code} {name}" if name and name != str(code) else str(code)

    def classes(self, chip: EsriChip) -> NDArray[np.uint8]:
        """(rows, columns) class values of a chip, 0 also where the image has no data."""
        found, position = np.unique(chip.codes, return_inverse=True)
        table = [self.value(code, code == chip.nodata) or BACKGROUND for code in found.tolist()]
        values = np.array(table, np.uint8)[position.reshape(chip.codes.shape)]
        return np.where(chip.valid, values, BACKGROUND).astype(np.uint8)
