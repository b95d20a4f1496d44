"""What an output was made from, and with."""

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from landcover import __version__

PIECE = 2**22
COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")
"""Suffixes of the files that make up a shapefile with it."""


def inputs(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Path, bytes and SHA-256 of files, shapefiles with their companions; None for what is no file here."""
    told = []
    for path in paths:
        own = Path(path)
        beside = [own.with_suffix(s) for s in COMPANIONS] if own.suffix.lower() == ".shp" else []
        for file in (own, *(b for b in beside if b.exists())):
            there = file.is_file()
            told.append(
                {
                    "path": str(path) if file == own else str(file),
                    "bytes": file.stat().st_size if there else None,
                    "sha256": digest(file) if there else None,
                }
            )
    return told


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
