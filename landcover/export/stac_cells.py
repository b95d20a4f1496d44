"""The STAC collection of a map in cells, and the item of each cell."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from landcover import vrt
from landcover.classraster import (
    CELLS_FILE,
    CONFIDENCE,
    MODEL_TAG,
    VERSION_TAG,
    confidence_path,
    scheme_of,
)  # fmt: skip
from landcover.companions import CELLS_TAG
from landcover.errors import ImageError
from landcover.export.acquired import acquired
from landcover.export.stac_map import GEOJSON, MODEL_PROPERTY, map_item
from landcover.export.stac_parts import SOFTWARE, STAC_VERSION, extensions, file_fields, href, item_path
from landcover.raster import open_raster
from landcover.scheme import IMAGE_PATH_TAG

JSON, VRT, GEOPACKAGE = "application/json", "application/xml", "application/geopackage+sqlite3"


def cells_collection(index: Path, model: Path | None = None) -> tuple[dict[str, Any], dict[Path, dict[str, Any]]]:
    """The STAC 1.1 collection of a map in cells, to lie beside its index, and the item of each cell by the cell's file,
    to lie beside that: as programs that read catalogues take a map, each file by its own place. The index and the
    outlines are assets of the collection. See `map_item`."""
    with open_raster(index) as dataset:
        scheme, tags = scheme_of(dataset), dataset.tags()
    if scheme is None or MODEL_TAG not in tags:
        raise ImageError(f"{index}: is no map that `landcover classify` wrote, with class names and its model")
    cells = vrt.sources(index)
    if missing := next((cell for cell in cells if not cell.exists()), None):
        raise ImageError(f"{missing}: no such file: give the `landcover classify` again that made {index}")
    # of a mosaic it takes a while
    taken = lru_cache(acquired)
    items = {cell: map_item(cell, model, taken) for cell in cells}
    for cell, item in items.items():
        item["id"] = f"{index.stem}_{cell.stem}"
        item["collection"] = index.stem
        to_whole = {"href": f"../{href(item_path(index).name)}", "type": JSON}
        item["links"] = [{"rel": rel, **to_whole} for rel in ("root", "parent", "collection")] + item["links"]
    image, first = tags.get(IMAGE_PATH_TAG, ""), next(iter(items.values()))
    folder = cells[0].parent
    listed = [{"rel": "item", "href": _beside(item_path(cell), index), "type": GEOJSON} for cell in cells]
    collection = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions("file", "processing"),
        "id": index.stem,
        "title": f"Land cover of {Path(image).stem}" if image else "Land cover",
        "description": "Land cover classes mapped from an aerial image, in cells that meet without a seam; 0 is no "
        "data.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [_around([item["bbox"] for item in items.values()])]},
            "temporal": {"interval": [_between([item["properties"] for item in items.values()])]},
        },
        "summaries": {
            "processing:level": ["L4"],
            "processing:software": [{SOFTWARE: tags.get(VERSION_TAG, "unknown")}],
            MODEL_PROPERTY: [tags[MODEL_TAG]],
            "proj:code": [first["properties"]["proj:code"]],
        },
        "item_assets": {
            name: {key: asset[key] for key in ("title", "type", "roles")} for name, asset in first["assets"].items()
        },
        "links": [{"rel": "root", "href": f"./{href(item_path(index).name)}", "type": JSON}, *listed],
        "assets": {
            "map": _asset(index, index, VRT, "Land cover classes of all cells, for GDAL", "data"),
            **_confidence(index, tags.get(CELLS_TAG)),
            "cells": _asset(folder / CELLS_FILE, index, GEOPACKAGE, "Outlines of the cells", "metadata"),
        },
    }
    return collection, items


def _asset(path: Path, index: Path, kind: str, title: str, role: str) -> dict[str, Any]:
    return {"href": _beside(path, index), "type": kind, "title": title, "roles": [role], **file_fields(path)}


def _confidence(index: Path, content: str | None) -> dict[str, Any]:
    """The asset of the confidence, if it is there and of the same cells."""
    path = confidence_path(index)
    if not path.exists():
        return {}
    with open_raster(path) as dataset:
        if dataset.tags().get(CELLS_TAG) != content:
            return {}
    return {CONFIDENCE: _asset(path, index, VRT, "Confidence of all cells", CONFIDENCE)}


def _beside(path: Path, index: Path) -> str:
    return f"./{href(path.relative_to(index.parent).as_posix())}"


def _around(boxes: Sequence[Sequence[float]]) -> list[float]:
    """The box [west, south, east, north] of boxes."""
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def _between(properties: Sequence[dict[str, Any]]) -> list[str]:
    """The first and the last moment of items; all are in UTC, and sort as text."""
    first = min(told.get("start_datetime") or told["datetime"] for told in properties)
    return [first, max(told.get("end_datetime") or told["datetime"] for told in properties)]
