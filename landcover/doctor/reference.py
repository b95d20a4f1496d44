"""Is there something to assess a map with, and is it apart from the labels?"""

from collections.abc import Iterator

from landcover.config import Config
from landcover.doctor.finding import Finding
from landcover.errors import LabelError
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.vector import read_as_is
from landcover.words import counted


def check_reference(config: Config) -> Iterator[Finding]:
    """Findings on the reference; it is needed last, and may be points that are drawn from the map."""
    where = ", ".join(config.assess.reference)
    mend = "draw polygons there, apart from the labels, or let `landcover points` draw points from the map"
    try:
        paths = expand(config.assess.reference, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    except LabelError:
        yield Finding(
            "warning", "reference.file", "no reference yet", where, "assess has nothing to compare with", mend
        )
        return
    labels = set(expand(config.labels.source, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError))
    for path in paths:
        if path in labels:
            yield Finding(
                "warning", "reference.file", "is the labels as well", path,
                "a map is flattered by what it was trained on", "draw other polygons to assess with",
            )  # fmt: skip
        elif path.lower().endswith(RASTER_SUFFIXES):
            yield Finding("ok", "reference.file", "a raster", path)
        elif number := len(read_as_is(path)):
            yield Finding("ok", "reference.file", counted(number, "features"), path)
        else:
            told = "nothing is drawn in it yet"
            yield Finding("warning", "reference.file", told, path, "assess has nothing to compare with", mend)
