"""The files that belong to another one: those that make up a shapefile with it, those that tell of a raster where it
lies and where it has no data, and those that a virtual raster shows."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree as ET

from landcover.sources import RASTER_SUFFIXES, is_remote

OF_SHAPES = (".dbf", ".shx", ".prj", ".cpg")
"""Suffixes of the files that make up a shapefile with it."""

MASK, TOLD = ".msk", ".aux.xml"
"""Endings of the mask that GDAL finds beside a raster, and of what it, or a GIS program, wrote down of one."""

PLACED = ("SRS", "GeoTransform", "GCPList", "GeodataXform")
"""Elements of the latter that say where the raster lies."""

NODATA, ALL_NODATA = "NoDataValue", "NODATA_VALUES"
"""The element of a band's nodata value, and the metadata item of all bands'."""

CELLS_TAG = "LANDCOVER_CELLS_SHA256"
"""Metadata item of an index of cells: the fingerprint of their content, so that the index changes with them."""

SHOWN = ("SourceFilename", "SourceDataset")
"""Elements of a virtual raster that name what it shows."""


def with_companions(paths: Iterable[str | Path]) -> list[str]:
    """Each file followed by those that belong to it, in upper or lower case; of the `.aux.xml` of rasters those that
    tell more than statistics; of a virtual raster also the files that it shows."""
    return list(dict.fromkeys(chain.from_iterable(companions_of_each(paths))))


def companions_of_each(paths: Iterable[str | Path]) -> Iterator[list[str]]:
    """The same file by file; one that several show comes with each."""
    listed: dict[Path, dict[str, list[Path]]] = {}
    for path in paths:
        files: dict[str, None] = {}
        left = [str(path)]
        while left:
            name = left.pop()
            if name not in files:
                files[name] = None
                left += reversed(_shown_by(Path(name)))
                files |= dict.fromkeys(_beside(name, listed))
        yield list(files)


def _beside(path: str, listed: dict[Path, dict[str, list[Path]]]) -> Iterator[str]:
    """What belongs to a file in its folder; `listed`: the files of folders that were looked into."""
    own = Path(path)
    names = [] if is_remote(path) else list(_names(own))
    if names and own.parent not in listed:
        listed[own.parent] = _by_name(own.parent)
    for name in names:
        for beside in listed[own.parent].get(name.casefold(), []):
            if not beside.name.casefold().endswith(TOLD) or told_of_raster(beside):
                yield str(beside)


def told_of_raster(sidecar: Path) -> bytes:
    """What an .aux.xml says that bears on pixels and place, in the order of the file; all of one that is no XML.
    Statistics and histograms, which programs add when somebody looks at a raster, are left out."""
    content = sidecar.read_bytes()
    try:
        root = ET.fromstring(content)
    except ET.ParseError:
        return content
    return "\n".join(ET.canonicalize(ET.tostring(part), strip_text=True) for part in _bearing(root)).encode()


def _bearing(root: ET.Element) -> Iterator[ET.Element]:
    for part in root.iter():
        if part.tag in PLACED or (part.tag == "MDI" and part.get("key") == ALL_NODATA):
            yield part
        elif part.tag == "PAMRasterBand":
            yield from (ET.Element("band", part.attrib), nodata) if (nodata := part.find(NODATA)) is not None else ()


def _shown_by(own: Path) -> list[str]:
    """What a virtual raster shows, by paths as they are, or from the folder that it lies in; nothing of an index of
    cells, which changes with them, and of a file that is none."""
    if own.suffix.lower() != ".vrt" or not own.is_file():
        return []
    try:
        root = ET.parse(own).getroot()
    except (ET.ParseError, OSError):
        return []
    if any(item.get("key") == CELLS_TAG for item in root.iter("MDI")):
        return []
    named = [part for part in root.iter() if part.tag in SHOWN and part.text]
    return [str(own.parent / str(part.text)) if part.get("relativeToVRT") == "1" else str(part.text) for part in named]


def _names(own: Path) -> Iterator[str]:
    suffix = own.suffix.lower()
    if suffix == ".shp":
        yield from (f"{own.stem}{other}" for other in OF_SHAPES)
    elif suffix in RASTER_SUFFIXES:
        yield f"{own.name}{MASK}"
        yield f"{own.name}{TOLD}"
        # world files, in GDAL's order, and MapInfo's
        yield from (f"{own.stem}{world}" for world in (f".{suffix[1]}{suffix[-1]}w", f"{suffix}w", ".wld", ".tab"))


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder by their names without regard to case."""
    found: dict[str, list[Path]] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        found.setdefault(place.name.casefold(), []).append(place)
    return found
