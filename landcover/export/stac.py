"""STAC items beside maps and models: what catalogues and their browsers read of them."""

import json
from pathlib import Path
from typing import Any

from landcover.export.stac_map import map_item
from landcover.export.stac_model import model_item
from landcover.export.stac_parts import SOFTWARE, item_path
from landcover.files import whole_file

__all__ = ["is_own", "item_path", "map_item", "model_item", "write_map_item", "write_model_item"]


def write_map_item(map_path: Path, model: Path | None = None) -> Path:
    """Write <map>.stac.json beside a map, anew if it is there; see `map_item`. Raises LandcoverError."""
    return _write(map_item(map_path, model), item_path(map_path))


def write_model_item(model_path: Path) -> Path:
    """Write model.stac.json beside model.keras, anew if it is there; see `model_item`. Raises LandcoverError."""
    return _write(model_item(model_path), item_path(model_path))


def is_own(path: Path) -> bool:
    """Whether a file is an item that this program wrote."""
    try:
        return SOFTWARE in json.loads(path.read_text(encoding="utf-8"))["properties"]["processing:software"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(item: dict[str, Any], path: Path) -> Path:
    # NaN is no JSON, whatever Python says
    text = json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path
