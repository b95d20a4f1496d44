"""When what a map shows was seen."""

from datetime import datetime, time, timezone
from pathlib import Path
from typing import Any

from landcover.errors import ImageError
from landcover.image import find_image, is_mosaic
from landcover.raster import open_raster
from landcover.scene import acquisition_date
from landcover.sources import is_remote

DATETIME_TAG = "TIFFTAG_DATETIME"
Span = tuple[datetime, datetime]
"""The first and the last moment, in UTC."""


def acquired(image: str) -> Span | None:
    """When an image was taken; of a mosaic, from the first of its images to the last. None if that is not known of all.

    A date in the file's name, as NAIP has it, counts first: the moment in a TIFF is often that of the file. Files
    beyond a network are not opened.
    """
    spans = [_of_file(file) for file in _files(image)]
    known = [span for span in spans if span is not None]
    if not known or len(known) < len(spans):
        return None
    return min(first for first, _ in known), max(last for _, last in known)


def date_fields(span: Span) -> dict[str, Any]:
    """The properties of an item that say when. A single day is given by its first moment too, as most programs search
    for one moment; of several days STAC has the moment be null."""
    first, last = span
    moment = stamp(first) if first.date() == last.date() else None
    fields: dict[str, Any] = {"datetime": moment}
    return fields if first == last else fields | {"start_datetime": stamp(first), "end_datetime": stamp(last)}


def stamp(moment: datetime) -> str:
    """As RFC 3339 writes a moment, to the second in UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_time(path: Path) -> datetime:
    """When a file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)


def _files(image: str) -> list[str]:
    if is_remote(image) or not is_mosaic(image):
        return [image]
    try:
        return [layer.source for layer in find_image(image).layers]
    except ImageError:
        return []


def _of_file(file: str) -> Span | None:
    day = acquisition_date(Path(file).name)
    if day is not None:
        first, last = (datetime.combine(day, at, timezone.utc) for at in (time.min, time(23, 59, 59)))
        return first, last
    if is_remote(file) or not Path(file).is_file():
        return None
    try:
        with open_raster(file) as dataset:
            text = dataset.tags().get(DATETIME_TAG, "")
        # TIFF knows no time zones
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except (ImageError, ValueError):
        return None
    return moment, moment
