"""What a map is held against, and whether the two belong together."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rasterio.io import DatasetReader

from landcover.errors import LabelError
from landcover.raster import RASTER_SUFFIXES, scheme_of
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.sources import expand
from landcover.vector import VECTOR_SUFFIXES, holds_points


def find_reference(sources: Sequence[str]) -> tuple[list[str], bool]:
    """The files of a reference, and whether it is a sample of points. Raises LabelError for points among others."""
    paths = expand(sources, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    points = [path for path in paths if not path.lower().endswith(RASTER_SUFFIXES) and holds_points(path)]
    if points and len(paths) > 1:
        raise LabelError(f"{points[0]}: is of points: a sample of points is one file, without other references")
    return paths, bool(points)


def check_scheme(path: Path, dataset: DatasetReader, scheme: ClassScheme) -> None:
    """A map tells its own classes; a table of others would be plausible and wrong. Raises LabelError."""
    for land_class in scheme_of(dataset) or ():
        known = scheme.find(land_class.value)
        if known is None or known.name.casefold() != land_class.name.casefold():
            raise LabelError(
                f"{path}: {land_class.value} is {land_class.name} in the map and {known.name if known else 'nothing'} "
                "in the scheme: name the configuration of the map with --config"
            )


def check_values(path: Path, found: Iterable[int], scheme: ClassScheme) -> None:
    """Raise LabelError for values of a map that the scheme does not know."""
    strange = sorted(set(found) - {BACKGROUND, *scheme.values})
    if strange:
        raise LabelError(f"{path}: holds values that are not in the scheme: {', '.join(map(str, strange))}")
