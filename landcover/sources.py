"""Files, folders, globs and URLs in the configuration, as a list of paths."""

import os
from collections.abc import Sequence
from glob import escape, glob, has_magic
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


HERE = "put it there, or name another"
"""What to do about a source that names nothing, where nothing better is known."""


def expand(sources: Sequence[str], suffixes: Sequence[str], error: type[LandcoverError]) -> list[str]:
    """Every path that the sources name, each once, in the order given; a folder's or glob's by name. ~ is the home.

    In folders, files with the suffixes count; ** in a glob stands for folders in folders. Raises `error` where a source
    names nothing.
    """
    paths: dict[str, None] = {}
    for source in map(os.path.expanduser, sources):
        if is_remote(source):
            found = [source]
        elif _is_folder(source):
            found = _inside(source, suffixes)
            if not found:
                below = _below(source, suffixes)
                there = (
                    f"{len(below):,} in folders below it: name {_all_of(source, below)} in its place"
                    if below
                    else _mend(source)
                )
                raise error(f"{source}: no file in this folder ends in {', '.join(suffixes[:2])} or the like: {there}")
        elif Path(source).exists():
            found = [source]
        elif has_magic(source):
            matches = sorted(glob(source, recursive=True))
            found = [p for match in matches for p in ([match] if Path(match).is_file() else _inside(match, suffixes))]
            found = [path for path in found if Path(path).suffix.lower() in suffixes] or found
            if not found:
                raise error(f"{source}: no file matches: {_mend(source)}")
        else:
            raise error(f"{source}: no such file or folder: {_mend(source)}")
        paths.update(dict.fromkeys(found))
    return list(paths)


def overlooked(sources: Sequence[str], suffixes: Sequence[str], paths: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Of folders of which some files are among the `paths`, and others lie in folders below: how many these are, and
    what names all."""
    known = set(map(Path, paths))
    found = {}
    for source in map(os.path.expanduser, sources):
        if not is_remote(source) and _is_folder(source) and _inside(source, suffixes):
            below = _below(source, suffixes)
            if left := len({Path(path) for path in below} - known):
                found[source] = left, _all_of(source, [*_inside(source, suffixes), *below])
    return found


def _is_folder(source: str) -> bool:
    return Path(source).is_dir() and not source.lower().endswith(".gdb")


def _inside(folder: str, suffixes: Sequence[str]) -> list[str]:
    files = (path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(str(path) for path in files if path.suffix.lower() in suffixes)


def _below(folder: str, suffixes: Sequence[str]) -> list[str]:
    """The files in the folders of a folder, and in theirs."""
    found = glob(os.path.join(escape(folder), "*", "**", "*"), recursive=True)
    return [path for path in found if Path(path).suffix.lower() in suffixes and Path(path).is_file()]


def _all_of(folder: str, paths: Sequence[str]) -> str:
    """A glob for all of the paths below a folder."""
    kinds = {Path(path).suffix for path in paths}
    return os.path.join(escape(folder), "**", f"*{kinds.pop()}" if len(kinds) == 1 else "")


def _mend(source: str) -> str:
    """What to do about a source that names nothing: often it is looked for in another folder than was meant."""
    from landcover.config import DEFAULT_FILE

    if os.path.isabs(source) or DEFAULT_FILE.exists():
        return HERE
    project = next((folder for folder in Path.cwd().parents if (folder / DEFAULT_FILE).exists()), None)
    if project is not None:
        return f"cd {os.path.relpath(project)} first, as commands run in the project's folder"
    return f"{HERE}; commands run in the project's folder, where {DEFAULT_FILE} is"
