"""Folders of chips as ArcGIS exports them: which files belong together, and what their metadata tells."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.crs import CRS
from rasterio.errors import CRSError

from landcover.bands import CLASSIFIED_TILES
from landcover.errors import LabelError
from landcover.prepare.classified_tiles import DEFINITION, MAP, MAP_SPACE, PIXEL_SPACE, STATS
from landcover.remap import code_of

LAST_EPSG = 32_767
"""Higher codes of a spatial reference are Esri's own."""

MOST_NAMED = 3
"""So many files are named in a message, of however many it is about."""


@dataclass(frozen=True)
class Export:
    """An exported folder: (image, label) file names in it; the classes' names by pixel value, none where it lists none;
    the bands' names; the CRS that its cell size is told in; whether chips lie in the space of pixels, not of a map; and
    how many images map.txt leaves out."""

    folder: Path
    pairs: tuple[tuple[str, str], ...]
    classes: Mapping[int, str]
    bands: tuple[str, ...]
    crs: CRS | None
    pixel_space: bool
    unlisted: int


def read_export(folder: Path) -> Export:
    """What ArcGIS wrote for Classified Tiles, in the form before ArcGIS Pro 2.7 or since. Raises LabelError."""
    if not folder.is_dir():
        raise LabelError(f"{folder}: no such folder")
    missing = [name for name in (DEFINITION, MAP, STATS) if not (folder / name).is_file()]
    if missing:
        raise LabelError(f"{folder}: is no folder of chips that ArcGIS exported: it has no {' and no '.join(missing)}")
    stats, definition = _read_json(folder / STATS), _read_json(folder / DEFINITION)
    mode = stats.get("MetaDataMode") or definition.get("MetaDataMode")
    if mode != CLASSIFIED_TILES:
        raise LabelError(
            f"{folder}: its chips are {mode or 'of no metadata format that it tells'}; land cover is mapped by "
            f"{CLASSIFIED_TILES}: export with that metadata format"
        )
    pairs = _read_map(folder)
    _check_there(folder, pairs)
    bands = _inside(definition, "InputRastersProps").get("BandNames")
    return Export(
        folder=folder,
        pairs=pairs,
        classes=_classes(folder / DEFINITION, definition.get("Classes")),
        bands=tuple(map(str, bands)) if isinstance(bands, list) else (),
        crs=_crs(_inside(_inside(definition, "MinCellSize"), "spatialReference")),
        pixel_space=definition.get("ImageSpaceUsed", MAP_SPACE) == PIXEL_SPACE,
        unlisted=_unlisted(folder, pairs),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path}: is no JSON ({error}): export again") from None
    if not isinstance(read, dict):
        raise LabelError(f"{path}: holds no keys: export again")
    return read


def _inside(read: dict[str, Any], key: str) -> dict[str, Any]:
    found = read.get(key)
    return found if isinstance(found, dict) else {}


def _read_map(folder: Path) -> tuple[tuple[str, str], ...]:
    """The pairs in map.txt by name. Several processes write it: lines stand in any order, and some twice."""
    path = folder / MAP
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise LabelError(f"{path}: is no text: export again") from None
    label_of: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        names = line.replace("\\", "/").split()
        if not names:
            continue
        if len(names) != 2:
            raise LabelError(f"{path}, line {number}: names {len(names)} files; an image and its label are expected")
        image, label = names
        if label_of.setdefault(image, label) != label:
            raise LabelError(f"{path}, line {number}: {image} has another label here, {label}, than before")
    if not label_of:
        raise LabelError(f"{path}: names no chip: nothing was exported")
    return tuple(sorted(label_of.items()))


def _check_there(folder: Path, pairs: tuple[tuple[str, str], ...]) -> None:
    for what, names in (("image", [image for image, _ in pairs]), ("label", [label for _, label in pairs])):
        gone = [name for name in names if not (folder / name).is_file()]
        if gone:
            others = ", ..." if len(gone) > MOST_NAMED else ""
            raise LabelError(
                f"{folder}: of {len(pairs):,} chips {len(gone):,} have no {what} file: "
                f"{', '.join(gone[:MOST_NAMED])}{others}: export again, or take their lines out of {MAP}"
            )


def _unlisted(folder: Path, pairs: tuple[tuple[str, str], ...]) -> int:
    """How many images lie beside those that map.txt names."""
    places = {(Path(image).parent, Path(image).suffix) for image, _ in pairs}
    there = sum(1 for place, suffix in places for _ in (folder / place).glob(f"*{suffix}"))
    return there - len(pairs)


def _classes(path: Path, listed: object) -> dict[int, str]:
    """Names by value; older readers' keys were ClassValue and ClassName."""
    names: dict[int, str] = {}
    for entry in listed if isinstance(listed, list) else ():
        told = entry if isinstance(entry, dict) else {}
        value = code_of(told.get("Value", told.get("ClassValue")))
        name = str(told.get("Name", told.get("ClassName", "")) or "").strip()
        if not isinstance(value, int):
            raise LabelError(f"{path}: a class without a whole number for its value: {json.dumps(entry)}")
        if names.setdefault(value, name) != name:
            raise LabelError(f"{path}: value {value} is both {names[value]!r} and {name!r}")
    return names


def _crs(reference: Mapping[str, Any]) -> CRS | None:
    """From Esri's description of a spatial reference, None where it tells none that is known."""
    code, text = reference.get("latestWkid") or reference.get("wkid"), reference.get("wkt")
    try:
        # in an environment GDAL's own words go to the log
        with rasterio.Env():
            if isinstance(code, int):
                return CRS.from_authority("ESRI" if code > LAST_EPSG else "EPSG", code)
            return CRS.from_wkt(text) if isinstance(text, str) else None
    except CRSError:
        return None
