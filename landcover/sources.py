"""Files, folders, globs and URLs in the configuration, as a list of paths."""

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from landcover.errors import LandcoverError

RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".png", ".jpg", ".jpeg", ".mrf")
VECTOR_SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gdb", ".kml", ".gml", ".sqlite", ".parquet")


def is_remote(path: str) -> bool:
    """Whether GDAL reads this path by other means than the file system's."""
    return "://" in path or path.startswith("/vsi")


def absolute(path: str) -> str:
    """A path that means the same in every process."""
    return path if is_remote(path) else os.path.abspath(path)


def expand(sources: Sequence[str], suffixes: Sequence[str], error: type[LandcoverError]) -> list[str]:
    """Every path that the sources name, each once, in the order given; a folder's or glob's by name.

    In folders, files with the suffixes count. Raises `error` where a source names nothing.
    """
    paths: dict[str, None] = {}
    for source in sources:
        if is_remote(source):
            found = [source]
        elif Path(source).is_dir() and not source.lower().endswith(".gdb"):
            found = _inside(source, suffixes)
            if not found:
                raise error(f"{source}: no file in this folder ends in {', '.join(suffixes[:2])} or the like")
        elif Path(source).exists():
            found = [source]
        elif has_magic(source):
            matches = sorted(glob(source, recursive=True))
            found = [p for match in matches for p in ([match] if Path(match).is_file() else _inside(match, suffixes))]
            found = [path for path in found if Path(path).suffix.lower() in suffixes] or found
            if not found:
                raise error(f"{source}: no file matches")
        else:
            raise error(f"{source}: no such file or folder")
        paths.update(dict.fromkeys(found))
    return list(paths)


def _inside(folder: str, suffixes: Sequence[str]) -> list[str]:
    files = (path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(str(path) for path in files if path.suffix.lower() in suffixes)
