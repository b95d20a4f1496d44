"""The files that belong to another one: those that make up a shapefile with it, those that tell of a raster where it
lies and where it has no data, and those that a virtual raster shows."""

import os
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

FEW = 8
"""Files of a folder of which each looks for its own; for more the folder is listed."""

SHOWN = ("SourceFilename", "SourceDataset")
"""Elements of a virtual raster that name what it shows."""


def with_companions(paths: Iterable[str | Path]) -> list[str]:
    """Each file followed by those that belong to it, in upper or lower case; of the `.aux.xml` of rasters those that
    tell more than statistics; of a virtual raster also the files that it shows."""
    return list(dict.fromkeys(chain.from_iterable(companions_of_each(paths))))


def companions_of_each(paths: Iterable[str | Path]) -> Iterator[list[str]]:
    """The same file by file; one that several show comes with each."""
    folders: dict[Path, _Folder] = {}
    for path in paths:
        files: dict[str, None] = {}
        left = [str(path)]
        while left:
            name = left.pop()
            if name not in files:
                files[name] = None
                left += reversed(_shown_by(Path(name)))
                files |= dict.fromkeys(_beside(name, folders))
        yield list(files)


def _beside(path: str, folders: dict[Path, "_Folder"]) -> Iterator[str]:
    """What belongs to a file in its folder; `folders`: those that were looked into."""
    own = Path(path)
    names = [] if is_remote(path) else list(_names(own))
    if names:
        folder = folders.setdefault(own.parent, _Folder(own.parent))
        for beside in folder.find(names):
            if not beside.name.casefold().endswith(TOLD) or told_of_raster(beside):
                yield str(beside)


class _Folder:
    """Looks for names in a folder, in upper or lower case: for those that belong to a FEW files by themselves, for more
    in a list of all. A folder may have many thousands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._asked = 0
        self._listed: frozenset[str] | None = None

    def find(self, names: Iterable[tuple[str, str]]) -> Iterator[Path]:
        """Those that are there, of stems and endings."""
        self._asked += 1
        if self._asked == FEW + 1:
            self._listed = _listed(self._path)
        found: set[tuple[int, int]] = set()
        for stem, ending in names:
            for name in sorted(_spelled(stem, ending)):
                # where case is nothing, a file has all these names
                if (file := self._look(name)) is not None and file not in found:
                    found.add(file)
                    yield self._path / name

    def _look(self, name: str) -> tuple[int, int] | None:
        """Which file has a name."""
        if self._listed is not None and name not in self._listed:
            return None
        try:
            stat = os.lstat(self._path / name)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


def _listed(folder: Path) -> frozenset[str] | None:
    """The names in a folder; None where they cannot be listed."""
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return None


def _spelled(stem: str, ending: str) -> set[str]:
    upper = ending.upper()
    return {stem + ending, stem + upper, stem.lower() + ending, stem.upper() + upper}


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


def _names(own: Path) -> Iterator[tuple[str, str]]:
    """Stems and endings of what may belong to a file."""
    suffix = own.suffix.lower()
    if suffix == ".shp":
        yield from ((own.stem, other) for other in OF_SHAPES)
    elif suffix in RASTER_SUFFIXES:
        yield own.name, MASK
        yield own.name, TOLD
        # world files, in GDAL's order, and MapInfo's
        yield from ((own.stem, world) for world in (f".{suffix[1]}{suffix[-1]}w", f"{suffix}w", ".wld", ".tab"))
