"""A map of a whole image: read, computed and written at the same time, tile by tile, without seams."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landcover import __version__
from landcover.classify.area import read_area
from landcover.classify.blend import compute_blended
from landcover.classify.compute import Job, Timing, compute
from landcover.classify.journal import Journal, journal_path, open_journal
from landcover.classify.mapper import Mapper, open_mapper
from landcover.classify.seams import Borders, Seams
from landcover.classify.suitable import check_image
from landcover.classify.tiles import Tiling
from landcover.classraster import (
    MODEL_TAG,
    OPTIONS_TAG,
    PRECISION_TAG,
    VERSION_TAG,
    confidence_path,
    is_confidence,
    map_rasters,
)
from landcover.errors import ImageError, Interrupted, LandcoverError, NoData
from landcover.files import check_free, check_space
from landcover.image import Image, find_image
from landcover.imagereader import CELL
from landcover.precision import Format
from landcover.progress import Progress, silent
from landcover.provenance import Recorder, as_tag, record_path
from landcover.raster import bounded_cache, open_raster
from landcover.scheme import IMAGE_PATH_TAG, IMAGE_TAG
from landcover.settings import ClassifySettings
from landcover.sourcecode import code_digest

MAP_BYTES, CONFIDENCE_BYTES = 0.25, 1.8
"""Room on disk a pixel, for the map and for its confidence, while they are made: tiles that are done, the working copy
and the GeoTIFF. On real images the three took 0.1 together for a map, and each about 0.5 for its confidence."""

UNREADABLE_TAG = "LANDCOVER_UNREADABLE_CELLS"
"""Metadata item of a map of a damaged image: how many cells of it were mapped as no data."""

UNREADABLE_AT_TAG = "LANDCOVER_UNREADABLE_AT"
"""And which: the columns and rows of their corners, by file."""

GOES_ON = " (what is done is kept: the same command goes on from there)"
"""What is said after a mistake where it is so."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classified:
    """What `classify` made: the map, how many pixels of each class name, and how: the precision and the tiling used;
    `unreadable` cells of the image that were mapped as no data; of a blended map, whether the `borders` of tiles show;
    where the time went."""

    path: Path
    confidence: Path | None
    pixels: dict[str, int]
    precision: Format
    tiling: Tiling
    unreadable: int = 0
    borders: Borders | None = None
    timing: Timing = field(default_factory=Timing, compare=False)


def classify_image(
    path: str | Path | Image,
    settings: ClassifySettings,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    mapper: Mapper | None = None,
    recorder: Recorder | None = None,
    marks: Mapping[str, str] | None = None,
) -> Classified:
    """Map an image, or a mosaic, to a Cloud Optimized GeoTIFF of class values; 0 where the image has no data.

    In float32 the map is the same whatever the tiling, but of a network without a receptive field, whose tiles are
    blended. A run that was cut off is taken up where it stopped. `mapper`:
    the model of the settings, if it is at hand already; `recorder`: writes the record, but of a damaged image, so that
    it is looked at again; `marks`: more metadata items of the map. Raises ImageError, NoData, ModelError, ConfigError,
    OutputExists.
    """
    began = time.monotonic()
    mapper = mapper or open_mapper(settings)
    with bounded_cache():
        image = path if isinstance(path, Image) else find_image(path, settings.collar, settings.skip_bad)
        path = image.path if isinstance(path, Image) else path
        _check_out(out, image, settings, overwrite)
        fingerprint = image.fingerprint()
        with image.open(settings.skip_bad) as reader:
            sample = check_image(mapper.card, image, reader)
        area = read_area(settings.aoi, image.grid) if settings.aoi else None
        tiling = mapper.tiling(*image.grid.shape)
        with open_journal(out) as journal:
            _begin(journal, out, _key([fingerprint, sample], mapper, settings, tiling), settings.skip_bad)
            with _resumable(out, journal):
                job = Job(image, mapper, tiling, _precision(journal, mapper), area, settings.skip_bad)
                _check_room(out, job, journal, settings)
                timing = (compute_blended if tiling.blended else compute)(job, journal, progress)
                same, filled = image.fingerprint() == fingerprint, journal.filled()
                if same and filled:
                    started = time.perf_counter()
                    pixels, seams = _assemble(job, journal, out, settings, fingerprint, recorder, marks or {})
                    timing.finish = time.perf_counter() - started
            unreadable = journal.unreadable()
            if same and filled and recorder:
                _record(recorder, out, time.monotonic() - began, bool(unreadable), mapper.heeded)
            # the last: while it is there, the map is not taken for finished
            journal.remove()
        if not same:
            raise ImageError(f"{path}: has changed while it was read: give the command again when it is whole")
        if not filled:
            raise NoData(f"{path}: has no pixel with data to map", unreadable)
    if unreadable:
        log.warning(
            "Note: %s: %d cells of %d x %d px could not be read and count as no data, the first at column %d, row %d "
            "of %s", path, len(unreadable), CELL, CELL, unreadable[0][1], unreadable[0][2], unreadable[0][0],
        )  # fmt: skip
    names = {c.name: pixels[c.value] for c in mapper.card.scheme}
    confidence = confidence_path(out) if settings.confidence else None
    borders = seams.borders if tiling.blended else None
    return Classified(out, confidence, names, job.precision, tiling, len(unreadable), borders, timing)


def _check_out(out: Path, image: Image, settings: ClassifySettings, overwrite: bool) -> None:
    """Raise if the map cannot have this name."""
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise ImageError(f"{out}: a map is a GeoTIFF: name it .tif")
    if out.is_dir() or str(out.resolve()) in (image.path, *image.files):
        raise ImageError(f"{out}: the map needs a file of its own: name one with -o")
    check_free(out, overwrite)
    if settings.confidence:
        beside = confidence_path(out)
        # a run that is cut off while it names its files names the map last
        check_free(beside, overwrite or (journal_path(out).exists() and is_confidence(beside)))


def _check_room(out: Path, job: Job, journal: Journal, settings: ClassifySettings) -> None:
    """Raise LandcoverError if the disk has too little room for what is left to do."""
    pixels = sum(tile.centre.height * tile.centre.width for tile in job.tiles())
    check_space(out, int(pixels * (MAP_BYTES + CONFIDENCE_BYTES * settings.confidence)) - journal.size())


def _precision(journal: Journal, mapper: Mapper) -> Format:
    """That of the tiles that are done, else the mapper's."""
    chosen = journal.noted("precision") or mapper.settled or mapper.precision
    journal.note("precision", chosen)
    return "bfloat16" if chosen == "bfloat16" else "float32"


def is_current(out: Path, path: str, settings: ClassifySettings, mapper: Mapper) -> bool:
    """Whether a map is there that was made of the image as it is now, with this model and these options."""
    if not out.exists() or (settings.confidence and not confidence_path(out).exists()):
        return False
    try:
        image = find_image(path, settings.collar, settings.skip_bad)
        with open_raster(out) as dataset:
            tags = dataset.tags()
        if UNREADABLE_TAG in tags and not settings.skip_bad:
            return False
        return (told_of(settings, mapper) | {IMAGE_TAG: image.fingerprint()}).items() <= tags.items()
    except ImageError:
        return False


def told_of(settings: ClassifySettings, mapper: Mapper) -> dict[str, str]:
    """What a map says of its making: nothing that differs from one run to the next."""
    named = {"collar", "confidence", "halo", "precision"} | ({"tile"} if mapper.card.blended else set())
    options = settings.model_dump(mode="json", include=named)
    options |= {"aoi_sha256": mapper.area} | ({"code_sha256": mapper.code} if mapper.code else {})
    return {
        VERSION_TAG: __version__,
        MODEL_TAG: mapper.digest,
        OPTIONS_TAG: json.dumps(options, sort_keys=True),
    }


def _key(image: list[str], mapper: Mapper, settings: ClassifySettings, tiling: Tiling) -> dict[str, Any]:
    """What the tiles of a map depend on, in the words of a message."""
    options = settings.model_dump(mode="json", include={"collar", "confidence", "precision"})
    return {
        "image": image,
        "model": mapper.digest,
        "code of the model": mapper.code,
        "options": options | {"halo": mapper.halo},
        "tiling": [tiling.rows, tiling.columns, tiling.batch],
        "area of interest": mapper.area,
        "version": [__version__, code_digest("classify.predict"), *mapper.engine],
    }


def _begin(journal: Journal, out: Path, key: dict[str, Any], skip_bad: bool) -> None:
    """Take up what is there if it is of the same map, and say so."""
    changed = journal.begin(key)
    if not changed and not skip_bad and journal.unreadable():
        # made with --skip-bad, which now is not wanted
        journal.forget()
        journal.begin(key)
        changed = ["option (skip_bad)"]
    if changed:
        log.warning("Note: %s: begun before with another %s: starting afresh", out, " and ".join(changed))
    elif changed is not None and (done := len(journal.done())):
        log.info("%s: going on with a run that was cut off, %d tiles are done", out, done)


@contextmanager
def _resumable(out: Path, journal: Journal) -> Iterator[None]:
    """Say, when something stops the work, that it can be taken up."""
    try:
        yield
    except KeyboardInterrupt:
        done = len(journal.done())
        raise Interrupted(f"{out}: {done:,} tiles are done and kept: the same command goes on from there") from None
    except (ImageError, LandcoverError) as error:
        if not journal.done():
            raise
        raise type(error)(f"{error}{GOES_ON}") from None


def _record(recorder: Recorder, out: Path, seconds: float, damaged: bool, heeded: tuple[str, ...]) -> None:
    if damaged:
        record_path(out).unlink(missing_ok=True)
    else:
        recorder.write(seconds, heeded=heeded)


def _assemble(
    job: Job,
    journal: Journal,
    out: Path,
    settings: ClassifySettings,
    fingerprint: str,
    recorder: Recorder | None,
    marks: Mapping[str, str],
) -> tuple[dict[int, int], Seams]:
    """Make the GeoTIFFs of the tiles in a journal; pixels by class value, and what borders of tiles show of it."""
    seams = Seams(job.mapper.card.multiple, job.tiling.halo)
    done = journal.done()
    tags = told_of(settings, job.mapper) | {PRECISION_TAG: job.precision} | dict(marks)
    if unreadable := journal.unreadable():
        tags[UNREADABLE_TAG] = str(len(unreadable))
        places: dict[str, list[tuple[int, int]]] = {}
        for file, column, row in unreadable:
            places.setdefault(file, []).append((column, row))
        tags[UNREADABLE_AT_TAG] = json.dumps(places)
    beside = confidence_path(out)
    image = {IMAGE_TAG: fingerprint, IMAGE_PATH_TAG: _absolute(job.image.path)} | (
        as_tag(recorder.essence) if recorder else {}
    )
    with map_rasters(
        out, job.image.grid, job.mapper.card.scheme, tags, image, beside if settings.confidence else None
    ) as targets:
        for tile in job.tiles():
            layers = journal.read(tile.index, (tile.centre.height, tile.centre.width)) if tile.index in done else None
            for target, layer in zip(targets, layers or (), strict=False):
                target.write(layer, tile.centre)
            if layers and job.tiling.blended:
                seams.add(layers[0], tile.centre)
    if not settings.confidence:
        _remove_confidence(beside)
    return targets[0].pixels, seams


def _absolute(path: str) -> str:
    return path if "://" in path or path.startswith("/vsi") else str(Path(path).resolve())


def _remove_confidence(path: Path) -> None:
    """A new map without confidence leaves none of an older one beside it."""
    if is_confidence(path):
        log.info("%s: removed: it was of the map that is replaced", path)
        path.unlink()
