"""The STAC item of a map."""

import json
import os
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

from pyproj import CRS
from rasterio.io import DatasetReader

from landcover.area import pixel_areas
from landcover.classraster import (
    CONFIDENCE,
    CONTENT_TAG,
    MODEL_TAG,
    NO_PERCENT,
    PRECISION_TAG,
    VERSION_TAG,
    confidence_path,
    scheme_of,
)
from landcover.errors import ImageError
from landcover.export.acquired import Span, acquired, date_fields, file_time, stamp
from landcover.export.footprint import footprint
from landcover.export.stac_parts import (
    SHA256,
    SOFTWARE,
    STAC_VERSION,
    class_objects,
    extensions,
    file_fields,
    href,
    item_path,
)  # fmt: skip
from landcover.grid import Grid
from landcover.raster import grid_of, open_raster
from landcover.scheme import BACKGROUND, IMAGE_PATH_TAG

NOTHING = {"name": "no_data", "title": "no data", "description": "no data"}
MODEL_PROPERTY = "landcover:model_sha256"
GEOJSON = "application/geo+json"


def map_item(
    map_path: Path, model: Path | None = None, taken: Callable[[str], Span | None] = acquired
) -> dict[str, Any]:
    """The STAC 1.1 item of a map that `classify` wrote, to lie beside it: all references are relative to its folder.

    Geometry is the outline of the map's grid in longitude and latitude; dates are those of the image, or of the map's
    file where they are not known; the confidence of the map is an asset if it is there. With `model`, the item links
    to the model's own item, if that is there and of the model that made the map; in any case the fingerprint of the
    model stands in the item. `taken`: when an image was. The same map gives the same item. Raises ImageError for a
    raster that is no map or has no place on the globe, LandcoverError for a file that cannot be read.
    """
    with open_raster(map_path) as dataset:
        scheme, tags = scheme_of(dataset), dataset.tags()
        if scheme is None or MODEL_TAG not in tags:
            raise ImageError(
                f"{map_path}: is no map that `landcover classify` wrote, with class names and the model that made it: "
                "name one that is, such as those in data/maps"
            )
        grid, media = grid_of(dataset), _media_type(dataset)
    geometry, bbox = footprint(grid, map_path)
    image = tags.get(IMAGE_PATH_TAG, "")
    links, expression = _to_model(map_path, model, tags[MODEL_TAG])
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions("projection", "raster", "file", "processing", "classification"),
        "id": map_path.stem,
        "geometry": geometry,
        "bbox": bbox,
        "properties": {
            "title": f"Land cover of {Path(image).stem}" if image else "Land cover",
            **_when(map_path, image, taken),
            "processing:level": "L4",
            "processing:lineage": _lineage(Path(image).name, tags),
            "processing:software": {SOFTWARE: tags.get(VERSION_TAG, "unknown")},
            **expression,
            MODEL_PROPERTY: tags[MODEL_TAG],
            **_projection(grid),
        },
        "links": links,
        "assets": {
            "map": {
                "href": f"./{href(map_path.name)}",
                "type": media,
                "title": "Land cover classes",
                "roles": ["data"],
                **file_fields(map_path),
                "bands": [_band("class", "class values", BACKGROUND, grid)],
                # not in the band: the extension's schema looks here
                "classification:classes": class_objects(scheme, NOTHING),
            },
            **_confidence(confidence_path(map_path), grid, tags[MODEL_TAG]),
        },
    }


def _media_type(dataset: DatasetReader) -> str:
    cloud = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
    return "image/tiff; application=geotiff" + ("; profile=cloud-optimized" if cloud else "")


def _band(name: str, description: str, nodata: int, grid: Grid, unit: str | None = None) -> dict[str, Any]:
    """A band object of STAC 1.1; the resolution is the side of a pixel in the middle, in metres on the ground."""
    side = sqrt(pixel_areas(grid)[grid.height // 2])
    told = {"name": name, "description": description, "data_type": "uint8", "nodata": nodata}
    of_raster = {"raster:sampling": "area", "raster:spatial_resolution": round(side, 4)}
    return told | ({"unit": unit} if unit else {}) | of_raster


def _confidence(path: Path, grid: Grid, model: str) -> dict[str, Any]:
    """The asset of a map's confidence, if it is there and not of another map."""
    if not path.exists():
        return {}
    with open_raster(path) as dataset:
        tags = dataset.tags()
        if tags.get(CONTENT_TAG) != CONFIDENCE or tags.get(MODEL_TAG) != model or grid_of(dataset) != grid:
            return {}
        media = _media_type(dataset)
    band = _band(CONFIDENCE, "probability of the mapped class", NO_PERCENT, grid, unit="%")
    asset = {"href": f"./{href(path.name)}", "type": media, "title": "Confidence", "roles": [CONFIDENCE]}
    return {CONFIDENCE: asset | file_fields(path) | {"bands": [band]}}


def _projection(grid: Grid) -> dict[str, Any]:
    crs = CRS.from_wkt(grid.crs.to_wkt())
    authority = crs.to_authority(min_confidence=100)
    named = {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": crs.to_wkt()}
    return named | {
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "proj:bbox": list(grid.bounds),
    }


def _when(map_path: Path, image: str, taken: Callable[[str], Span | None]) -> dict[str, Any]:
    told = "Land cover classes mapped from an aerial image; 0 is no data."
    if span := taken(image) if image else None:
        return {"description": told, **date_fields(span)}
    unknown = "When the image was taken is not known: datetime is when the map's file was written."
    return {"description": f"{told} {unknown}", "datetime": stamp(file_time(map_path))}


def _lineage(image: str, tags: dict[str, str]) -> str:
    source = f"Mapped from {image}" if image else "Mapped"
    precision = f", in {tags[PRECISION_TAG]}" if PRECISION_TAG in tags else ""
    return f"{source} with the model whose file has the SHA-256 {tags[MODEL_TAG]}{precision}"


def _to_model(map_path: Path, model: Path | None, sha256: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Links and properties that point to the item of the model, as the model extension recommends."""
    beside = item_path(model) if model is not None else None
    if beside is None or _model_in(beside) != SHA256 + sha256:
        return [], {}
    try:
        place = href(os.path.relpath(beside.resolve(), map_path.resolve().parent))
    except ValueError:
        # on another drive of Windows
        place = beside.resolve().as_uri()
    link = {"rel": "derived_from", "href": place, "type": GEOJSON, "title": "The model that made the map"}
    return [link], {"processing:expression": {"format": "stac-mlm", "expression": place}}


def _model_in(item: Path) -> str | None:
    """The multihash of the model that an item is of."""
    try:
        return str(json.loads(item.read_text(encoding="utf-8"))["assets"]["model"]["file:checksum"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
