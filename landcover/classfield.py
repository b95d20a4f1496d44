"""Which field of a table of features holds their class."""

from collections.abc import Mapping

import geopandas as gpd

from landcover.errors import LabelError
from landcover.remap import NODATA, Remap, code_of

FIELDS = ("classvalue", "class_value", "class_id", "value", "code", "gridcode", "classname", "class_name", "class",
          "label", "name", "landcover", "land_cover")  # fmt: skip
"""Names of class fields in the order of trust, Esri's training samples first; upper and lower case alike."""

COUNTERS = ("id", "fid", "objectid", "ogc_fid", "gid", "index")
"""Names of fields that number features: never taken for the class."""


def find_field(path: str, frame: gpd.GeoDataFrame, columns: list[str], remap: Remap, field: str | None) -> str:
    """The field that holds the class: the one named, else the first well-known name, else the only one that fits."""
    if field is not None:
        if field not in columns:
            raise LabelError(f"{path}: has no field {field!r}; it has {', '.join(columns) or 'none'}")
        return field
    by_name = {column.casefold(): column for column in columns}
    known = [by_name[name] for name in FIELDS if name in by_name]
    guesses = known or [c for c in columns if c.casefold() not in COUNTERS]
    meant = {c: [remap(code_of(v)) for v in frame[c]] for c in guesses}
    fitting = [c for c, values in meant.items() if None not in values]
    for other in known if fitting else ():
        if other != fitting[0]:
            _check_agree(path, frame, fitting[0], other, meant)
    if fitting and (known or len(fitting) == 1):
        return fitting[0]
    if known:
        return known[0]
    found = ", ".join(fitting) if fitting else "none"
    raise LabelError(
        f"{path}: which field holds the class? Fields whose values all fit the scheme: {found}; "
        f"fields: {', '.join(columns) or 'none'}: set labels.field"
    )


def _check_agree(
    path: str, frame: gpd.GeoDataFrame, field: str, other: str, meant: Mapping[str, list[int | None]]
) -> None:
    """Two fields that both look like the class must say the same, or every label may be another's. One with values
    that are no class may hold something else: it is heard where it names a class."""
    fits = None not in meant[other]
    for row, (one, two) in enumerate(zip(meant[field], meant[other], strict=True)):
        code = code_of(frame[other].iloc[row])
        told = fits or (two is not None and isinstance(code, str) and code != NODATA)
        if told and one != two:
            raise LabelError(
                f"{path}: feature {frame.index[row]} is class {one} by {field} ({frame[field].iloc[row]}) and {two} by "
                f"{other} ({frame[other].iloc[row]}): set labels.field, or mend the scheme"
            )
