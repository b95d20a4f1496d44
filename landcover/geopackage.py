"""What a GeoPackage tells other programs beside its features: which values a field may take, how to draw them."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS

from landcover.errors import LandcoverError

GEOMETRY = "geom"
"""The column of geometries in what GDAL writes."""

SCHEMA_EXTENSION = "http://www.geopackage.org/spec/#extension_schema"

DOMAINS = """
CREATE TABLE gpkg_data_columns (
    table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
    constraint_name TEXT, PRIMARY KEY (table_name, column_name), UNIQUE (table_name, name)
);
CREATE TABLE gpkg_data_column_constraints (
    constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
    max NUMERIC, max_is_inclusive BOOLEAN, description TEXT, UNIQUE (constraint_name, constraint_type, value)
);
CREATE TABLE IF NOT EXISTS gpkg_extensions (
    table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
    UNIQUE (table_name, column_name, extension_name)
);
"""
"""The tables of the GeoPackage standard's schema extension, and the one that names extensions."""

STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
    VALUES ('layer_styles', 'attributes', 'layer_styles', '', 0);
"""
"""The table in which QGIS looks for the style of a layer that it opens."""


def create_layer(path: Path, layer: str, fields: Mapping[str, str], crs: CRS) -> None:
    """A GeoPackage with one empty layer of polygons; fields by name with their NumPy types, "object" for text. Raises
    LandcoverError."""
    frame = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in fields.items()})
    empty = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries([], crs=crs.to_wkt()))
    try:
        # a polygon of several parts has room as well; older programs warn of later versions
        pyogrio.write_dataframe(
            empty, path, layer=layer, driver="GPKG", geometry_type="MultiPolygon", dataset_options={"VERSION": "1.2"}
        )
    except (DataSourceError, DataLayerError) as error:
        raise LandcoverError(f"{path}: cannot be written ({' '.join(str(error).split())}): is the disk full?") from None


def add_domain(path: Path, layer: str, field: str, name: str, choices: Sequence[tuple[int, str]]) -> None:
    """Make the values of a field a list, of (value, meaning): a coded-value domain, in the tables of the GeoPackage
    standard's schema extension, for GDAL's wrappers in Python write none."""
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(DOMAINS)
        file.executemany(
            "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_schema', ?, 'read-write')",
            [(table, SCHEMA_EXTENSION) for table in ("gpkg_data_columns", "gpkg_data_column_constraints")],
        )
        file.execute(
            "INSERT INTO gpkg_data_columns (table_name, column_name, constraint_name) VALUES (?, ?, ?)",
            (layer, field, name),
        )
        file.executemany(
            "INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, description) "
            "VALUES (?, 'enum', ?, ?)",
            [(name, str(value), meaning) for value, meaning in choices],
        )


def add_style(path: Path, layer: str, name: str, qml: str) -> None:
    """Store a style in the file, as the one that QGIS draws the layer in when it is opened."""
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(STYLES)
        # QGIS looks for an empty schema, not for none
        file.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, useAsDefault) VALUES ('', '', ?, ?, ?, ?, 1)",
            (layer, GEOMETRY, name, qml),
        )
