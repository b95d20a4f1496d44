"""What maps are held against: files of a reference, and whether they can be one."""

from collections.abc import Sequence
from pathlib import Path

from landcover.classraster import MODEL_TAG
from landcover.errors import LabelError
from landcover.raster import open_raster
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
