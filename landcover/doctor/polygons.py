"""What is wrong with the polygons of a file, all of it: the stages would stop at the first."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from landcover.area import equal_area
from landcover.classfield import find_field
from landcover.doctor.finding import Finding
from landcover.remap import NODATA, Code, Remap, code_of
from landcover.scheme import BACKGROUND
from landcover.vector import read_as_is
from landcover.words import counted

LISTED = 5
"""So many features are named; the others are counted."""

PAIRS = 200_000
"""So many pairs of polygons are looked at for overlaps."""

KINDS = ("Polygon", "MultiPolygon")

Use = Literal["labels", "reference"]
STOPS: dict[Use, str] = {"labels": "labels", "reference": "assess"}
"""The stage that stops at what is wrong with polygons, by what they are for."""


@dataclass(frozen=True)
class Drawn:
    """The usable polygons of a file and the class value of each; 0 where it has none that is known."""

    path: str
    frame: gpd.GeoDataFrame
    values: NDArray[np.uint8]

    def square_metres(self) -> NDArray[np.float64]:
        """(polygons,)"""
        return np.asarray(self.on_true_areas().geometry.area)

    def on_true_areas(self) -> gpd.GeoDataFrame:
        return self.frame.to_crs(equal_area(CRS.from_user_input(self.frame.crs)))


def check_polygons(
    path: str, remap: Remap, field: str | None, use: Use = "labels"
) -> tuple[list[Finding], Drawn | None]:
    """Findings on a file, and its polygons if they can be placed. Raises LabelError for one that cannot be read."""
    frame = read_as_is(path)
    if not len(frame):
        return [
            Finding("error", "labels.empty", "no polygon is drawn in it yet", path, "there is nothing to train on",
                    "open it in QGIS over the images, and draw some polygons of each class")
        ], None  # fmt: skip
    if frame.crs is None:
        return [
            Finding("error", f"{use}.crs", "has no coordinate reference system", path, "nobody knows where it lies",
                    "assign the one that it was drawn in: ogr2ogr -a_srs EPSG:...")
        ], None  # fmt: skip
    found = list(_geometry(path, frame, use))
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    chosen = find_field(path, frame, columns, remap, field)
    codes = [code_of(value) for value in frame[chosen]]
    found += _codes(path, chosen, frame, codes, remap, use)
    shapes = frame.geometry
    usable = (shapes.geom_type.isin(KINDS) & ~shapes.is_empty & shapes.is_valid).to_numpy()
    values = np.array([remap(code) or BACKGROUND for code in codes], np.uint8)
    return found, Drawn(path, frame.loc[usable, [shapes.name]], values[usable])


def _geometry(path: str, frame: gpd.GeoDataFrame, use: Use) -> Iterator[Finding]:
    shapes = frame.geometry
    empty = (shapes.isna() | shapes.is_empty).to_numpy()
    other = ~shapes.geom_type.isin(KINDS).to_numpy() & ~empty
    invalid = ~shapes.is_valid.to_numpy() & ~empty & ~other
    check, stops = f"{use}.geometry", f"{STOPS[use]} stops at the first"
    if empty.any():
        yield _features(check, path, frame, empty, "without a geometry", stops, "draw or delete them")
    if other.any():
        kinds = ", ".join(sorted(set(shapes[other].geom_type)))
        told = f"of kind {kinds}, not Polygon"
        yield _features(check, path, frame, other, told, stops, "delete them, or draw polygons around them")
    if invalid.any():
        reasons = Counter(shapely.is_valid_reason(s).partition("[")[0] for s in shapes[invalid])
        told = f"invalid ({', '.join(reasons)})"
        yield _features(check, path, frame, invalid, told, stops, "QGIS: Fix geometries")


def _features(
    check: str, path: str, frame: gpd.GeoDataFrame, chosen: NDArray[np.bool_], told: str, why: str, mend: str
) -> Finding:
    ids = [int(i) for i in frame.index[chosen]]
    what = f"{counted(len(ids), 'features')} {told}: {listed(ids)}"
    return Finding("error", check, what, path, why, mend, {"features": ids})


def listed(ids: Sequence[int]) -> str:
    """The first of several features."""
    return ", ".join(map(str, ids[:LISTED])) + (" …" if len(ids) > LISTED else "")


def _codes(
    path: str, field: str, frame: gpd.GeoDataFrame, codes: list[Code], remap: Remap, use: Use
) -> Iterator[Finding]:
    check, stops = f"{use}.class", f"{STOPS[use]} stops there"
    bare = np.array([code == NODATA and NODATA not in remap.exact for code in codes])
    if bare.any():
        yield _features(
            check, path, frame, bare, f"without a class in {field}", stops,
            "give them one or delete them; or leave them out: labels.reclassify: {nodata: 0}",
        )  # fmt: skip
    unknown = Counter(str(code) for code in codes if code != NODATA and remap(code) is None)
    if unknown:
        names = ", ".join(f"{code} ({n:,}{remap.scheme.meant(code)})" for code, n in sorted(unknown.items()))
        yield Finding(
            "error", check, f"classes in {field} that the scheme does not have: {names}", path,
            stops, "add them to scheme, or say in labels.reclassify what they are, 0 for nothing",
            {"codes": dict(unknown)},
        )  # fmt: skip


def check_overlaps(drawn: Drawn, names: Mapping[int, str], smallest: float) -> Iterator[Finding]:
    """Polygons of different classes that share more than `smallest` square metres; what has no class does not count."""
    frame = drawn.on_true_areas()
    one, other = frame.sindex.query(frame.geometry, predicate="intersects")
    first, second = drawn.values[one], drawn.values[other]
    different = (one < other) & (first != second) & (first != BACKGROUND) & (second != BACKGROUND)
    one, other = one[different][:PAIRS], other[different][:PAIRS]
    shapes = frame.geometry.to_numpy()
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    large = shared > smallest
    if not large.any():
        return
    worst = int(np.argmax(shared))
    ids = [f"{frame.index[i]} ({names[int(drawn.values[i])]})" for i in (one[worst], other[worst])]
    pairs = zip(
        frame.index[one[large]].tolist(), frame.index[other[large]].tolist(), shared[large].tolist(), strict=True
    )
    yield Finding(
        "warning", "labels.overlap",
        f"{counted(int(large.sum()), 'pairs')} of polygons of different classes overlap, by {shared[large].sum():,.0f} "
        f"m2; most do the features with ids {' and '.join(ids)}",
        drawn.path, "ground cannot be two classes: the later polygon of the file holds there",
        "cut one out of the other (QGIS: Difference), or delete the wrong one",
        {"pairs": [{"features": [a, b], "square_metres": round(m2, 1)} for a, b, m2 in pairs]},
    )  # fmt: skip
