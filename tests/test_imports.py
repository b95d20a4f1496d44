"""Imports run one way: verbs do not know each other, nouns do not know verbs, Keras stays where it computes."""

import ast
from pathlib import Path

import pytest

import landcover

PACKAGE = Path(landcover.__file__).parent
VERBS = ("prepare", "train", "classify", "assess", "export")
TERMINAL = ("cli", "cli_assess", "cli_export", "cli_stac", "console", "summary")
MODULES = sorted(PACKAGE.rglob("*.py"))


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in _imported(path):
        parts = name.split(".")
        if parts[0] in ("keras", "tensorflow"):
            assert room in ("train", "classify", "export", "field", "memory", "model", "precision"), name
        if parts[0] != "landcover" or len(parts) < 2 or room in TERMINAL:
            continue
        if parts[1] in (*VERBS, "sample"):
            assert parts[1] == room, name
        assert parts[1] not in TERMINAL, name


def test_only_three_rooms_open_files_of_pixels_shapes_and_chips() -> None:
    openers = {"rasterio.open": {"raster.py"}, "read_file(": {"vector.py"}, "h5py.File(": {"chipstore.py"}}
    for call, rooms in openers.items():
        holders = {p.name for p in MODULES if f"{call}" in p.read_text() and p.parent.name != "sample"}
        assert holders <= rooms, call
