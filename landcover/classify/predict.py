"""A map of a whole image: read, computed and written at the same time, tile by tile, without seams."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import rasterio

from landcover import __version__
from landcover.classify.area import read_area
from landcover.classify.compute import Job, Timing, compute
from landcover.classify.journal import Journal, open_journal
from landcover.classify.mapper import Mapper
from landcover.classify.suitable import check_image
from landcover.classify.tiles import Tiling, choose_tiling
from landcover.config import ClassifySettings
from landcover.errors import ImageError, Interrupted, LandcoverError
from landcover.files import check_free, check_space
from landcover.image import Image, find_image
from landcover.precision import Format
from landcover.progress import Progress, silent
from landcover.raster import MODEL_TAG, class_raster, open_raster, percent_raster

CACHE = 128 * 2**20
"""Bytes of decoded blocks that GDAL keeps."""

MAP_BYTES, CONFIDENCE_BYTES = 0.25, 1.0
"""Room on disk a pixel, for the map and for its confidence, while they are made: three times what real ones took."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classified:
    """What `classify` made: the map, how many pixels of each class name, and how: the precision and the tiling used;
    `unreadable` cells of the image that were mapped as no data; where the time went."""

    path: Path
    confidence: Path | None
    pixels: dict[str, int]
    precision: Format
    tiling: Tiling
    unreadable: int = 0
    timing: Timing = field(default_factory=Timing, compare=False)


def classify_image(
    path: str | Path,
    settings: ClassifySettings,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    mapper: Mapper | None = None,
) -> Classified:
    """Map an image, or a mosaic, to a Cloud Optimized GeoTIFF of class values; 0 where the image has no data.

    In float32 the map is the same whatever the tiling. A run that was cut off is taken up where it stopped. `mapper`:
    the model of the settings, if it is at hand already. Raises ImageError, ModelError, ConfigError, OutputExists.
    """
    check_free(out, overwrite)
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise ImageError(f"{out}: a map is a GeoTIFF: name it .tif")
    if out.is_dir() or out.resolve() == Path(path).resolve():
        raise ImageError(f"{out}: the map needs a file of its own: name one with -o")
    mapper = mapper or Mapper(settings)
    with rasterio.Env(GDAL_CACHEMAX=CACHE):
        image = find_image(path, settings.collar, settings.skip_bad)
        state = image.state()
        with image.open(settings.skip_bad) as reader:
            check_image(mapper.card, image, reader)
        area = read_area(settings.aoi, image.grid) if settings.aoi else None
        tiling = choose_tiling(
            *image.grid.shape, mapper.halo, mapper.card.multiple, mapper.bytes_a_pixel, settings.memory,
            None if settings.tile == "auto" else settings.tile, None if settings.batch == "auto" else settings.batch,
        )  # fmt: skip
        size = image.grid.height * image.grid.width
        check_space(out, int(size * (MAP_BYTES + CONFIDENCE_BYTES * settings.confidence)))
        with open_journal(out) as journal:
            _begin(journal, out, _key(image, state, mapper, settings, tiling))
            precision: Format = "float32" if journal.note("precision", mapper.precision) == "float32" else "bfloat16"
            job = Job(image, mapper, tiling, precision, area, settings.skip_bad)
            with _resumable(out, journal, tiling.number(*image.grid.shape)):
                timing = compute(job, journal, progress)
                if image.state() != state:
                    raise ImageError(f"{path}: has changed while it was read: give the command again when it is whole")
                started = time.perf_counter()
                pixels = _assemble(job, journal, out, settings)
                timing.finish = time.perf_counter() - started
            unreadable = journal.unreadable()
            journal.remove()
    if unreadable:
        log.warning(
            "Note: %s: %d cells could not be read and are mapped as no data, the first at column %d, row %d of %s",
            path, len(unreadable), unreadable[0][1], unreadable[0][2], unreadable[0][0],
        )  # fmt: skip
    names = {c.name: pixels[c.value] for c in mapper.card.scheme}
    confidence = confidence_path(out) if settings.confidence else None
    return Classified(out, confidence, names, precision, tiling, len(unreadable), timing)


def confidence_path(map_path: Path) -> Path:
    """Where the confidence of a map goes: beside it."""
    return map_path.with_name(f"{map_path.stem}_confidence.tif")


def is_current(out: Path, image: str | Path, settings: ClassifySettings, mapper: Mapper) -> bool:
    """Whether a map is there that was made after the last change of its image, with this model and these options."""
    try:
        if Path(image).exists() and Path(image).stat().st_mtime > out.stat().st_mtime:
            return False
        with open_raster(out) as dataset:
            return _tags(settings, mapper).items() <= dataset.tags().items()
    except (OSError, ImageError):
        return False


def _tags(settings: ClassifySettings, mapper: Mapper) -> dict[str, str]:
    """What a map says of its making: nothing that differs from one run to the next."""
    options = settings.model_dump(mode="json", exclude={"model", "tile", "batch", "memory", "aoi"})
    aoi = hashlib.sha256(settings.aoi.read_bytes()).hexdigest() if settings.aoi else None
    return {
        "LANDCOVER_VERSION": __version__,
        MODEL_TAG: mapper.digest,
        "LANDCOVER_OPTIONS": json.dumps(options | {"aoi_sha256": aoi}, sort_keys=True),
    }


def _key(image: Image, state: object, mapper: Mapper, settings: ClassifySettings, tiling: Tiling) -> dict[str, Any]:
    """What a map depends on, in the words of a message."""
    aoi = settings.aoi
    return {
        "image": [str(Path(image.path).resolve()), str(image.grid), state],
        "model": mapper.digest,
        "options": settings.model_dump(mode="json", exclude={"model", "memory", "aoi"}) | {"halo": mapper.halo},
        "tiling": [tiling.rows, tiling.columns, tiling.batch],
        "area of interest": None if aoi is None else [str(aoi.resolve()), aoi.stat().st_size, aoi.stat().st_mtime_ns],
        "version": [__version__, keras.__version__, keras.backend.backend()],
    }


def _begin(journal: Journal, out: Path, key: dict[str, Any]) -> None:
    changed = journal.begin(key)
    if changed:
        log.warning("Note: %s: begun before with another %s: starting afresh", out, " and ".join(changed))
    elif changed is not None and (done := len(journal.done())):
        log.info("%s: going on with a run that was cut off, %d tiles are done", out, done)


@contextmanager
def _resumable(out: Path, journal: Journal, tiles: int) -> Iterator[None]:
    """Say, when something stops the work, that it can be taken up."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"{out}: {len(journal.done()):,} of {tiles:,} tiles are done and kept: the same command goes on from there"
        ) from None
    except ImageError:
        raise
    except LandcoverError as error:
        raise LandcoverError(f"{error} What is done is kept: the same command goes on from there") from None


def _assemble(job: Job, journal: Journal, out: Path, settings: ClassifySettings) -> dict[int, int]:
    """Make the GeoTIFFs of the tiles in a journal; pixels by class value. Raises ImageError if there are none."""
    done = journal.done()
    tags = _tags(settings, job.mapper) | {"LANDCOVER_PRECISION": job.precision}
    grid = job.image.grid
    with ExitStack() as stack:
        # the map gets its name last: where it is, all of it is
        targets = [stack.enter_context(class_raster(out, grid, job.mapper.card.scheme, tags, cog=True))]
        if settings.confidence:
            targets.append(stack.enter_context(percent_raster(confidence_path(out), grid, tags)))
        for tile in job.tiles():
            layers = journal.read(tile.index, (tile.centre.height, tile.centre.width)) if tile.index in done else None
            for target, layer in zip(targets, layers or (), strict=False):
                target.write(layer, tile.centre)
        if not targets[0].total:
            raise ImageError(f"{job.image.path}: has no pixel with data to map")
        return targets[0].pixels
