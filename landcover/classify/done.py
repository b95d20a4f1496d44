"""The map of a cell that is done: whether it is there, and what is in it."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landcover.classify.cells import CELL_TAG
from landcover.classify.journal import journal_path
from landcover.classify.predict import UNREADABLE_AT_TAG, UNREADABLE_TAG
from landcover.classraster import confidence_path
from landcover.errors import ImageError
from landcover.fingerprint import combined, digest
from landcover.histogram import byte_counts
from landcover.raster import open_raster, read_band, stored_blocks
from landcover.settings import ClassifySettings


@dataclass(frozen=True)
class Done:
    """The map of a cell: the pixels of each class value, and the parts of files (path, column, row) that could not be
    read; `content`: the fingerprint of its files, none where there is nothing to map; `kept`: it was there already."""

    pixels: dict[int, int]
    unreadable: tuple[tuple[str, int, int], ...]
    content: str
    kept: bool


def is_done(out: Path, key: str, settings: ClassifySettings) -> bool:
    """Whether a map is there, with its confidence if that is asked for, that was made of what has this fingerprint."""
    if journal_path(out).exists():
        return False
    try:
        tags = [_tags(file) for file in ([out, confidence_path(out)] if settings.confidence else [out])]
    except ImageError:
        return False
    return all(told.get(CELL_TAG) == key for told in tags) and (settings.skip_bad or UNREADABLE_TAG not in tags[0])


def _tags(path: Path) -> dict[str, str]:
    with open_raster(path) as dataset:
        return dict(dataset.tags())


def read_done(out: Path, settings: ClassifySettings, kept: bool) -> Done:
    """What stands in the map of a cell. Raises ImageError where it, or its confidence, is damaged."""
    counts: Counter[int] = Counter()
    with open_raster(out) as dataset:
        places = json.loads(dataset.tags().get(UNREADABLE_AT_TAG, "{}"))
        unreadable = tuple((file, *corner) for file, corners in places.items() for corner in corners)
        for block in stored_blocks(dataset):
            found = byte_counts(read_band(dataset, block))
            counts.update({value: int(found[value]) for value in np.flatnonzero(found).tolist() if value})
    files = [out, confidence_path(out)] if settings.confidence else [out]
    if kept and settings.confidence:
        # what is made is read as it is written
        with open_raster(confidence_path(out)) as dataset:
            for block in stored_blocks(dataset):
                read_band(dataset, block)
    return Done(dict(counts), unreadable, combined((file.name, digest(file)) for file in files), kept)


def files_of(out: Path) -> tuple[Path, ...]:
    """A map and what may belong to it; the map is the last."""
    return out.with_name(f"{out.name}.aux.xml"), out.with_suffix(".qml"), confidence_path(out), out


def remove_done(out: Path) -> None:
    """The map of a cell and what belongs to it."""
    for file in files_of(out):
        file.unlink(missing_ok=True)
