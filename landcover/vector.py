"""Vector files: polygons in any format and CRS, read and checked, and GeoPackages written."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from shapely.geometry import MultiPoint
from shapely.geometry.base import BaseGeometry

from landcover.errors import LabelError, LandcoverError
from landcover.files import whole_file
from landcover.grid import name_of

UNREADABLE = (DataSourceError, DataLayerError, FeatureError)

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".ods")


def holds_points(path: str) -> bool:
    """Whether the first layer with geometry is of points. Raises LabelError for no file or none that can be opened."""
    layers = _layers(path)
    if not layers:
        return False
    name, kind = layers[0]
    if kind.startswith(("Point", "MultiPoint")):
        return True
    if kind not in ("Unknown", "GeometryCollection"):
        return False
    first = pyogrio.read_dataframe(path, layer=name, max_features=1)
    return bool(len(first)) and str(first.geometry.iloc[0] and first.geom_type.iloc[0]).endswith("Point")


def count_features(path: str) -> int:
    """How many features lie in the first layer with geometry. Raises LabelError."""
    layers = _layers(path)
    with _opening(path):
        return int(pyogrio.read_info(path, layer=layers[0][0], force_feature_count=True)["features"]) if layers else 0


def read_polygons(path: str, crs: CRS) -> gpd.GeoDataFrame:
    """The polygons of the only layer of a file, brought to a CRS.

    Raises LabelError for no file, several layers, no CRS, no features, no geometry, points or lines, or an invalid
    polygon: the first such feature is named.
    """
    return _read(path, crs, ("Polygon", "MultiPolygon"), "polygon")


def read_points(path: str, crs: CRS) -> gpd.GeoDataFrame:
    """As `read_polygons`, for points; a multipoint of one point is one."""
    return _read(path, crs, ("Point",), "point")


def _layers(path: str) -> list[tuple[str, str]]:
    """Name and kind of geometry of the layers that have one."""
    if "://" not in path and not Path(path).exists():
        raise LabelError(f"{path}: no such file")
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise LabelError(f"{path}: is empty, 0 bytes: was it copied whole?")
    with _opening(path):
        return [(str(name), str(geometry)) for name, geometry in pyogrio.list_layers(path) if geometry is not None]


@contextmanager
def _unwarned() -> Iterator[None]:
    """GDAL's warnings come with the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@contextmanager
def _opening(path: str | Path) -> Iterator[None]:
    """What cannot be opened, in one line."""
    try:
        with _unwarned():
            yield
    except UNREADABLE as error:
        _check_unlocked(path, error)
        raise LabelError(f"{path}: cannot be opened as vector data ({' '.join(str(error).split())})") from None


def _check_unlocked(path: str | Path, error: Exception) -> None:
    """Raise LabelError if another program keeps a GeoPackage for itself."""
    if "database is locked" in str(error):
        raise LabelError(
            f"{path}: another program is writing to it: save the edits there, and close it in QGIS or ArcGIS"
        ) from None


def read_as_is(path: str) -> gpd.GeoDataFrame:
    """The features of the only layer of a file, whatever they are. Raises LabelError for no file or several layers."""
    layers = [name for name, _ in _layers(path)]
    if not layers:
        hint = (
            "; give a table of coordinates a geometry first, as in QGIS: Add Delimited Text Layer, save as GeoPackage"
        )
        raise LabelError(f"{path}: has no layer with geometry{hint if path.lower().endswith(TABLES) else ''}")
    if len(layers) > 1:
        raise LabelError(f"{path}: has several layers ({', '.join(layers)}): keep one layer to a file")
    with _opening(path):
        return pyogrio.read_dataframe(path, layer=layers[0], fid_as_index=True)


def _read(path: str, crs: CRS, kinds: tuple[str, ...], kind: str) -> gpd.GeoDataFrame:
    frame = read_as_is(path)
    if not len(frame):
        raise LabelError(f"{path}: has no features: draw some in QGIS, or name another file")
    if kind == "point":
        frame = frame.set_geometry([_alone(shape) for shape in frame.geometry], crs=frame.crs)
    if frame.crs is None:
        raise LabelError(f"{path}: has no coordinate reference system: assign one (ogr2ogr -a_srs EPSG:...)")
    _check_geometry(path, frame, kinds, kind)
    return _placed(path, frame, crs)


def _placed(path: str, frame: gpd.GeoDataFrame, crs: CRS) -> gpd.GeoDataFrame:
    """In another CRS. Raises LabelError if that cannot be."""
    try:
        placed = frame.to_crs(crs.to_wkt())
    except ProjError:
        placed = None
    if placed is None or not np.isfinite(placed.geometry.bounds.to_numpy()).all():
        raise LabelError(
            f"{path}: cannot be brought from {frame.crs.name} to {name_of(crs)}: is its CRS the right one?"
        )
    return placed


def _alone(shape: BaseGeometry | None) -> BaseGeometry | None:
    """The only part of a multipoint."""
    if isinstance(shape, MultiPoint) and len(shape.geoms) == 1:
        return shape.geoms[0]
    return shape


def _check_geometry(path: str, frame: gpd.GeoDataFrame, kinds: tuple[str, ...], wanted: str) -> None:
    shapes = frame.geometry
    empty = shapes.isna() | shapes.is_empty
    if empty.any():
        raise LabelError(f"{path}: {_feature(frame, empty)} has no geometry: draw or delete it")
    other = ~shapes.geom_type.isin(kinds)
    if other.any():
        raise LabelError(f"{path}: {_feature(frame, other)} is a {shapes[other].geom_type.iloc[0]}, not a {wanted}")
    invalid = ~shapes.is_valid
    if invalid.any():
        reason = shapely.is_valid_reason(shapes[invalid].iloc[0])
        raise LabelError(f"{path}: {_feature(frame, invalid)} is invalid ({reason}): mend it (QGIS: Fix geometries)")


def _feature(frame: gpd.GeoDataFrame, chosen: "gpd.GeoSeries") -> str:
    others = int(chosen.sum()) - 1
    return f"feature {frame.index[chosen][0]}" + (f" (and {others} more)" if others else "")


def write_layers(path: Path, layers: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """A GeoPackage of named layers and of tables without geometry."""
    with whole_file(path) as temporary:
        try:
            for name, frame in layers:
                pyogrio.write_dataframe(frame, temporary, layer=name, driver="GPKG", append=temporary.exists())
        except UNREADABLE as error:
            raise LandcoverError(
                f"{path}: cannot be written ({' '.join(str(error).split())}): is the disk full?"
            ) from None


def read_layer(path: Path, layer: str) -> gpd.GeoDataFrame:
    """A layer of a GeoPackage that `write_layers` wrote. Raises LabelError for one that is gone or broken."""
    try:
        with _unwarned():
            return pyogrio.read_dataframe(path, layer=layer)
    except UNREADABLE as error:
        _check_unlocked(path, error)
        raise LabelError(f"{path}: cannot be read: run the stage that makes it again, with --overwrite") from None


def read_table(path: str, table: str) -> pd.DataFrame | None:
    """A table without geometry beside the layers of a file, None if there is none of this name. Raises LabelError for a
    file that another program is writing to."""
    try:
        with _unwarned():
            if table not in {str(name) for name, geometry in pyogrio.list_layers(path) if geometry is None}:
                return None
            return pyogrio.read_dataframe(path, layer=table)
    except UNREADABLE as error:
        _check_unlocked(path, error)
        return None
