"""What an aerial image is before a pixel is read: one file, or a mosaic of many."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rasterio.io import DatasetReader

from landcover import vrt
from landcover.companions import companions_of_each, with_companions
from landcover.errors import ImageError
from landcover.grid import Grid
from landcover.imagereader import ImageReader
from landcover.raster import grid_of, has_mask, open_raster
from landcover.scene import MASK, ZEROS, Gaps, Layer, Scene, acquisition_date
from landcover.sources import is_remote
from landcover.store import state_of

IMAGE_TYPES = ("uint8", "uint16")
ASKED = 16
"""So many files of a mosaic are asked for at a time: servers take long to answer."""


def describe(path: str | Path, skip_bad: bool = False) -> Scene:
    """Open an image and read what it says of itself. Raises ImageError for one that cannot be mapped, and, unless
    `skip_bad`, for one that is cut short."""
    with open_raster(path) as dataset:
        if not skip_bad:
            check_whole(dataset, path)
        grid = grid_of(dataset)
        dtypes = set(dataset.dtypes)
        if len(dtypes) > 1 or dataset.dtypes[0] not in IMAGE_TYPES:
            raise ImageError(
                f"{path}: pixels are {' and '.join(sorted(dtypes))}; images must be {' or '.join(IMAGE_TYPES)}: "
                "rescale it first (gdal_translate -ot Byte -scale)"
            )
        gaps = gaps_of(dataset)
        return Scene(
            path=str(path),
            source=dataset.files[0] if dataset.files[0].startswith("/vsi") else str(Path(path).resolve()),
            files=tuple(dataset.files),
            grid=grid,
            bands=dataset.count,
            dtype=dataset.dtypes[0],
            nodata=gaps if isinstance(gaps, tuple) else None,
            masked=gaps == MASK,
            acquired=acquisition_date(Path(path).name),
        )


def check_whole(dataset: DatasetReader, path: str | Path) -> None:
    """Raise ImageError for a GeoTIFF whose blocks lie beyond its end, before hours are spent on the others."""
    if dataset.driver != "GTiff" or not Path(path).is_file():
        return
    size = Path(path).stat().st_size
    shared = dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    for band in (1,) if shared else dataset.indexes:
        for (row, column), window in dataset.block_windows(band):
            offset, length = (
                int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band) or 0)
                for what in ("OFFSET", "SIZE")
            )
            if offset + length > size:
                raise ImageError(
                    f"{path}: is cut short: the block at column {window.col_off}, row {window.row_off} ends at byte "
                    f"{offset + length:,}, the file at {size:,}: copy it again"
                )


def gaps_of(dataset: DatasetReader) -> Gaps:
    """How an open file marks pixels without data."""
    nodata = dataset.nodatavals
    if all(value is not None and value == value for value in nodata):
        return tuple(nodata)
    return MASK if has_mask(dataset) else ZEROS


@dataclass(frozen=True)
class Image:
    """What is known of an image before a pixel is read. `layers` from top to bottom; `behind`: the files that hold each
    of them, with those that belong to these; `index`: a mosaic's own file."""

    path: str
    grid: Grid
    bands: int
    dtype: str
    layers: tuple[Layer, ...]
    behind: tuple[tuple[str, ...], ...]
    index: str | None = None

    @property
    def files(self) -> list[str]:
        """The files that hold it."""
        found = {name for files in self.behind for name in files}
        return sorted(found if self.index is None else {*found, self.index})

    @contextmanager
    def open(self, skip_bad: bool = False) -> Iterator[ImageReader]:
        """A reader of this image. It belongs to one thread; there may be several."""
        reader = ImageReader(self, skip_bad)
        try:
            yield reader
        finally:
            reader.close()

    @property
    def remote(self) -> bool:
        """Whether any of it lies beyond a network."""
        return any(is_remote(layer.path) for layer in self.layers)

    def state(self) -> dict[str, tuple[int, int] | str | None]:
        """Size and time of change of each file, or what its server tells of it: what differs when an image was touched.
        None where that is not known."""
        files = self.files
        with ThreadPoolExecutor(ASKED) as threads:
            return dict(zip(files, threads.map(_stamp, files), strict=True))

    @property
    def known(self) -> bool:
        """Whether a change of any file would be seen."""
        return not any(map(is_remote, self.files)) or None not in self.state().values()

    def fingerprint(self) -> str:
        """Of the files and their state, and where the image lies."""
        place = [str(self.grid), *tuple(self.grid.transform)[:6]]
        text = json.dumps([self.path, place, [layer.record() for layer in self.layers], self.state()])
        return hashlib.sha256(text.encode()).hexdigest()


def _stamp(name: str) -> tuple[int, int] | str | None:
    if is_remote(name):
        return state_of(name)
    try:
        stat = Path(name).stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def find_image(path: str | Path, collar: bool = True, skip_bad: bool = False) -> Image:
    """An image file, or a mosaic that `landcover mosaic` wrote. Raises ImageError.

    No data is the declared value of each band, or where the file's mask says so, or, with neither and with `collar`,
    0 in all bands. `skip_bad` lets a file pass that is cut short. Images that a mosaic warps keep the collar.
    """
    if is_mosaic(path):
        return _find_mosaic(Path(path), collar)
    scene = describe(path, skip_bad)
    layers = _seen([scene.layer(scene.source, scene.grid.whole)], collar)
    behind = sorted({_resolved(name) for name in with_companions([scene.source, *scene.files])})
    return Image(_resolved(path), scene.grid, scene.bands, scene.dtype, layers, (tuple(behind),))


def _seen(layers: Sequence[Layer], collar: bool) -> tuple[Layer, ...]:
    return tuple(replace(layer, gaps=None) if layer.gaps == ZEROS and not collar else layer for layer in layers)


def _resolved(path: str | Path) -> str:
    return str(path) if is_remote(str(path)) else str(Path(path).resolve())


def is_mosaic(path: str | Path) -> bool:
    """Whether this is a mosaic that `landcover mosaic` wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            return vrt.MARK in file.read(4096)
    except (OSError, UnicodeDecodeError):
        return False


def _find_mosaic(path: Path, collar: bool) -> Image:
    with open_raster(path) as dataset:
        listed = dataset.tags().get(vrt.LAYERS)
        if listed is None:
            raise ImageError(f"{path}: was written by another version: run `landcover mosaic --overwrite`")
        told = [Layer.from_record(record) for record in json.loads(listed)]
        # the images are told from where the mosaic lies, whatever links lead there
        folder = path.resolve().parent
        layers = [layer.below(folder) for layer in told]
        shown, sources = (companions_of_each(names) for names in ([a.path for a in layers], [a.source for a in layers]))
        behind = tuple(
            tuple(sorted({_resolved(name) for name in (*one, *two)})) for one, two in zip(shown, sources, strict=True)
        )
        own = _resolved(path)
        return Image(own, grid_of(dataset), dataset.count, dataset.dtypes[0], _seen(layers, collar), behind, own)
