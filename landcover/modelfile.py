"""The zip file that a model is."""

import json
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

ENTRY = "landcover.json"
"""The name of the description of a model in its file."""

EXPORTED = (".onnx", ".dlpk")
"""Suffixes of models that ONNX Runtime computes."""

UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error)
"""What reading a zip file raises that is damaged, encrypted, or packed in a way that Python does not know."""


def read_json(path: Path, entry: str) -> Any:
    """What an entry holds; None where there is none, or no zip file, or no JSON."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(entry))
    except (KeyError, *UNREADABLE):
        return None
