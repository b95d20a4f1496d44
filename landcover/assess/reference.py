"""What a map is held against, and whether the two belong together."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rasterio.io import DatasetReader

from landcover.classraster import MODEL_TAG, scheme_of
from landcover.errors import LabelError
from landcover.raster import open_raster
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.vector import holds_points


def find_reference(sources: Sequence[str], maps: Sequence[Path]) -> tuple[list[str], bool]:
    """The files of a reference for `maps`, and whether it is a sample of points. Raises LabelError for points among
    others, for a map that a model made, and for one of the maps themselves."""
    paths = expand(sources, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    for path in (path for path in paths if path.lower().endswith(RASTER_SUFFIXES)):
        if any(same_file(Path(path), shown) for shown in maps):
            raise LabelError(f"{path}: is named as a map and as its reference: is one of them another file?")
        with open_raster(path) as dataset:
            if MODEL_TAG in dataset.tags():
                raise LabelError(f"{path}: is a map that a model made, not a reference: are the two swapped?")
    points = [path for path in paths if not path.lower().endswith(RASTER_SUFFIXES) and holds_points(path)]
    if points and len(paths) > 1:
        raise LabelError(f"{points[0]}: is of points: a sample of points is one file, without other references")
    return paths, bool(points)


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file that is there."""
    return first.exists() and second.exists() and first.samefile(second)


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
