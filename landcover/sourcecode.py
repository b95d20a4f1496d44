"""What of the program a stage's output depends on: one digest of the source files behind it."""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

BOOKKEEPING = frozenset({
    "cluster", "companions", "config", "errors", "files", "fingerprint", "flight", "parallel", "pipeline", "progress",
    "provenance", "quietly", "remote", "settings", "sourcecode", "stage", "uptodate", "words",
})  # fmt: skip
"""Modules that change what is told and recorded, and not what is made. Settings are compared by themselves."""

IMPORT = re.compile(rb"^\s*(?:from (landcover[\w.]*) import (\([^)]*\)|[^\n]*)|import (landcover[\w.]*))", re.MULTILINE)


@cache
def code_digest(root: str) -> str | None:
    """SHA-256 of a module of this package, told from it as in `prepare.mosaic`, and of all that it imports of the
    package, at any depth; None where there are no source files."""
    found, left = {}, [root]
    while left:
        name = left.pop()
        if name in found or name.partition(".")[0] in BOOKKEEPING or (read := _read(name)) is None:
            continue
        found[name], imported = read
        left += imported
    if root not in found:
        return None
    return hashlib.sha256("".join(f"{name}\0{found[name]}\n" for name in sorted(found)).encode()).hexdigest()


@cache
def _read(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Digest of a module and what it imports of the package; None for what is no module."""
    place = PACKAGE.joinpath(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            # as text files differ between systems
            text = file.read_bytes().replace(b"\r\n", b"\n")
            return hashlib.sha256(text).hexdigest(), tuple(_imported(text))
    return None


def _imported(text: bytes) -> Iterator[str]:
    """Modules and names in modules: the latter are read as no module."""
    for source, names, plain in IMPORT.findall(text):
        module = (source or plain).decode().removeprefix("landcover").removeprefix(".")
        if module:
            yield module
        for name in re.findall(rb"\w+", names.split(b"#")[0]):
            yield f"{module}.{name.decode()}".removeprefix(".")


@cache
def package_digest() -> str:
    """SHA-256 of all source files of this package."""
    found = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        # as text files differ between systems
        text = file.read_bytes().replace(b"\r\n", b"\n")
        found.update(f"{file.relative_to(PACKAGE).as_posix()}\0{hashlib.sha256(text).hexdigest()}\n".encode())
    return found.hexdigest()
