"""What an output was made from, and with."""

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from landcover import __version__
from landcover.parallel import on_all_cores

PIECE = 2**22
COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")
"""Suffixes of the files that make up a shapefile with it."""


def inputs(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Path, bytes and SHA-256 of files, shapefiles with their companions; None for what is no file here."""
    files: list[tuple[str, Path]] = []
    for path in paths:
        own = Path(path)
        beside = [own.with_suffix(s) for s in COMPANIONS] if own.suffix.lower() == ".shp" else []
        files += [(str(path), own), *((str(b), b) for b in beside if b.exists())]
    return list(on_all_cores(_input, files))


def _input(named: tuple[str, Path]) -> dict[str, Any]:
    name, file = named
    there = file.is_file()
    return {
        "path": name,
        "bytes": file.stat().st_size if there else None,
        "sha256": digest(file) if there else None,
    }


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def versions() -> dict[str, str]:
    """Of this program and of what its figures depend on."""
    return {
        "landcover": __version__,
        "Python": platform.python_version(),
        "GDAL": rasterio.__gdal_version__,
        "rasterio": rasterio.__version__,
        "NumPy": np.__version__,
    }
