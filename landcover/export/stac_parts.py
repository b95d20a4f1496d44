"""What the STAC documents of maps and of models have in common."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from landcover.errors import LandcoverError
from landcover.fingerprint import digest
from landcover.scheme import BACKGROUND, ClassScheme, LandClass

STAC_VERSION = "1.1.0"
SOFTWARE = "landcover"
"""The name of this program in `processing:software`."""

SHA256 = "1220"
"""Multihash: function 0x12, SHA-256, of 0x20 bytes (https://multiformats.io/multihash)."""

VERSIONS = {
    "classification": "v2.0.0",
    "file": "v2.1.0",
    "mlm": "v1.6.0",
    "processing": "v1.2.0",
    "projection": "v2.0.0",
    "raster": "v2.0.0",
}
"""The STAC extensions in use; raster is the first version that works with the bands of STAC 1.1."""


def item_path(path: Path) -> Path:
    """Where the item of a map or a model is: beside it, <name>.stac.json, so that it is not taken for other JSON."""
    return path.with_name(f"{path.stem}.stac.json")


def extensions(*names: str) -> list[str]:
    """The schemas that an item says it keeps to."""
    return [f"https://stac-extensions.github.io/{name}/{VERSIONS[name]}/schema.json" for name in names]


def href(path: str) -> str:
    """A relative path as a reference: what would mean something else in a URL is escaped."""
    return quote(path.replace("\\", "/"), safe="/")


def file_fields(path: Path) -> dict[str, Any]:
    """Bytes and multihash of a file. Raises LandcoverError for one that cannot be read or is being written."""
    try:
        before = path.stat()
        checksum = digest(path)
        after = path.stat()
    except OSError as error:
        raise LandcoverError(f"{path}: cannot be read ({error.strerror or error})") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise LandcoverError(f"{path}: has changed while it was read: give the command again when it is whole")
    return {"file:size": after.st_size, "file:checksum": SHA256 + checksum}


def class_objects(scheme: ClassScheme, nothing: Mapping[str, str]) -> list[dict[str, Any]]:
    """`classification:classes`: 0 with the texts of `nothing`, then the classes in the order of the scheme.

    The description repeats the name because the model extension refers to version 1 of these objects, which wants one.
    """
    listed: list[dict[str, Any]] = [{"value": BACKGROUND, **nothing, "nodata": True}]
    for land_class, key in zip(scheme, _keys(scheme, taken=nothing["name"]), strict=True):
        listed.append(
            {
                "value": land_class.value,
                "name": key,
                "title": land_class.name,
                "description": land_class.name,
                "color_hint": land_class.color[1:],
            }
        )
    return listed


def _keys(scheme: Iterable[LandClass], taken: str) -> list[str]:
    """A name of each class in letters and digits of ASCII, which is all that the extension allows, each another one."""
    keys = [taken]
    for land_class in scheme:
        plain = unicodedata.normalize("NFKD", land_class.name.casefold()).encode("ascii", "ignore").decode()
        key = re.sub(r"[^0-9a-z]+", "_", plain).strip("_")
        keys.append(f"class_{land_class.value}" if not key or key in keys else key)
    return keys[1:]
