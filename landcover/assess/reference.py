"""Whether a map is of the classes of the scheme that it is assessed by."""

from collections.abc import Iterable
from pathlib import Path

from rasterio.io import DatasetReader

from landcover.classraster import scheme_of
from landcover.errors import LabelError
from landcover.scheme import BACKGROUND, ClassScheme


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
