"""The map of a cell that is done: whether it is there as it was made, and what is in it. A file beside it tells."""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

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
    read; `content`: the fingerprint of its files, none where there is nothing to map; `kept`: it was there already;
    `again`: it was there, but had been changed since it was made."""

    pixels: dict[int, int]
    unreadable: tuple[tuple[str, int, int], ...]
    content: str
    kept: bool
    again: bool = False


@dataclass(frozen=True)
class Told:
    """What is told of a map beside it: the fingerprint of all that it depends on, what is in it, and in a store the
    state of its objects when they were put."""

    key: str
    done: Done
    states: dict[str, str] = field(default_factory=dict)


TOLD = TypeAdapter(Told)


def told_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.made.json")


def read_told(path: Path) -> Told | None:
    try:
        return TOLD.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def as_told(key: str, done: Done, states: dict[str, str] | None = None) -> bytes:
    """The content of such a file."""
    return TOLD.dump_json(Told(key, replace(done, kept=True, again=False), states or {}))


def find_done(out: Path, before: Told | None, key: str, settings: ClassifySettings) -> tuple[Done | None, bool]:
    """What is in a map that is there, with its confidence if that is asked for, if it was made of what has this
    fingerprint, and is as it was made; and whether it is none because somebody changed or removed it since, whatever
    its metadata say. `before`: what is told beside it; without, the map tells of itself, for a run may have been cut
    off before it told."""
    if journal_path(out).exists():
        return None, False
    if before is not None and before.key == key:
        if content_of(out, settings) != before.done.content:
            return None, True
        return (before.done if settings.skip_bad or not before.done.unreadable else None), False
    # one that is damaged is mapped anew
    with suppress(ImageError):
        return (read_done(out, settings, kept=True) if _is_of(out, key, settings) else None), False
    return None, False


def content_of(out: Path, settings: ClassifySettings) -> str | None:
    """The fingerprint of a map and its confidence; None where one is not there, or cannot be read."""
    try:
        return combined((file.name, digest(file)) for file in rasters_of(out, settings))
    except OSError:
        return None


def rasters_of(out: Path, settings: ClassifySettings) -> list[Path]:
    return [out, confidence_path(out)] if settings.confidence else [out]


def _is_of(out: Path, key: str, settings: ClassifySettings) -> bool:
    """Whether a map and its confidence tell of themselves that they were made of what has this fingerprint."""
    try:
        tags = [_tags(file) for file in rasters_of(out, settings)]
    except ImageError:
        return False
    return all(own.get(CELL_TAG) == key for own in tags) and (settings.skip_bad or UNREADABLE_TAG not in tags[0])


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
    if kept and settings.confidence:
        # what is made is read as it is written
        with open_raster(confidence_path(out)) as dataset:
            for block in stored_blocks(dataset):
                read_band(dataset, block)
    content = content_of(out, settings)
    if content is None:
        raise ImageError(f"{out}: cannot be read")
    return Done(dict(counts), unreadable, content, kept)


def files_of(out: Path) -> tuple[Path, ...]:
    """A map and what may belong to it; the map is the last."""
    return out.with_name(f"{out.name}.aux.xml"), out.with_suffix(".qml"), confidence_path(out), out


def remove_done(out: Path) -> None:
    """The map of a cell and what belongs to it."""
    for file in (told_path(out), *files_of(out)):
        file.unlink(missing_ok=True)
