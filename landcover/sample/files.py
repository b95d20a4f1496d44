"""The files of the sample: tiles laid out like NAIP's, truth rasters, polygons with the fields of Esri's samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from shapely.geometry import Polygon

CRS = "EPSG:26916"
Scheme = Sequence[tuple[int, str, str]]


def write_tile(path: Path, photo: NDArray[np.uint8], transform: Affine) -> Path:
    """A tile (4, rows, columns) as NAIP delivers it: red, green, blue and near infrared, no nodata value."""
    profile = _profile(photo.shape[0], photo.shape[1:], transform) | {"photometric": "RGB", "alpha": "NO"}
    with rasterio.open(path, "w", **profile) as tile:
        tile.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
        tile.write(photo)
    return path


def write_truth(path: Path, cover: NDArray[np.uint8], transform: Affine, scheme: Scheme) -> Path:
    """Class of every pixel (rows, columns), 1 to 6 in the scheme's order and 0 for nothing, as the scheme's values."""
    values = np.array([0, *(value for value, _, _ in scheme)], np.uint8)
    with rasterio.open(path, "w", **_profile(1, cover.shape, transform), nodata=0) as truth:
        truth.write(values[cover], 1)
        truth.write_colormap(1, {value: (*_rgb(colour), 255) for value, _, colour in scheme})
    return path


def write_polygons(path: Path, drawn: Sequence[tuple[Polygon, int]], transform: Affine, scheme: Scheme) -> Path:
    """Polygons (pixels, class 1 to 6) on the map, with the fields of Esri's training sample manager."""
    classes = [scheme[cover - 1] for _, cover in drawn]
    colours = [_rgb(colour) for _, _, colour in classes]
    corner, metre = np.array([transform.c, transform.f]), np.array([transform.a, transform.e])
    frame = geopandas.GeoDataFrame(
        {
            "Classname": [name for _, name, _ in classes],
            "Classvalue": [value for value, _, _ in classes],
            **{band: [c[i] for c in colours] for i, band in enumerate(("RED", "GREEN", "BLUE"))},
        },
        geometry=shapely.transform([polygon for polygon, _ in drawn], lambda xy: corner + xy * metre),
        crs=CRS,
    )
    frame.to_file(path, driver="GPKG", layer=path.stem)
    return path


def _profile(bands: int, shape: Sequence[int], transform: Affine) -> dict[str, object]:
    layout = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    size = {"count": bands, "height": shape[0], "width": shape[1]}
    return {"driver": "GTiff", "dtype": "uint8", "crs": CRS, "transform": transform, **size, **layout}


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
