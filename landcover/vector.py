"""Vector files: polygons in any format and CRS, read and checked, and GeoPackages written."""

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS

from landcover.errors import LabelError
from landcover.files import whole_file
from landcover.grid import name_of

VECTOR_SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gdb", ".kml", ".gml", ".sqlite", ".parquet")


def read_polygons(path: str, crs: CRS) -> gpd.GeoDataFrame:
    """The polygons of the only layer of a file, brought to a CRS.

    Raises LabelError for no file, several layers, no CRS, no features, no geometry, points or lines, or an invalid
    polygon: the first such feature is named.
    """
    if "://" not in path and not Path(path).exists():
        raise LabelError(f"{path}: no such file")
    try:
        layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
        if not layers:
            raise LabelError(f"{path}: has no layer with geometry")
        if len(layers) > 1:
            raise LabelError(f"{path}: has several layers ({', '.join(layers)}): keep one layer to a file")
        frame = pyogrio.read_dataframe(path, layer=layers[0], fid_as_index=True)
    except DataSourceError as error:
        raise LabelError(f"{path}: cannot be opened as vector data ({' '.join(str(error).split())})") from None
    if not len(frame):
        raise LabelError(f"{path}: has no features")
    if frame.crs is None:
        raise LabelError(f"{path}: has no coordinate reference system: assign one (ogr2ogr -a_srs EPSG:...)")
    _check_geometry(path, frame)
    placed = frame.to_crs(crs.to_wkt())
    if not np.isfinite(placed.geometry.bounds.to_numpy()).all():
        raise LabelError(
            f"{path}: cannot be brought from {frame.crs.name} to {name_of(crs)}: is its CRS the right one?"
        )
    return placed


def _check_geometry(path: str, frame: gpd.GeoDataFrame) -> None:
    shapes = frame.geometry
    empty = shapes.isna() | shapes.is_empty
    if empty.any():
        raise LabelError(f"{path}: {_feature(frame, empty)} has no geometry: draw or delete it")
    other = ~shapes.geom_type.isin(["Polygon", "MultiPolygon"])
    if other.any():
        kind = shapes[other].geom_type.iloc[0]
        raise LabelError(f"{path}: {_feature(frame, other)} is a {kind}, not a polygon")
    invalid = ~shapes.is_valid
    if invalid.any():
        reason = shapely.is_valid_reason(shapes[invalid].iloc[0])
        raise LabelError(f"{path}: {_feature(frame, invalid)} is invalid ({reason}): mend it (QGIS: Fix geometries)")


def _feature(frame: gpd.GeoDataFrame, chosen: "gpd.GeoSeries") -> str:
    others = int(chosen.sum()) - 1
    return f"feature {frame.index[chosen][0]}" + (f" (and {others} more)" if others else "")


def write_layers(path: Path, layers: Sequence[tuple[str, gpd.GeoDataFrame]]) -> None:
    """A GeoPackage of named layers."""
    with whole_file(path) as temporary:
        for name, frame in layers:
            pyogrio.write_dataframe(frame, temporary, layer=name, driver="GPKG", append=temporary.exists())


def read_layer(path: Path, layer: str) -> gpd.GeoDataFrame:
    """A layer of a GeoPackage that `write_layers` wrote. Raises LabelError for one that is gone or broken."""
    try:
        return pyogrio.read_dataframe(path, layer=layer)
    except (DataSourceError, DataLayerError):
        raise LabelError(f"{path}: cannot be read: run the stage that makes it again, with --overwrite") from None
