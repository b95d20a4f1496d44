"""STAC items beside maps and models: what catalogues and their browsers read of them."""

import json
from pathlib import Path
from typing import Any

from landcover.export.stac_cells import cells_collection
from landcover.export.stac_map import map_item
from landcover.export.stac_model import model_item
from landcover.export.stac_parts import SOFTWARE, item_path
from landcover.files import whole_file

__all__ = ["cells_collection", "is_own", "item_path", "map_item", "model_item", "write_map_item", "write_model_item"]


def write_map_item(map_path: Path, model: Path | None = None) -> Path:
    """Write <map>.stac.json beside a map, anew if it is there; see `map_item`. Of a map in cells it is a collection,
    and there is an item beside each cell. Raises LandcoverError."""
    if map_path.suffix.lower() == ".vrt":
        collection, items = cells_collection(map_path, model)
        for cell, item in items.items():
            _write(item, item_path(cell))
        return _write(collection, item_path(map_path))
    return _write(map_item(map_path, model), item_path(map_path))


def write_model_item(model_path: Path) -> Path:
    """Write model.stac.json beside model.keras, anew if it is there; see `model_item`. Raises LandcoverError."""
    return _write(model_item(model_path), item_path(model_path))


def is_own(path: Path) -> bool:
    """Whether a file is an item, or a collection, that this program wrote."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["type"] == "Collection":
            return any(SOFTWARE in software for software in told["summaries"]["processing:software"])
        return SOFTWARE in told["properties"]["processing:software"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(item: dict[str, Any], path: Path) -> Path:
    # NaN is no JSON, whatever Python says
    text = json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path
